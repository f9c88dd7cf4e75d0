/** The proof: mail goes in while everything dies; at the end each message that was acknowledged has arrived. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Link } from '../../plugins/redis/src/link.ts'
import type { ContentFolder } from '../../plugins/redis-queue/src/store/contents.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { type Sent, sendAll } from './client.ts'
import { linkOptions, silent } from './link.ts'
import { Node } from './nodes.ts'
import { CountingSink } from './sink.ts'

/** Milliseconds in which all mail must have been taken. */
const SEND_LIMIT_MS = 300_000

/** How a proof is made. */
export interface ProofOptions {
  readonly messages: number
  readonly domains: number
  /** What each node is told of Redis. */
  readonly redis: object
  readonly queue?: object
  /** Content stands in files there. */
  readonly bodyFolder?: string
  /** Roles of the nodes. */
  readonly roles?: readonly ('all' | 'smtp' | 'delivery')[]
  /** Transactions of one domain at once, of all nodes together. */
  readonly concurrency: number
  readonly perSecond?: number
  readonly sessions?: number
  /** Milliseconds that are given to the mail to arrive once all of it was taken. */
  readonly drainMs: number
  /** What goes wrong while mail comes in; ends when the signal says that all of it was taken. */
  chaos(nodes: readonly Node[], signal: AbortSignal): Promise<void>
}

/** What was found. */
export interface Proof {
  readonly sent: Sent
  readonly sink: CountingSink
  /** Acknowledged and not arrived. */
  readonly lost: readonly string[]
  /** Most transactions at once, of the domain that had most. */
  readonly peak: number
  /** Messages in the queue at the end. */
  readonly left: number
  /** Files of the shared folder whose message was over or never taken: what crashes leave behind, and a sweep removes. */
  readonly orphans: number
  readonly sendMs: number
  readonly drainMs: number
}

/** Makes the proof. */
export async function prove(options: ProofOptions): Promise<Proof> {
  const { roles = ['all', 'all', 'all'], concurrency, perSecond } = options
  await using sink = await CountingSink.open(3)
  const lanes = [{ match: '*', concurrency, ...(perSecond !== undefined && { perSecond }) }]
  const files =
    options.bodyFolder === undefined ? undefined : { folder: options.bodyFolder, inlineLimit: 0, minFree: 0 }
  const contents = files && { bodyFolder: files.folder, inlineLimit: files.inlineLimit, minFree: files.minFree }
  const queue = { retry: [2_000], lanes, ...contents, ...options.queue }
  const redis = { deadline: 1_000, ...options.redis }
  const nodes: Node[] = []
  try {
    const starting = await Promise.allSettled(
      roles.map((role, at) => Node.start(at, { redis, queue: { ...queue, role }, sinkPort: sink.port })),
    )
    for (const each of starting) if (each.status === 'fulfilled') nodes.push(each.value)
    for (const each of starting) if (each.status === 'rejected') throw each.reason
    const entrances = nodes.filter((_, at) => roles[at] !== 'delivery')
    const started = performance.now()
    const over = new AbortController()
    const gaveUp = new AbortController()
    const chaos = options.chaos(nodes, over.signal)
    // A disaster that does not come about as planned ends the proof; what it was is told where it is awaited.
    chaos.catch(() => gaveUp.abort())
    const sent = await sendAll({
      targets: () => entrances.filter((node) => node.isListening),
      messages: options.messages,
      domains: options.domains,
      sessions: options.sessions ?? 24,
      octets: 2_000,
      signal: AbortSignal.any([gaveUp.signal, AbortSignal.timeout(SEND_LIMIT_MS)]),
    })
    over.abort()
    await chaos
    const sendMs = performance.now() - started
    for (const node of nodes) if (!node.isRunning) await node.start()
    const { left, orphans } = await drained(redis, { files, limitMs: options.drainMs })
    return {
      sent,
      sink,
      lost: [...sent.acknowledged].filter((name) => !sink.arrived.has(name)),
      peak: Math.max(...[...sink.domains.values()].map(({ peak }) => peak)),
      left,
      orphans,
      sendMs,
      drainMs: performance.now() - started - sendMs,
    }
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]()
  }
}

/** One line for the reader of the test. */
export function describe({ sent, sink, lost, peak, left, orphans, sendMs, drainMs }: Proof): string {
  const refusals = [...sent.refusals].map(([reply, count]) => `${count}× ${reply}`).join('; ')
  return [
    `${sent.acknowledged.size} acknowledged in ${Math.round(sendMs)} ms, ${lost.length} lost, ${left} left after ${Math.round(drainMs)} ms`,
    `${sink.duplicates} arrived again (${sent.unanswered.size} final dots got no answer, ${sent.broken} connections broke)`,
    `at most ${peak} transactions of one domain at once; refusals: ${refusals || 'none'}`,
    ...(orphans > 0 ? [`${orphans} files without a message were swept from the shared folder`] : []),
  ].join('\n')
}

/** Waits until the queue is empty; what is left. */
async function drained(
  redis: object,
  { files, limitMs }: { readonly files: ContentFolder | undefined; readonly limitMs: number },
): Promise<{ left: number; orphans: number }> {
  const link = new Link(linkOptions(redis), silent)
  const store = new RedisStore({ link, name: 'mail', files })
  const end = performance.now() + limitMs
  let left = Number.NaN
  while (performance.now() < end && left !== 0) {
    left = await store.stats().then(
      ({ messages }) => messages,
      () => Number.NaN,
    )
    await sleep(100)
  }
  const orphans = await store.sweep(-1_000)
  await link.close()
  return { left, orphans }
}
