/**
 * A long queue: how fast it opens after a kill, how much memory it takes, and whether fresh mail is slowed by old.
 * `node --conditions=@postroad/source test/crash/scale.ts --messages 1000000`
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type LmdbStore, openLmdbStore } from '@postroad/embedded'
import { makeAddress } from '@postroad/mail'
import { DEFAULT_BACKOFF, type Lease, QueueEngine } from '@postroad/queue-engine'
import { engineClock } from '../../packages/queue/src/engine/options.ts'
import { planMessage } from '../../packages/queue/src/plan.ts'
import { DEFAULT_SCHEDULE } from '../../packages/queue/src/schedule.ts'
import { noDeliveryHooks } from '../delivery/no-delivery-hooks.ts'

const { values } = parseArgs({
  options: { messages: { type: 'string', default: '100000' }, fresh: { type: 'string', default: '5000' } },
})
const [messages, fresh] = [Number(values.messages), Number(values.fresh)]
const octets = Buffer.alloc(1_000, 'Subject: scale\r\n\r\nx')
const source = {
  size: octets.length,
  raw: async function* () {
    yield octets
  },
  chunks: () => [octets],
}
const silent = {
  debug() {},
  info() {},
  warn() {},
  error: (fields: object, text: string) => void process.stderr.write(`${text} ${JSON.stringify(fields)}\n`),
}

const folder = await mkdtemp(join(tmpdir(), 'postroad-scale-'))
try {
  const baseline = await measureFresh('fresh mail, empty queue', await openLmdbStore({ folder, minFreeBytes: 0 }))
  await fill()
  await measureOpening()
  const loaded = await measureFresh(
    `fresh mail, ${messages} old ones due to a dead destination`,
    await openLmdbStore({ folder, minFreeBytes: 0 }),
  )
  print('fresh mail with the backlog / without', { ratio: round(loaded / baseline) })
} finally {
  await rm(folder, { recursive: true, force: true })
}

function makeMessage(domain: string) {
  const route = { via: 'smtp' }
  const recipients = [{ address: makeAddress('user', domain), parameters: {}, route }]
  return planMessage(
    {
      from: makeAddress('sender', 'client.test'),
      parameters: {},
      deliveries: [{ route, recipients }],
      size: octets.length,
      now: Date.now(),
    },
    { maxRecipients: 100 },
  )
}

async function fill(): Promise<void> {
  const store = await openLmdbStore({ folder, minFreeBytes: 0 })
  const begun = performance.now()
  const due = Date.now()
  for (let left = messages; left > 0; left -= 1_000) {
    const leases: Lease[] = []
    await Promise.all(
      Array.from(
        { length: Math.min(1_000, left) },
        async () => void leases.push(...(await store.add(makeMessage('dead.test'), source))),
      ),
    )
    await store.release(leases, { kind: 'scheduled', at: due })
  }
  await store.close()
  print('filled', { messages, perSecond: round((messages / (performance.now() - begun)) * 1_000) })
}

async function measureOpening(): Promise<void> {
  const before = ownMb()
  const begun = performance.now()
  const store = await openLmdbStore({ folder, minFreeBytes: 0 })
  await store.beat(Date.now())
  const opened = performance.now()
  const { leases } = await store.claimDue({ now: Date.now(), limit: 100, gate: () => 'take' })
  const claimed = performance.now()
  await store.release(leases, { kind: 'scheduled', at: Date.now() })
  let listed = 0
  let most = 0
  for await (const _ of store.list()) if (++listed % 10_000 === 0) most = Math.max(most, ownMb())
  print('opened', {
    openMs: round(opened - begun),
    first100Ms: round(claimed - opened),
    listed,
    listMs: round(performance.now() - claimed),
    ownMb: before,
    mostOwnMb: most,
  })
  await store.close()
}

/** Fresh messages a second, from acceptance to the end of their delivery. */
async function measureFresh(name: string, store: LmdbStore): Promise<number> {
  let finished = 0
  const engine = new QueueEngine({
    store,
    log: silent,
    hostname: 'scale.test',
    transports: () => ({
      relays: false,
      transport: {
        async deliver({ recipients }) {
          const isDead = recipients[0]?.address.domain === 'dead.test'
          const reply = isDead ? { code: 451, status: '4.4.1', text: 'Connection refused' } : { code: 250, text: 'OK' }
          await sleep(1)
          return recipients.map((recipient) => ({
            recipient,
            kind: isDead ? ('deferred' as const) : ('delivered' as const),
            reply,
          }))
        },
      },
    }),
    hooks: noDeliveryHooks,
    scheduleOf: () => DEFAULT_SCHEDULE,
    siteOf: (name) => ({ name, limits: { concurrency: 20 } }),
    backoff: DEFAULT_BACKOFF,
    routeReport: async () => ({ via: 'smtp' }),
    returnLimit: 50_000,
    maxActive: 200,
    backlogShare: 0.5,
    memoryLimit: 64_000_000,
    destinationLimit: 1_000,
    attemptMs: 60_000,
    lookMs: 1_000,
    clock: engineClock({ now: Date.now, sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}) }),
    onFinished: () => void finished++,
  })
  engine.start()
  await sleep(200)
  const cpu = process.cpuUsage()
  const begun = performance.now()
  let sent = 0
  const client = async (): Promise<void> => {
    while (sent++ < fresh) await engine.accept(makeMessage(`lane-${sent % 50}.test`), source)
  }
  await Promise.all(Array.from({ length: 20 }, client))
  while (finished < fresh) await sleep(5)
  const took = performance.now() - begun
  const used = process.cpuUsage(cpu)
  print(name, {
    perSecond: round((fresh / took) * 1_000),
    cpuMsEach: round((used.user + used.system) / 1_000 / fresh),
    ownMb: ownMb(),
    ...engine.load,
  })
  await engine.close(1_000)
  await store.close()
  return fresh / took
}

function print(name: string, fields: object): void {
  process.stdout.write(`${JSON.stringify({ name, ...fields })}\n`)
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

/** Memory of our own, in MB: without the pages of the mapped database, which the system takes back when it likes. */
function ownMb(): number {
  const status = readFileSync('/proc/self/status', 'latin1')
  return Math.round(Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_000)
}
