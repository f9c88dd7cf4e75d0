/** A queue whose next hop refuses everybody but the sender; what the sender gets is written to a file. It dies where it is told to. */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLmdbStore } from '@postroad/embedded'
import { makeAddress, memorySource, readAll } from '@postroad/mail'
import type { Logger } from '@postroad/plugin'
import { DEFAULT_BACKOFF, QueueEngine } from '@postroad/queue-engine'
import { engineClock } from '../../packages/queue/src/engine/options.ts'
import { planMessage } from '../../packages/queue/src/plan.ts'
import { DEFAULT_SCHEDULE } from '../../packages/queue/src/schedule.ts'
import { noDeliveryHooks } from '../delivery/no-delivery-hooks.ts'

const [, , folder = '', point = '', nth = '0', messages = '0'] = process.argv
let left = Number(nth)
const onStep = (at: string): void => {
  if (at === point && --left === 0) process.kill(process.pid, 'SIGKILL')
}
const store = await openLmdbStore({ folder, onStep, minFreeBytes: 0 })
const log: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const engine = new QueueEngine({
  store,
  log,
  hostname: 'crash.test',
  transports: () => ({
    relays: false,
    transport: {
      async deliver({ from, recipients, message }) {
        const octets = await readAll(message)
        if (from === undefined) appendFileSync(`${folder}/told`, `${JSON.stringify(octets.toString('latin1'))}\n`)
        const isRefused = from !== undefined
        const reply = { code: isRefused ? 550 : 250, text: 'said the next hop' }
        return recipients.map((recipient) => ({
          recipient,
          kind: isRefused ? ('failed' as const) : ('delivered' as const),
          reply,
        }))
      },
    },
  }),
  hooks: noDeliveryHooks,
  scheduleOf: () => ({ ...DEFAULT_SCHEDULE, waits: [50], reportDelayMs: 60 }),
  siteOf: (name) => ({ name, limits: { concurrency: 20 } }),
  backoff: DEFAULT_BACKOFF,
  routeReport: async () => ({ via: 'smtp' }),
  returnLimit: 50_000,
  maxActive: 50,
  backlogShare: 0.5,
  memoryLimit: 100_000,
  destinationLimit: 100,
  attemptMs: 60_000,
  lookMs: 20,
  clock: engineClock({ now: Date.now, sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}) }),
})
engine.start()
// At once: one sync takes them all, so that the first death finds them there.
await Promise.all(Array.from({ length: Number(messages) }, (_, number) => take(number)))
while ((await store.stats()).messages > 0) await sleep(10)
await engine.close()
await store.close()

async function take(number: number): Promise<void> {
  const route = { via: 'smtp' }
  const recipients = [0, 1, 2, 3, 4].map((at) => ({
    address: makeAddress(`m${number}`, `d${at}.test`),
    parameters: {},
    route,
  }))
  const source = memorySource([Buffer.from('Subject: x\r\n\r\nHi\r\n')])
  const from = makeAddress('sender', 'client.test')
  const input = { from, parameters: {}, deliveries: [{ route, recipients }], size: source.size, now: Date.now() }
  await engine.accept(planMessage(input, { maxRecipients: 100 }), source)
}
