/** One process of the measurement: takes and delivers messages as fast as it can; `worker.ts JSON`. Answers its parent with figures. */

import { setTimeout as sleep } from 'node:timers/promises'
import { zoneDns } from '@postroad/dns'
import { openLmdbStore } from '@postroad/embedded'
import { makeQueueId, memorySource } from '@postroad/mail'
import type { Logger } from '@postroad/plugin'
import { DEFAULT_BACKOFF, type QueuedMessage, QueueEngine } from '@postroad/queue-engine'
import { memoryStore } from '@postroad/testing'
import { engineClock } from '../../../packages/queue/src/engine/options.ts'
import { DEFAULT_SCHEDULE } from '../../../packages/queue/src/schedule.ts'
import { Link } from '../../../plugins/redis/src/link.ts'
import { options as linkOptions } from '../../../plugins/redis/src/options.ts'
import { QueueNode } from '../../../plugins/redis-queue/src/node.ts'
import { options as queueOptions } from '../../../plugins/redis-queue/src/options.ts'
import { noDeliveryHooks } from '../../delivery/no-delivery-hooks.ts'

/** What a worker is told. */
export interface WorkerTask {
  readonly kind: 'redis' | 'embedded'
  /** Redis's address, or a folder. */
  readonly where: string
  readonly messages: number
  readonly octets: number
  /** Only take them; deliver nothing. */
  readonly enqueueOnly: boolean
}

/** What it measured. */
export interface WorkerFigures {
  readonly cpuMs: number
}

const AT_ONCE = 64
/** Messages before anything is counted: a cold Node costs twice as much. */
const WARM_UP = 1_500
const log: Logger = {
  debug() {},
  info() {},
  warn() {},
  error: (fields, text) => void process.stderr.write(`${text} ${JSON.stringify(fields)}\n`),
}
const clock = {
  now: Date.now,
  sleep: (ms: number, signal?: AbortSignal) => sleep(ms, undefined, { signal, ref: false }),
}
const task: WorkerTask = JSON.parse(process.argv[2] ?? '{}')
const queue = await (task.kind === 'redis' ? openRedis() : openEmbedded())
await work(WARM_UP)
process.send?.('ready')
process.once('message', () => void measure())

interface Opened {
  accept(message: QueuedMessage): Promise<unknown>
  left(): number | Promise<number>
  close(): Promise<void>
}

async function measure(): Promise<void> {
  const cpu = process.cpuUsage()
  await work(task.messages)
  const { user, system } = process.cpuUsage(cpu)
  const figures: WorkerFigures = { cpuMs: (user + system) / 1_000 }
  process.send?.(figures)
  await queue.close()
  process.exit(0)
}

/** Takes so many, and delivers them. */
async function work(messages: number): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    while (next < messages) await queue.accept(makeMessage(next++))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  while (!task.enqueueOnly && (await queue.left()) > 0) await sleep(20)
}

/** Text as mail is: it can be compressed, but not to nothing. */
function makeBody(): Buffer {
  const words = Array.from({ length: 400 }, () =>
    Math.random()
      .toString(36)
      .slice(2, 3 + Math.floor(Math.random() * 7)),
  )
  let text = 'From: a@example.org\r\nTo: b@example.com\r\nSubject: measurement\r\n\r\n'
  while (text.length < task.octets) text += `${words[Math.floor(Math.random() * words.length)]} `
  return Buffer.from(text.slice(0, task.octets))
}

function makeMessage(number: number): QueuedMessage {
  const now = Date.now()
  const address = (local: string, domain: string) => ({
    local,
    domain,
    isInternational: false,
    toString: () => `${local}@${domain}`,
  })
  const recipients = [{ address: address('user', `d${number % 500}.test`), parameters: {} }]
  return {
    id: makeQueueId(now),
    queuedAt: now,
    from: address('sender', 'example.org'),
    parameters: {},
    size: task.octets,
    deliveries: [{ route: { via: 'discard' }, destination: 'discard', recipients }],
  }
}

async function openRedis(): Promise<Opened> {
  const link = new Link(linkOptions.parse({ url: task.where }), log)
  const options = queueOptions.parse({ lanes: [{ match: '*', concurrency: 10_000 }] })
  const role = task.enqueueOnly ? 'smtp' : 'all'
  const context = {
    options,
    role,
    link: link as never,
    hooks: noDeliveryHooks,
    dns: zoneDns({}),
    clock,
    hostname: 'mx.test',
    log,
  } as const // one client, two packages
  const node = new QueueNode({ ...context, store: memoryStore(), resolve: (file) => file })
  await node.start()
  const body = memorySource([makeBody()])
  return {
    // Without the wake-up: what is measured is the taking.
    accept: (message) => (task.enqueueOnly ? node.store.add(message, body) : node.accept(message, body)),
    left: async () => (await node.store.stats()).messages,
    close: async () => {
      if (!task.enqueueOnly) await node.close()
      await link.close()
    },
  }
}

async function openEmbedded(): Promise<Opened> {
  const store = await openLmdbStore({ folder: task.where })
  const transport = {
    deliver: async ({ recipients }: { recipients: readonly never[] }) =>
      recipients.map((recipient) => ({ recipient, kind: 'delivered' as const, reply: { code: 250, text: 'OK' } })),
  }
  const engine = new QueueEngine({
    store,
    transports: () => ({ transport: transport as never, relays: false }),
    hooks: noDeliveryHooks,
    log,
    hostname: 'mx.test',
    scheduleOf: () => DEFAULT_SCHEDULE,
    siteOf: (name) => ({ name, limits: { concurrency: 10_000 } }),
    backoff: DEFAULT_BACKOFF,
    routeReport: async () => ({ via: 'discard' }),
    returnLimit: 1,
    maxActive: 200,
    backlogShare: 0.5,
    memoryLimit: 67_108_864,
    destinationLimit: 1_000,
    attemptMs: 3_600_000,
    lookMs: 1_000,
    clock: engineClock(clock),
  })
  if (!task.enqueueOnly) engine.start()
  const body = memorySource([makeBody()])
  return {
    accept: (message) => (task.enqueueOnly ? store.add(message, body) : engine.accept(message, body)),
    left: async () => (await store.stats()).messages,
    close: async () => {
      await engine.close(100)
      await store.close()
    },
  }
}
