/**
 * A real Postroad with plugins as an operator uses them, in a process of its own: `busy-server.ts`. Its DNS is a zone of the test, and its time passes when
 * the parent says so, until it is told to go with the machine's.
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { access } from '@postroad/access'
import { admin } from '@postroad/admin'
import { attachments } from '@postroad/attachments'
import { createServer } from '@postroad/core'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { zoneDns } from '@postroad/dns'
import { dnsbl } from '@postroad/dnsbl'
import { greylist } from '@postroad/greylist'
import { headers } from '@postroad/headers'
import { helo } from '@postroad/helo'
import { mime } from '@postroad/mime'
import { Clock, Dns, definePlugin, Limiter, Lock, reject, Spool, Store, suspect } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { queue } from '@postroad/queue'
import { rateLimit } from '@postroad/rate-limit'
import { recipients } from '@postroad/recipients'
import { MailRecords, openRecords } from '@postroad/records'
import { routing } from '@postroad/routing'
import { spf } from '@postroad/spf'
import { createSink, fakeClock, memoryLimiter, memoryLock, memorySpool, memoryStore } from '@postroad/testing'
import { zoneOf } from './senders.ts'

const DAY = 86_400_000

/** What the parent is told first. */
export interface BusyStarted {
  readonly web: number
  readonly smtp: number
  /** Of DKIM, PEM. */
  readonly key: string
  readonly now: number
}

/** What it says: let so many milliseconds pass, or go on with the clock of the machine. */
export type BusyOrder = { readonly advance: number } | 'live'

/** An operator's own rule, of what the plugins do not know; once in a while it fails. */
const houseRule = definePlugin({
  name: 'house-rule',
  hooks: {
    async message({ message }) {
      await sleep(3 + (message.size % 9))
      if (/4,183/.test(message.subject ?? '') && message.size % 3 === 0) throw new Error('the list of builds is not there')
      return /prize/i.test(message.subject ?? '') ? suspect(6.5, 'mentions a prize') : undefined
    },
  },
}) // biome-ignore format: short

/** Tried out: it is listened to, and not obeyed. */
const linkRule = definePlugin({
  name: 'link-rule',
  hooks: {
    async message({ message }) {
      const text = await message.text()
      return text.split('https://').length > 20 ? reject('Too many links') : undefined
    },
  },
}) // biome-ignore format: short

await using started = new AsyncDisposableStack()
const folder = await mkdtemp(join(tmpdir(), 'postroad-busy-'))
started.defer(() => rm(folder, { recursive: true, force: true }))
const clock = fakeClock(Date.now() - DAY)
// Between two steps it goes with that of the machine, so that what takes time is seen to.
let stepped = performance.now()
let isLive = false
const now = (): number => (isLive ? Date.now() : Math.round(clock.now() + performance.now() - stepped))
async function advance(ms: number): Promise<void> {
  await clock.advance(ms)
  stepped = performance.now()
}
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
const takes = started.adopt(await createSink({ host: '127.0.0.2' }), (sink) => sink.close())
const full = started.adopt(
  await createSink({
    host: '127.0.0.3',
    script: ({ verb }) => (verb === 'RCPT' ? '452 4.2.2 The mailbox is full' : undefined),
  }),
  (sink) => sink.close(),
)
const records = openRecords({ folder: join(folder, 'records'), now })
started.defer(() => records.close())
const zone = { ...zoneOf(key), 'xn--bcher-kva.example': 'SERVFAIL' as const }
const dns = zoneDns(zone)
const services = [
  [Clock, clock],
  [Store, memoryStore(clock)],
  [Limiter, memoryLimiter(clock)],
  [Lock, memoryLock()],
  [Spool, memorySpool()],
  [Dns, dns],
  [MailRecords, records],
] as const
const server = await createServer(
  {
    hostname: 'mx1.example.org',
    folder,
    log: { format: 'silent' },
    grace: 500,
    thresholds: { tag: 3, quarantine: 6, reject: 12 },
    setup(app) {
      app.use(admin()).use(quarantine({ release: { port: 9 } }))
      app.listen({ name: 'admin', protocol: 'http', port: 0, anonymous: 'operate' })
      app.scope('mx', (mx) => {
        mx.listen({
          name: 'mx',
          host: '127.0.0.1',
          port: 0,
          // The test speaks for clients from everywhere.
          proxies: ['127.0.0.1'],
          selfSigned: true,
          limits: { connectionsPerAddress: 100, connectionsPerNetwork: 100, errorDelayMs: 0 },
        })
        mx.use(access({ deny: { senders: ['*@spam.example'] } }))
        mx.use(rateLimit({ limits: [{ of: 'messages', by: 'address', limit: '30/h', burst: 30 }], exempt: [] }))
        mx.use(helo({ exempt: [] }))
        mx.use(dnsbl({ lists: [{ zone: 'zen.dnsbl.example', action: 'reject' }], exempt: [] }))
        mx.use(recipients({ domains: ['example.org'], users: ['alice', 'bob', 'carol', 'sales', 'jobs', 'δοκιμή'].map((one) => `${one}@example.org`) })) // biome-ignore format: one line
        mx.use(spf()).use(dkim()).use(dmarc())
        mx.use(greylist({ delay: '5 min', lifetime: '5 h', promote: 0 }))
        mx.use(mime()).use(headers()).use(attachments())
        mx.use(houseRule(), { onError: 'pass' }).use(linkRule(), { mode: 'shadow' })
        mx.use(
          routing({
            domains: {
              'example.org': { via: 'smtp', host: '127.0.0.2', port: takes.port },
              'branch.example': { via: 'smtp', host: '127.0.0.4', port: 9 },
              'harbour.example': { via: 'smtp', host: '127.0.0.3', port: full.port },
              'bücher.example': { via: 'smtp' },
              // What goes back to those who sent it.
              '*': { via: 'smtp', host: '127.0.0.2', port: takes.port },
            },
          }),
        )
        mx.use(queue({ retry: ['15 min', '1 h', '4 h', '8 h', '1 d'] }))
      })
    },
  },
  { now, services: services.map(([service, value]) => ({ service, create: () => value })) as never }, // each of its own kind
)
started.defer(() => server.close())
await server.listen()
const portOf = (name: string): number => server.addresses.find((one) => one.name === name)?.port ?? 0
process.on('message', (order: BusyOrder) => {
  if (order === 'live') {
    isLive = true
    setInterval(() => void advance(Math.max(0, Date.now() - clock.now())), 20).unref()
  }
  // What the queue sends goes over sockets, too.
  else
    void advance(order.advance)
      .then(() => sleep(2))
      .then(() => process.send?.({ now: now() }))
})
const over = new Promise((resolve) => process.once('disconnect', resolve))
const told: BusyStarted = {
  web: portOf('admin'),
  smtp: portOf('mx'),
  key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  now: now(),
}
process.send?.(told)
await over
