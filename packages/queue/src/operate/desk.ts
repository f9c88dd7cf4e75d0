/** What programs may ask of a queue and do to it: the same that `postroad queue …` does, for the admin interface. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { isQueueId, type MessageSource } from '@postroad/mail'
import { defineService, type Service } from '@postroad/plugin'
import type { CommandedQueue } from '../command/commands.ts'
import type { QueueStats, Suspension } from '../store.ts'
import { type QueueFilter, selected } from './filter.ts'
import { carryOut, foresee, type OrderStep, type QueueOrder } from './order.ts'
import { sitesOfQueue } from './sites.ts'
import { type Suspended, suspendTarget } from './suspension.ts'
import { type Bare, finishedOf, messageOf, rowOf } from './view.ts'

/** What an order would do, without what the interface adds to it. */
export type QueueForecast = Omit<Bare<ApiShape<'preview'>>, 'token' | 'expires' | 'confirm' | 'dryRun'>

/** A queue, as operators meet it. Rejections are `QueueError`, and a `TypeError` where what was asked for cannot be. */
export interface QueueDesk {
  sites(signal: AbortSignal): Promise<Bare<ApiAnswer<'sites'>>>
  list(
    filter: QueueFilter,
    page: { readonly after?: string | undefined; readonly limit: number; readonly signal: AbortSignal },
  ): Promise<{ readonly items: readonly ApiShape<'queuedRow'>[]; readonly next: string | undefined }>
  /** One that is queued, or what is remembered of it. */
  get(id: string): Promise<Bare<ApiAnswer<'message'>> | undefined>
  content(id: string): Promise<MessageSource | undefined>
  foresee(order: QueueOrder, signal: AbortSignal): Promise<QueueForecast>
  /** What was done is done, however far one reads. */
  carryOut(order: QueueOrder, signal: AbortSignal): AsyncIterable<Pick<OrderStep, 'changed'>>
  /** Takes back what waits for the time that its sender wanted and was never tried, in one step; false when it is too late. */
  cancel(id: string): Promise<boolean>
  suspensions(): Promise<readonly Suspension[]>
  suspend(target: string, reason: string, signal: AbortSignal): Promise<Suspended>
  resume(target: string): Promise<boolean>
  stats(): Promise<QueueStats>
}

export const QueueDesk: Service<QueueDesk> = defineService('queue-desk')

/** Rows of a forecast. */
const SAMPLE = 10
/** Milliseconds that a count by destination is good for: pages ask again and again, each viewer for itself. */
const COUNTED_MS = 2_000

/** The desk of a queue. @param name of the plugin */
export function queueDesk(name: string, queue: CommandedQueue): QueueDesk {
  const now = (): number => queue.now()
  let counted: { readonly at: number; readonly sites: Promise<Bare<ApiAnswer<'sites'>>> } | undefined
  return {
    async sites(signal) {
      if (counted && now() - counted.at < COUNTED_MS) return counted.sites
      // Who has asked first may leave; the others still want to know.
      const sites = queue
        .store()
        .then((store) => sitesOfQueue(store, { name, now, signal: new AbortController().signal }))
      const own = { at: now(), sites }
      counted = own
      sites.catch(() => {
        if (counted === own) counted = undefined
      })
      signal.throwIfAborted()
      return sites
    },
    async list(filter, { after, limit, signal }) {
      const isAll = Object.values(filter).every((value) => value === undefined)
      const items: ApiShape<'queuedRow'>[] = []
      const wanted = isAll ? { all: true as const } : filter
      for await (const entry of selected(await queue.store(), wanted, { signal, now, limit: limit + 1, after }))
        items.push(rowOf(entry))
      const hasMore = items.length > limit
      if (hasMore) items.pop()
      return { items, next: hasMore ? items.at(-1)?.id : undefined }
    },
    async get(id) {
      if (!isQueueId(id)) return undefined
      const store = await queue.store()
      const entry = await store.get(id)
      if (entry) return messageOf(entry, queue.rules, now())
      const finished = await store.getFinished(id)
      return finished && finishedOf(finished)
    },
    async content(id) {
      const store = await queue.store()
      const entry = isQueueId(id) ? await store.get(id) : undefined
      return entry && store.content(entry.message)
    },
    async foresee(order, signal) {
      const orderly = { ...queue, store: await queue.store() }
      return forecast(order, foresee(orderly, order, { signal, now }))
    },
    async *carryOut(order, signal) {
      yield* carryOut({ ...queue, store: await queue.store() }, order, { signal, now })
    },
    cancel: async (id) => isQueueId(id) && (await (await queue.store()).operate(id, { kind: 'cancel' }, now())) > 0,
    suspensions: async () => (await queue.store()).suspensions(),
    suspend: async (target, reason, signal) => suspendTarget(await queue.store(), { target, reason }, { signal, now }),
    resume: async (target) => (await queue.store()).resume(target.toLowerCase()),
    stats: async () => (await queue.store()).stats(),
  }
}

async function forecast(order: QueueOrder, all: ReturnType<typeof foresee>): Promise<QueueForecast> {
  const left = new Map<string, number>()
  const moves = new Map<string, number>()
  const sample: ApiShape<'queuedRow'>[] = []
  let [messages, deliveries, nobody] = [0, 0, 0]
  for await (const one of all) {
    for (const because of one.left) left.set(because, (left.get(because) ?? 0) + 1)
    for (const { to } of one.moves) moves.set(to, (moves.get(to) ?? 0) + 1)
    if (one.changes === 0) continue
    messages++
    deliveries += one.changes
    if (!one.entry.message.from) nobody++
    if (sample.length < SAMPLE) sample.push(rowOf(one.entry))
  }
  return {
    action: order.action,
    messages,
    deliveries,
    leftAlone: [...left].map(([because, count]) => ({ count, because })),
    ...(order.action === 'bounce' && { reports: { told: messages - nobody, nobody } }),
    ...(order.action === 'reroute' && { moves: [...moves].map(([to, count]) => ({ to, count })) }),
    sample,
  }
}
