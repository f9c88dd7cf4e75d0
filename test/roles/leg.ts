/** One configuration in one of three roles, and what clients hear of it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { Clock, Dns, definePlugin, Limiter, Lock, Store } from '@postroad/plugin'
import { type FakeClock, fakeClock, memoryLimiter, memoryLock, memoryStore } from '@postroad/testing'
import { certificate } from '../delivery/certificate.ts'
import { startPostfix } from '../delivery/postfix.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { freePorts } from '../interop/loopback.ts'
import { DOMAIN, fill, THRESHOLDS, zone } from './configuration.ts'
import type { Dialogue } from './dialogue.ts'
import { octetsOf, PUBLIC_KEY } from './letter.ts'

export type Role = 'mta' | 'milter' | 'policy'

/** One reply: where it was heard, its last line, and whether the server hung up. */
export interface Heard {
  /** Which letter, 0 for the first; -1 before the first. */
  readonly letter: number
  readonly at: 'banner' | 'EHLO' | 'MAIL' | `RCPT ${number}` | 'DATA' | 'end'
  readonly reply: string
  readonly hungUp: boolean
  /** What became of a message that was answered 250. */
  readonly fate?: Fate
}

/** Stored for delivery, set aside, both, or gone. */
export type Fate = 'taken' | 'held' | 'taken and held' | 'discarded'

/** One role, ready for clients. */
export interface Leg extends AsyncDisposable {
  hold(dialogue: Dialogue): Promise<readonly Heard[]>
  /** What the servers have logged that is no line of a session. */
  trouble(): readonly string[]
}

/** Which of the three, and what it is set up with. */
export interface LegOptions {
  readonly role: Role
  readonly withContent: boolean
  readonly refuseAt: 'rcpt' | 'now'
}

/** Takes what nobody objects to, as the server in charge; when somebody asks, that one is in charge. */
class Taker {
  readonly #stored = new Set<'taken' | 'held'>()
  readonly plugin = definePlugin({
    name: 'taker',
    hooks: {
      route: ({ recipient }) => (recipient.domain === DOMAIN ? { via: 'taker' } : undefined),
      queue: () => this.#store('taken'),
      quarantine: () => this.#store('held'),
    },
  })

  #store(id: 'taken' | 'held'): { readonly id: string } {
    this.#stored.add(id)
    return { id }
  }

  /** Of the last message. */
  fate(): Fate {
    const [first, second] = [...this.#stored]
    this.#stored.clear()
    return second ? 'taken and held' : (first ?? 'discarded')
  }
}

/** Where Postfix has put what it has said 250 to; it delivers nothing. */
function fateIn(queue: string, reply: string): Fate {
  const id = /queued as (\w+)/.exec(reply)?.[1] ?? ''
  const isIn = (name: string): boolean =>
    readdirSync(join(queue, name), { recursive: true }).some((file) => basename(String(file)) === id)
  if (isIn('hold')) return 'held'
  // In the order in which a message moves, and again from the beginning, should it come back to one that was looked at.
  const folders = ['incoming', 'active', 'deferred']
  return [...folders, ...folders].some(isIn) ? 'taken' : 'discarded'
}

const FILTERED = `smtpd_recipient_restrictions =
smtpd_data_restrictions =
milter_default_action = tempfail
`

/** Starts it, all of its services in memory and all clocks at the same time. */
export async function startLeg(options: LegOptions): Promise<Leg> {
  const { role } = options
  const [port = 0] = await freePorts(1)
  const server = await startServer(port, options)
  try {
    if (role === 'mta') return leg(port, server)
    const service = `check_policy_service { inet:127.0.0.1:${port}, try_limit=10 }`
    const asking =
      role === 'milter'
        ? `smtpd_milters = inet:127.0.0.1:${port}\n${FILTERED}`
        : `smtpd_recipient_restrictions = ${service}\nsmtpd_data_restrictions = ${service}\n`
    const postfix = await startPostfix({ certificate, domain: DOMAIN, main: `${POSTFIX}${asking}` })
    const trouble = (): readonly string[] =>
      readFileSync(postfix.log, 'utf8')
        .split('\n')
        .filter((line) => /4\.3\.5|problem talking|unknown smtpd restriction|: (?:fatal|panic|error):/.test(line))
    return leg(postfix.port, {
      clock: server.clock,
      fate: (reply) => fateIn(join(dirname(postfix.log), 'queue'), reply),
      failures: () => [...server.failures(), ...trouble()],
      async [Symbol.asyncDispose]() {
        await postfix[Symbol.asyncDispose]()
        await server[Symbol.asyncDispose]()
      },
    })
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}

/** Nothing but what is asked refuses anything, and what is taken stays in the queue. */
const POSTFIX = `
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_relay_restrictions = reject_unauth_destination
smtpd_reject_unlisted_recipient = no
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
virtual_transport = discard:
defer_transports = discard
`

interface Running extends AsyncDisposable {
  readonly clock: FakeClock
  failures(): readonly string[]
  /** Asked once after each 250. */
  fate(reply: string): Fate
}

async function startServer(port: number, { role, withContent, refuseAt }: LegOptions): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-roles-'))
  const clock = fakeClock()
  const failures: string[] = []
  const taker = new Taker()
  const at = { host: '127.0.0.1', port }
  const server = await createServer(
    {
      hostname: 'mx.example.test',
      folder,
      thresholds: THRESHOLDS,
      refuseAt,
      log: {
        format: 'json',
        write: (lines) =>
          void failures.push(...lines.split('\n').filter((line) => /"level":"(?:error|fatal)"/.test(line))),
      },
      async setup(app) {
        await fill(withContent)(app)
        if (role === 'mta') app.use(taker.plugin())
        app.listen(role === 'mta' ? { ...at, xclient: ['127.0.0.1'] } : { ...at, protocol: role })
      },
    },
    {
      services: [
        { service: Clock, create: () => clock },
        { service: Store, create: () => memoryStore(clock) },
        { service: Limiter, create: () => memoryLimiter(clock) },
        { service: Lock, create: () => memoryLock() },
        { service: Dns, create: () => zoneDns(zone(PUBLIC_KEY), { clock }) },
      ],
    },
  )
  await server.listen()
  return {
    clock,
    failures: () => failures,
    fate: () => taker.fate(),
    async [Symbol.asyncDispose]() {
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function leg(port: number, running: Running): Leg {
  return {
    async hold(dialogue) {
      await running.clock.advance(dialogue.wait)
      const client = await SmtpClient.connect(port)
      try {
        return await new Talk(client, running.fate).hold(dialogue)
      } finally {
        await client.quit()
      }
    },
    trouble: () => running.failures(),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}

/** A client that goes on as far as it is let. */
class Talk {
  readonly #client: SmtpClient
  readonly #fate: Running['fate']
  readonly #heard: Heard[] = []
  #letter = -1
  #isOver = false

  constructor(client: SmtpClient, fate: Running['fate']) {
    this.#client = client
    this.#fate = fate
  }

  async hold({ client, name = '[UNAVAILABLE]', helo, letters }: Dialogue): Promise<readonly Heard[]> {
    await this.#client.reply()
    await this.#client.send('EHLO roles.test')
    if (!(await this.#say('banner', `XCLIENT ADDR=${client} NAME=${name} PORT=4321`))) return this.#heard
    if (!(await this.#say('EHLO', `EHLO ${helo}`))) return this.#heard
    for (const letter of letters) {
      this.#letter++
      await this.#send(letter)
      if (this.#isOver) break
    }
    return this.#heard
  }

  async #send(letter: Dialogue['letters'][number]): Promise<void> {
    if (!(await this.#say('MAIL', `MAIL FROM:<${letter.from}>`))) return
    let count = 0
    for (const [index, to] of letter.to.entries()) {
      if (await this.#say(`RCPT ${index}`, `RCPT TO:<${to}>`)) count++
      if (this.#isOver) return
    }
    if (count > 0 && (await this.#say('DATA', 'DATA'))) await this.#say('end', `${octetsOf(letter)}.`)
    else if (!this.#isOver) await this.#client.send('RSET')
  }

  /** Whether the server goes on. */
  async #say(at: Heard['at'], line: string): Promise<boolean> {
    const reply = await this.#client.send(line)
    // A server that hangs up says so at the next command at the latest.
    const isRefused = !/^[23]/.test(reply)
    const hungUp = isRefused && (reply === '' || (await this.#client.send('NOOP')) === '')
    this.#isOver = hungUp
    const fate = at === 'end' && !isRefused ? { fate: this.#fate(reply) } : {}
    this.#heard.push({ letter: this.#letter, at, reply, hungUp, ...fate })
    return !isRefused
  }
}
