/** A busy day: a real server, and clients from everywhere that have sent mail to it over SMTP for a day, while a clock of the test ran fast. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { random } from '../fixture-mail.ts'
import type { BusyOrder, BusyStarted } from './busy-server.ts'
import { domainOf, SENDERS, type Sender } from './senders.ts'

const DAY = 86_400_000
const MINUTE = 60_000
/** Milliseconds between two attempts of a sender that was refused for now. */
const RETRY = 7 * MINUTE
/** Connections at the same time. */
const AT_ONCE = 8

/** It runs, and time with it. */
export interface BusyServer extends AsyncDisposable {
  readonly url: string
  /** So many mails, one after the other, now. */
  send(count: number): Promise<void>
}

/** Starts it, and lets a day pass in which `mails` come. */
export async function startBusyServer({ mails }: { readonly mails: number }): Promise<BusyServer> {
  const child = fork(join(import.meta.dirname, 'busy-server.ts'), {
    execArgv: ['--conditions=@postroad/source', '--no-warnings'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  })
  const ended = once(child, 'exit')
  const [begun] = (await Promise.race([once(child, 'message'), ended.then(() => Promise.reject(new Error('the busy server did not start')))])) as [BusyStarted] // biome-ignore format: one line
  let now = begun.now
  const clients = new Clients({ port: begun.smtp, pem: begun.key, now: () => now })
  const dice = random(31)
  let sent = 0
  for (let due: readonly Letter[] = []; now < begun.now + DAY; ) {
    const passed = (now - begun.now) / DAY
    const again = due.filter(({ at }) => at <= now)
    // More by day than by night.
    const wanted = Math.min(mails, mails * (passed + Math.sin(passed * 2 * Math.PI - 2) / 12 + 0.076))
    const fresh = Array.from({ length: Math.max(0, Math.round(wanted - sent)) }, () => letter(dice, now))
    sent += fresh.length
    const back = await clients.deliver([...again, ...fresh])
    due = [...due.filter(({ at }) => at > now), ...back.map((one) => ({ ...one, at: now + RETRY, isRetry: true }))]
    now = await advance(child, Math.min(Math.round(MINUTE * (1 + dice())), Date.now() - now))
  }
  child.send('live' satisfies BusyOrder)
  return {
    url: `http://127.0.0.1:${begun.web}/`,
    async send(count) {
      now = Date.now()
      for (let n = 0; n < count; n++) await clients.deliver([letter(dice, now)])
    },
    async [Symbol.asyncDispose]() {
      child.disconnect()
      await ended
    },
  }
}

async function advance(child: ChildProcess, ms: number): Promise<number> {
  const done = once(child, 'message')
  child.send({ advance: Math.max(1, ms) } satisfies BusyOrder)
  const [{ now }] = (await done) as [{ readonly now: number }]
  return now
}

/** A mail that is to be sent. */
interface Letter {
  readonly sender: Sender
  readonly remote: string
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly id: string
  readonly at: number
  readonly isRetry?: boolean
}

const ALL = SENDERS.reduce((sum, { weight }) => sum + weight, 0)

function letter(dice: () => number, at: number): Letter {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(dice() * list.length)] as T // in range
  let weight = dice() * ALL
  const sender = SENDERS.find((one) => (weight -= one.weight) < 0) ?? pick(SENDERS)
  const to = [pick(sender.to), ...(dice() < 0.06 ? sender.to : [])]
  const { remotes, from, subjects } = sender
  return { sender, remote: pick(remotes), from: pick(from), to: [...new Set(to)], subject: pick(subjects), id: Math.floor(dice() * 2 ** 40).toString(36), at } // biome-ignore format: one line
}

const TLS = { quantum: { ecdhCurve: 'X25519MLKEM768' }, x25519: { ecdhCurve: 'X25519' }, old: { maxVersion: 'TLSv1.2', ecdhCurve: 'X25519:P-256' } } as const // biome-ignore format: one line

class Clients {
  readonly #port: number
  readonly #pem: string
  readonly #now: () => number

  constructor({ port, pem, now }: { readonly port: number; readonly pem: string; readonly now: () => number }) {
    this.#port = port
    this.#pem = pem
    this.#now = now
  }

  /** Some at the same time; resolves to those that come again. */
  async deliver(letters: readonly Letter[]): Promise<readonly Letter[]> {
    const again: Letter[] = []
    const left = [...letters]
    const work = async (): Promise<void> => {
      for (let one = left.shift(); one; one = left.shift()) {
        const reply = await this.#send(one)
        if (reply.startsWith('4') && one.sender.retries === true && one.isRetry !== true) again.push(one)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    return again
  }

  async #send({ sender, remote, from, to, subject, id }: Letter): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port: this.#port })
    const [family, own] = remote.includes(':') ? ['TCP6', '2001:db8::1'] : ['TCP4', '192.0.2.1']
    socket.write(`PROXY ${family} ${remote} ${own} ${30_000 + (subject.length % 90)} 25\r\n`)
    const { tls = 'none', signs, mail, helo: name } = sender
    const domain = domainOf(sender.from[0] ?? '')
    const author = from === '' ? `mailer-daemon@${name}` : from
    const transport = createTransport({
      name,
      connection: socket,
      logger: false,
      ...(tls === 'none' ? { ignoreTLS: true } : { tls: { rejectUnauthorized: false, ...TLS[tls] } }),
      ...(signs && { dkim: { domainName: domain, keySelector: 's1', privateKey: this.#pem } }),
    } as never) // options of SMTP, which the types of nodemailer keep apart
    try {
      const { response } = (await transport.sendMail({
        from: author,
        to: [...to],
        subject,
        date: new Date(this.#now()),
        messageId: `<${id}@${name}>`,
        text: `Hello,\n\n${subject}\n\nBest wishes`,
        ...mail,
        envelope: { from, to: [...to] },
      })) as unknown as { readonly response: string } // of SMTP
      return response
    } catch (error) {
      return (error as { readonly response?: string }).response ?? ''
    } finally {
      transport.close()
      socket.destroy()
    }
  }
}
