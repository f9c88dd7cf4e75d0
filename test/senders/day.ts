/**
 * A day of a sender: mail to many addresses at 50 receivers, which answer what real servers have answered (test/delivery/replies.tsv), send bounces and
 * complaints later, and unsubscribe. Afterwards the list has exactly those who are not there, who have complained, and who have left.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bounces } from '@postroad/bounces'
import { createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns, definePlugin, Host, SendError, Suppressions } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { QueueDesk } from '@postroad/queue-engine'
import { suppression } from '@postroad/suppression'
import { telemetry } from '@postroad/telemetry'
import { unsubscribe } from '@postroad/unsubscribe'
import type { BounceClass } from '../../packages/queue/src/bounce-table.ts'
import { faultOf } from '../../packages/queue/src/classify.ts'
import { ask } from '../admin/server.ts'
import { freePort } from '../cli/operator.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { type Fate, startReceivers } from './receiver.ts'
import { arfOf, dsnOf } from './report.ts'
import { until } from './wait.ts'

const TENANTS = 4
const FBL = 'fbl@b.day.test'
/** Clients of programs, and connections of those who report. */
const AT_ONCE = 64
const REPORTERS = 8
/** Reports of one connection. */
const PER_SESSION = 100

/** How it went. */
export interface DayReport {
  readonly mails: number
  readonly receivers: number
  readonly replies: number
  /** Addresses by what became of them. */
  readonly fates: Readonly<Record<string, number>>
  readonly dead: number
  readonly suppressed: number
  /** Dead and not on the list; on it and not dead. Both have to be empty. */
  readonly missed: readonly string[]
  readonly wronged: readonly string[]
  /** Entries by reason. */
  readonly reasons: Readonly<Record<string, number>>
  /** Forged addresses for bounces that were tried, and that were answered 550 at RCPT. */
  readonly forged: readonly [tried: number, refused: number]
  /** Milliseconds from the report of a complaint until the list had it, the longest. */
  readonly complaintMs: number
  /** Complaints and deliveries, as the metrics have them. */
  readonly counted: { readonly complaints: number; readonly sent: number }
  /** Of a second round: suppressed addresses that were refused, healthy ones that were taken. */
  readonly again: { readonly refused: readonly [number, number]; readonly taken: readonly [number, number] }
  readonly seconds: number
}

interface KnownReply {
  readonly text: string
  readonly code: number
  /** Whose fault it is, by the classes that people have given it. */
  readonly faults: readonly string[]
}

const REPLIES: readonly KnownReply[] = readFileSync(new URL('../delivery/replies.tsv', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [, , code = '', status = '', , classes = '', words = ''] = line.split('\t')
    const reply = { code: Number(code), status: status === '-' ? undefined : status, text: words }
    return {
      code: reply.code,
      text: [code, reply.status, words].filter(Boolean).join(' '),
      faults: classes.split('/').map((one) => faultOf(reply, one as BounceClass)), // the file has the names of classes
    }
  })
const DEAD = REPLIES.filter(({ faults }) => faults.every((one) => one === 'address'))
const ALIVE = REPLIES.filter(({ faults }) => !faults.includes('address'))
const REFUSED = ALIVE.filter(({ code }) => code >= 500)
const PUT_OFF = ALIVE.filter(({ code }) => code < 500)

type Kind = 'healthy' | 'dead' | 'deadLater' | 'refused' | 'refusedLater' | 'putOff' | 'complains' | 'leaves'

/** Of a hundred addresses. */
const SHARES: readonly (readonly [Kind, number])[] = [
  ['healthy', 62],
  ['dead', 10],
  ['deadLater', 4],
  ['refused', 12],
  ['refusedLater', 3],
  ['putOff', 6],
  ['complains', 2],
  ['leaves', 1],
]
const KINDS = SHARES.flatMap(([kind, share]) => Array.from({ length: share }, () => kind))

/** All that follows from the number of an address. */
function addressOf(n: number, receivers: number) {
  // Each kind at each receiver, whatever their numbers have in common.
  const kind = KINDS[(n * 37 + Math.floor(n / 100)) % 100] ?? 'healthy'
  const tenant = `news@t${n % TENANTS}.day.test`
  return { address: `u${n}@r${Math.floor(n / 7) % receivers}.test`, kind, tenant }
}

const pick = (all: readonly KnownReply[], n: number): string => all[n % all.length]?.text ?? ''

/** Runs it. */
export async function runDay({
  mails,
  receivers: count = 50,
  log = () => undefined,
}: {
  readonly mails: number
  readonly receivers?: number
  readonly log?: (text: string) => void
}): Promise<DayReport> {
  const begun = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'postroad-day-'))
  const services = embeddedServices(join(folder, 'services'))
  const [metricsPort, mxPort] = [await freePort(), await freePort()]
  const reports: { readonly to: string; readonly message: string; readonly address?: string }[] = []
  const links: string[] = []
  const everyReturnPath: string[] = []
  const fateOf = (address: string): Fate => {
    const n = Number(/^u(\d+)@/.exec(address)?.[1])
    const { kind } = addressOf(n, count)
    if (kind === 'dead') return { rcpt: pick(DEAD, n) }
    if (kind === 'refused') return n % 2 === 0 ? { rcpt: pick(REFUSED, n) } : { dot: pick(REFUSED, n) }
    if (kind === 'putOff') return { rcpt: pick(PUT_OFF, n), isOnce: true }
    if (kind === 'deadLater' || kind === 'refusedLater')
      return {
        later: ({ from, to }) => {
          if (everyReturnPath.length < 1_000) everyReturnPath.push(from)
          reports.push({ to: from, message: dsnOf(to, pick(kind === 'deadLater' ? DEAD : REFUSED, n)) })
        },
      }
    if (kind === 'complains')
      return { later: ({ to, headers }) => void reports.push({ to: FBL, message: arfOf(headers), address: to }) }
    if (kind === 'leaves') return { later: ({ headers }) => void links.push(linkOf(headers)) }
    return {}
  }
  await using receivers = await startReceivers(count, fateOf)
  let ended = 0
  let list: Suppressions | undefined
  let queueDesk: () => QueueDesk | undefined = () => undefined
  const byDomain = definePlugin({
    name: 'by-domain',
    needs: { suppressions: Suppressions, host: Host },
    setup: ({ suppressions, host }) => {
      list = suppressions
      queueDesk = () => host.desks(QueueDesk)[0]?.desk
      return {
        route: ({ recipient }) => {
          const n = /^r(\d+)\.test$/.exec(recipient.domain)?.[1]
          return n === undefined ? undefined : { via: 'smtp', host: '127.0.0.1', port: receivers.ports[Number(n)] ?? 0 }
        },
        delivered: ({ recipients }) => void (ended += recipients.length),
        bounced: ({ recipients }) => void (ended += recipients.length),
      }
    },
  })
  const senders = ['*@*.day.test']
  const server = await createServer(
    {
      hostname: 'mx.day.test',
      folder,
      log: { format: 'silent' },
      grace: 1_000,
      setup(app) {
        app
          .use(telemetry({ prometheus: { port: metricsPort }, senders }))
          .use(bounces({ address: 'bounce@b.day.test', senders, cfbl: FBL }))
          .use(suppression({ tenant: 'domain' }))
          .use(byDomain())
          .use(unsubscribe({ url: 'https://mail.day.test', senders }))
          .use(queue({ minFree: 0, lanes: [{ match: '*', retry: ['2 s', '4 s'] }] }))
        app.listen({ name: 'mx', host: '127.0.0.1', port: mxPort })
        app.listen({ name: 'links', protocol: 'http', port: 0, routes: 'links', hosts: ['mail.day.test', '127.0.0.1'] })
      },
    },
    { services: [...services.services, { service: Dns, create: () => zoneDns({}) }] },
  )
  await server.listen()
  const linkPort = server.addresses.find(({ name }) => name === 'links')?.port ?? 0
  const send = (n: number) => {
    const { address, tenant } = addressOf(n, count)
    return server.queue.send({
      from: tenant,
      to: [address],
      message: `From: News <${tenant}>\r\nTo: <${address}>\r\nSubject: News of today\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <${n}@day.test>\r\n\r\n${'Hello, and all the news that there are today.\r\n'.repeat(20)}`,
      recipientParameters: { notify: ['NEVER'] },
    })
  }
  let isOver = false
  try {
    const desk = queueDesk()
    if (!list || !desk) throw new Error('the services were not given')
    const known = list
    const progress = (): number => ended
    let complaintMs = 0
    const report = async (): Promise<void> => {
      let client: SmtpClient | undefined
      let [used, idle] = [0, 0]
      for (;;) {
        const one = reports.shift()
        // A server ends sessions that idle, and those that bring too much.
        if (client && (used >= PER_SESSION || (!one && (isOver || ++idle > 50)))) {
          await client.quit()
          client = undefined
        }
        if (!one) {
          if (isOver) return
          await sleep(20)
          continue
        }
        used = client ? used + 1 : 1
        idle = 0
        client ??= await greet(mxPort)
        const started = performance.now()
        const dot = await deliver(client, one.to, one.message)
        if (!dot.startsWith('250')) throw new Error(`a report was answered ${dot}`)
        if (one.address === undefined) continue
        const n = Number(/^u(\d+)@/.exec(one.address)?.[1])
        while ((await known.find(one.address, addressOf(n, count).tenant))?.reason !== 'complaint') {
          if (performance.now() - started > 60_000) throw new Error(`a complaint was not seen: ${one.address}`)
          await sleep(10)
        }
        complaintMs = Math.max(complaintMs, performance.now() - started)
      }
    }
    const reporters = Promise.all(Array.from({ length: REPORTERS }, report))
    reporters.catch(() => {}) // it is awaited later
    let next = 0
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let n = next++; n < mails; n = next++) {
          await send(n)
          if (n % 10_000 === 9_999)
            log(`${n + 1} handed in, ${ended} ended, ${Math.round((performance.now() - begun) / 1_000)} s`)
        }
      }),
    )
    await until({ what: `${mails} to end`, isSo: () => ended >= mails, progress, queue: desk, log })
    for (const link of links.splice(0)) {
      const answer = await ask({ host: '127.0.0.1', port: linkPort }, 'POST', new URL(link).pathname, {
        raw: 'List-Unsubscribe=One-Click',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      })
      if (answer.status !== 200) throw new Error(`unsubscribing was answered ${answer.status}`)
    }
    const isRead = until({ what: 'reports', isSo: () => reports.length === 0, progress: () => reports.length })
    await Promise.race([isRead, reporters])
    isOver = true
    await reporters
    const forged = await forge(mxPort, everyReturnPath, Math.min(1_000, Math.max(120, Math.floor(mails / 100))))
    // Who is on the list is refused, and nobody else is.
    const expected = expectedOf(mails, count)
    const bad = await again(
      [...expected.keys()].filter((_, at) => at % Math.ceil(expected.size / 2_000) === 0),
      send,
    )
    const healthy = Array.from({ length: mails }, (_, n) => n).filter((n) => !expected.has(n))
    const good = await again(
      healthy.filter((_, at) => at % Math.ceil(healthy.length / 2_000) === 0),
      send,
    )
    await until({ what: 'the second round', isSo: () => ended >= mails + good.taken, progress, queue: desk, log })
    const found = new Map<string, string>()
    for await (const { address, reason } of known.list(undefined)) found.set(address, reason)
    const wanted = new Map([...expected].map(([n, reason]) => [addressOf(n, count).address, reason]))
    return {
      mails,
      receivers: count,
      replies: REPLIES.length,
      fates: countBy(Array.from({ length: mails }, (_, n) => addressOf(n, count).kind)),
      dead: [...wanted.values()].filter((reason) => reason === 'address').length,
      suppressed: [...found.values()].filter((reason) => reason === 'address').length,
      missed: [...wanted].filter(([address, reason]) => found.get(address) !== reason).map(([address]) => address),
      wronged: [...found].filter(([address, reason]) => wanted.get(address) !== reason).map(([address]) => address),
      reasons: countBy([...found.values()]),
      forged,
      complaintMs: Math.round(complaintMs),
      counted: await counted(metricsPort),
      again: { refused: [bad.asked, bad.refused], taken: [good.asked, good.taken] },
      seconds: Math.round((performance.now() - begun) / 1_000),
    }
  } finally {
    isOver = true
    await server.close({ grace: 1_000 })
    await services.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** By the number of the address, why it has to be on the list. */
function expectedOf(mails: number, receivers: number): ReadonlyMap<number, string> {
  const reasons: Partial<Record<Kind, string>> = {
    dead: 'address',
    deadLater: 'address',
    complains: 'complaint',
    leaves: 'unsubscribe',
  }
  const expected = new Map<number, string>()
  for (let n = 0; n < mails; n++) {
    const reason = reasons[addressOf(n, receivers).kind]
    if (reason !== undefined) expected.set(n, reason)
  }
  return expected
}

async function again(numbers: readonly number[], send: (n: number) => Promise<unknown>) {
  let refused = 0
  for (const n of numbers)
    await send(n).catch((error: unknown) => {
      if (!(error instanceof SendError) || !/suppressed/.test(String(error))) throw error
      refused++
    })
  return { asked: numbers.length, refused, taken: numbers.length - refused }
}

/** Bounces to addresses that nobody was sent from: one letter of a real one is another, or all of it is invented. */
async function forge(port: number, real: readonly string[], times: number): Promise<readonly [number, number]> {
  let client = await greet(port)
  let refused = 0
  for (let n = 0; n < times; n++) {
    // `limits.refusedRecipients`: who tries out a hundred is answered 421, whatever he asks for next.
    if (n % 50 === 49) {
      await client.quit()
      client = await greet(port)
    }
    const [local = '', domain = ''] = (real[n % real.length] ?? 'bounce+k-a-b-c@b.day.test').split('@')
    const at = 'bounce+'.length + 9 + (n % (local.length - 'bounce+'.length - 9))
    const changed = `${local.slice(0, at)}${local[at] === 'a' ? 'b' : 'a'}${local.slice(at + 1)}@${domain}`
    const invented = `bounce+${randomBytes(4).toString('hex')}-abc-${'a'.repeat(12)}-${'b'.repeat(16)}@${domain}`
    await client.send('MAIL FROM:<>')
    const reply = await client.send(`RCPT TO:<${n % 3 === 0 ? invented : changed}>`)
    if (/^550 5\.1\.1 /.test(reply)) refused++
    await client.send('RSET')
  }
  await client.quit()
  return [times, refused]
}

async function greet(port: number): Promise<SmtpClient> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  await client.send('EHLO mx.r.test')
  return client
}

async function deliver(client: SmtpClient, to: string, message: string): Promise<string> {
  await client.send('MAIL FROM:<>')
  const rcpt = await client.send(`RCPT TO:<${to}>`)
  if (!rcpt.startsWith('250')) return rcpt
  await client.send('DATA')
  return client.send(`${message}\r\n.`)
}

function linkOf(headers: string): string {
  return /List-Unsubscribe: <(https:[^>]+)>/i.exec(headers)?.[1] ?? ''
}

async function counted(port: number): Promise<{ readonly complaints: number; readonly sent: number }> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const sum = (begin: RegExp): number =>
    text
      .split('\n')
      .filter((line) => begin.test(line))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0)
  return {
    complaints: sum(/^postroad_feedback_total\{.*kind="complaint"/),
    sent: sum(/^postroad_sent_total\{/),
  }
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}
