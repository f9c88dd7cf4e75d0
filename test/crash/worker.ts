/**
 * One mail server in small, to be killed: a queue and its engine, whose clients and next hop are the parent process. Told by its
 * arguments where it is to die: `{ point: 'record:durable', nth: 3 }`.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { openLmdbStore } from '@postroad/embedded'
import { makeAddress, readAll } from '@postroad/mail'
import type { Logger } from '@postroad/plugin'
import { DEFAULT_BACKOFF, QueueEngine } from '@postroad/queue-engine'
import type { OnStep } from '../../packages/embedded/src/queue/step.ts'
import { engineClock } from '../../packages/queue/src/engine/options.ts'
import { planMessage } from '../../packages/queue/src/plan.ts'
import { DEFAULT_SCHEDULE } from '../../packages/queue/src/schedule.ts'
import { noDeliveryHooks } from '../delivery/no-delivery-hooks.ts'

/** What the parent says. */
export type ToWorker =
  | { readonly kind: 'send'; readonly key: string; readonly recipients: readonly string[]; readonly octets: Uint8Array }
  | { readonly kind: 'answer'; readonly serial: number; readonly code: number }
  | { readonly kind: 'stats'; readonly serial: number }
  | { readonly kind: 'stop' }

/** What the worker says. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'accepted'; readonly key: string; readonly id: string }
  | { readonly kind: 'refused'; readonly key: string; readonly why: string }
  | {
      readonly kind: 'carry'
      readonly serial: number
      readonly id: string
      readonly from: string
      readonly recipients: readonly string[]
      readonly octets: Uint8Array
    }
  | { readonly kind: 'finished'; readonly id: string }
  | { readonly kind: 'stats'; readonly serial: number; readonly messages: number; readonly corrupt: number }
  | { readonly kind: 'problem'; readonly text: string }

/** Where a worker lives, and where it dies. */
export interface WorkerConfig {
  readonly folder: string
  readonly point?: string
  /** Dies when the point is reached for this time. */
  readonly nth?: number
}

// `as`: `World.start` wrote it.
const { folder, point, nth = 1 } = JSON.parse(process.argv[2] ?? '{}') as WorkerConfig
let left = nth

const onStep: OnStep = (reached) => {
  if (reached === point && --left === 0) process.kill(process.pid, 'SIGKILL')
}

const say = (message: FromWorker): void => void process.send?.(message)
const answers = new Map<number, (code: number) => void>()
let serial = 0

const store = await openLmdbStore({
  folder,
  onStep,
  inlineLimit: 8_192,
  minFreeBytes: 0,
  onProblem: (error) => say({ kind: 'problem', text: String(error) }),
})
const problem = (fields: object, text: string): void =>
  say({ kind: 'problem', text: `${text} ${JSON.stringify(fields)} ${'error' in fields ? String(fields.error) : ''}` })
const log: Logger = { debug() {}, info() {}, warn: problem, error: problem }

const engine = new QueueEngine({
  store,
  log,
  hostname: 'crash.test',
  transports: () => ({
    relays: false,
    transport: {
      async deliver({ id = '', from, recipients, message }) {
        const octets = await readAll(message)
        const mine = ++serial
        say({
          kind: 'carry',
          serial: mine,
          id,
          from: from?.toString() ?? '',
          recipients: recipients.map(({ address }) => address.toString()),
          octets,
        })
        const code = await new Promise<number>((resolve) => answers.set(mine, resolve))
        const reply = { code, text: 'said the parent' }
        return recipients.map((recipient) => ({
          recipient,
          kind: code < 300 ? ('delivered' as const) : code < 500 ? ('deferred' as const) : ('failed' as const),
          reply,
        }))
      },
    },
  }),
  hooks: noDeliveryHooks,
  // Retries after moments: a crash test has no minutes.
  scheduleOf: () => ({ ...DEFAULT_SCHEDULE, lifeMs: 3_600_000, waits: [50], classWaits: {}, warnAfterMs: 0 }),
  siteOf: (name) => ({ name, limits: { concurrency: 20 } }),
  backoff: { ...DEFAULT_BACKOFF, failures: 1_000_000 },
  routeReport: async () => ({ via: 'smtp' }),
  returnLimit: 50_000,
  maxActive: 50,
  backlogShare: 0.5,
  memoryLimit: 100_000,
  // Few, so that some wait in the store.
  destinationLimit: 6,
  attemptMs: 60_000,
  lookMs: 50,
  clock: engineClock({ now: Date.now, sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}) }),
  onFinished: (id) => say({ kind: 'finished', id }),
})

process.on('message', (message: ToWorker) => {
  if (message.kind === 'send') void accept(message)
  else if (message.kind === 'answer') {
    answers.get(message.serial)?.(message.code)
    answers.delete(message.serial)
  } else if (message.kind === 'stats')
    void store
      .stats()
      .then(({ messages, corrupt }) => say({ kind: 'stats', serial: message.serial, messages, corrupt }))
  else void stop()
})
process.on('disconnect', () => process.exit(1))

async function accept({ key, recipients, octets }: Extract<ToWorker, { kind: 'send' }>): Promise<void> {
  const route = { via: 'smtp' }
  const deliveries = [
    { route, recipients: recipients.map((text) => ({ address: makeAddress(...split(text)), parameters: {}, route })) },
  ]
  const message = planMessage(
    { from: makeAddress('sender', 'client.test'), parameters: {}, deliveries, size: octets.length, now: Date.now() },
    { maxRecipients: 100 },
  )
  try {
    await engine.accept(message, {
      size: octets.length,
      raw: async function* () {
        yield octets
      },
      chunks: () => [octets],
    })
    say({ kind: 'accepted', key, id: message.id })
  } catch (error) {
    say({ kind: 'refused', key, why: String(error) })
  }
}

function split(address: string): [string, string] {
  const at = address.lastIndexOf('@')
  return [address.slice(0, at), address.slice(at + 1)]
}

async function stop(): Promise<void> {
  await engine.close(1_000)
  await store.close()
  process.exit(0)
}

engine.start()
say({ kind: 'ready' })
