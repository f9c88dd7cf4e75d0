/** What an operator does to many messages, one after the other: behind `postroad queue …` and the admin interface alike. */
import type { RouteSettings, Unchecked } from '@postroad/mail/settings'
import { type Route, waysOf } from '@postroad/plugin'
import type { ReporterOptions } from '../engine/reporter.ts'
import { giveUp } from '../give-up.ts'
import type { QueuedDelivery } from '../model.ts'
import type { EventWriter } from '../outbox/event-writer.ts'
import { DISCARD, type PlanOptions } from '../plan.ts'
import { parseWay, type RerouteInput, reroute, waysOfDelivery } from '../reroute.ts'
import type { Operation, QueueEntry, QueueStore } from '../store.ts'
import { type QueueFilter, type Selecting, selected } from './filter.ts'

/** What is to be done, and to which messages. */
export interface QueueOrder {
  readonly action: 'retry' | 'hold' | 'release' | 'delete' | 'bounce' | 'reroute'
  readonly filter: QueueFilter
  /** Why: of `hold`, and what senders are told by `bounce`. */
  readonly text?: string | undefined
  /** Of `reroute`: transport[:host[:port]]; absent: as routing says today. */
  readonly via?: string | undefined
}

/** What orders are carried out with. */
export interface Orderly {
  readonly store: QueueStore
  readonly reporter: ReporterOptions
  readonly plan: PlanOptions
  /** What is written down for programs. */
  readonly events?: EventWriter | undefined
  /** Ends the back-off of where these go, as far as processes share it. */
  readonly reopen?: ((deliveries: readonly QueuedDelivery[]) => Promise<void>) | undefined
}

/** How it goes on; `note` is told to people. */
export interface Ordering extends Selecting {
  note?(text: string): void
}

/** One message that was looked at. */
export interface OrderStep {
  readonly entry: QueueEntry
  /** Deliveries that were changed. */
  readonly changed: number
  /** Deliveries that are in the hands of a running process. */
  readonly claimed: number
  /** What is to be shown of it. */
  readonly rows: readonly Readonly<Record<string, string | number | undefined>>[]
}

/** Messages changed in one step: they share a sync, so that a million are minutes and not hours. */
const PAGE = 500

/**
 * Carries it out; what was done is done, however far one reads.
 *
 * @throws {TypeError} with a sentence for the operator, before anything is done
 */
export function carryOut(orderly: Orderly, order: QueueOrder, ordering: Ordering): AsyncGenerator<OrderStep> {
  const { action, text } = order
  if (action === 'bounce') return bounced(orderly, order, ordering)
  if (action === 'reroute') return rerouted(orderly, order, { ordering, wayOf: wayOf(orderly, order, ordering) })
  const operation: Operation = action === 'hold' ? { kind: 'hold', reason: text ?? 'operator' } : { kind: action }
  return changed(orderly, order, { ordering, operation })
}

async function* changed(
  { store, reopen }: Orderly,
  { filter }: QueueOrder,
  { ordering, operation }: { readonly ordering: Ordering; readonly operation: Operation },
): AsyncGenerator<OrderStep> {
  let page: QueueEntry[] = []
  const flush = async (): Promise<OrderStep[]> => {
    // Who says "now" knows that the other end is back: else the attempt would end with what closed it.
    if (operation.kind === 'retry') await reopen?.(page.flatMap(undelivered))
    const counts = await Promise.all(page.map(({ message }) => store.operate(message.id, operation, ordering.now())))
    const steps = page.map((entry, at) => {
      const count = counts[at] ?? 0
      const claimed =
        operation.kind === 'retry' ? entry.states.filter(({ status }) => status.kind === 'claimed').length : 0
      const { id } = entry.message
      return {
        entry,
        changed: count,
        claimed,
        rows: count > 0 ? [{ id, done: operation.kind, deliveries: count }] : [],
      }
    })
    page = []
    return steps
  }
  for await (const entry of selected(store, filter, ordering)) if (page.push(entry) === PAGE) yield* await flush()
  yield* await flush()
}

function undelivered({ message, states }: QueueEntry): readonly QueuedDelivery[] {
  return message.deliveries.filter((_, index) => states[index]?.status.kind !== 'done')
}

async function* bounced(
  { store, reporter, events }: Orderly,
  { filter, text }: QueueOrder,
  ordering: Ordering,
): AsyncGenerator<OrderStep> {
  const reply = { code: 550, status: '5.7.0', text: text ?? 'Delivery was given up by the operator' }
  for await (const entry of selected(store, filter, ordering)) {
    const { message, states } = entry
    const given = await giveUp(store, { id: message.id, reply, now: ordering.now(), events }, reporter)
    const rows = states.flatMap(({ status }, index) =>
      status.kind === 'done'
        ? []
        : [
            {
              id: message.id,
              delivery: message.deliveries[index]?.destination,
              done: given.includes(index) ? 'bounced' : 'is being tried now: hold it first',
            },
          ],
    )
    yield { entry, changed: given.length, claimed: rows.length - given.length, rows }
  }
}

async function* rerouted(
  { store, plan }: Orderly,
  { filter }: QueueOrder,
  { ordering, wayOf }: { readonly ordering: Ordering; readonly wayOf: RerouteInput['wayOf'] },
): AsyncGenerator<OrderStep> {
  for await (const entry of selected(store, filter, ordering)) {
    const { message } = entry
    const { deliveries, id } = await reroute(store, { id: message.id, now: ordering.now(), ...plan, wayOf })
    const rows = deliveries.map((index) => ({
      id: message.id,
      delivery: message.deliveries[index]?.destination,
      done: 'rerouted',
      as: id,
    }))
    yield { entry, changed: deliveries.length, claimed: 0, rows }
  }
}

/** What an order would do to one message. */
export interface Foreseen {
  readonly entry: QueueEntry
  /** Deliveries that would be changed. */
  readonly changes: number
  /** Deliveries that would not, and why. */
  readonly left: readonly string[]
  /** Of `reroute`: where each would go. */
  readonly moves: readonly { readonly delivery: string; readonly to: string }[]
}

const UNDER_WAY = 'under way at this moment'

/** What it would do; nothing is done. @throws {TypeError} as {@link carryOut} */
export async function* foresee(orderly: Orderly, order: QueueOrder, ordering: Ordering): AsyncGenerator<Foreseen> {
  const { store, plan } = orderly
  const ways = order.action === 'reroute' ? wayOf(orderly, order, ordering) : undefined
  for await (const entry of selected(store, order.filter, ordering)) {
    const left: string[] = []
    const moves: { delivery: string; to: string }[] = []
    let changes = 0
    for (const [index, state] of entry.states.entries()) {
      const delivery = entry.message.deliveries[index]
      if (!delivery || state.status.kind === 'done') continue
      const why = obstacle(order.action, state)
      if (why !== undefined) left.push(why)
      else if (ways) {
        const planned = await waysOfDelivery(delivery, state, { ...plan, wayOf: ways })
        if (!planned) left.push('would go the way it goes')
        else {
          changes++
          moves.push({ delivery: delivery.destination, to: planned.map(({ destination }) => destination).join(', ') })
        }
      } else changes++
    }
    yield { entry, changes, left, moves }
  }
}

/** Why a delivery would stay as it is; the store has the last word. */
function obstacle(
  action: QueueOrder['action'],
  { status: { kind }, pendingHold, pendingReport }: QueueEntry['states'][number],
): string | undefined {
  if (action === 'delete') return undefined
  if (action === 'hold') return kind === 'held' || pendingHold ? 'held already' : undefined
  if (action === 'release') return kind === 'held' || pendingHold ? undefined : 'not held'
  if (kind === 'claimed') return UNDER_WAY
  return action === 'reroute' && pendingReport ? 'the sender is about to be told' : undefined
}

/** @throws {TypeError} when the queue has no such transport: mail would wait for it until it is given up */
function wayOf({ reporter }: Orderly, { via }: QueueOrder, { note }: Ordering): RerouteInput['wayOf'] {
  return via === undefined ? askedOf(reporter, note) : namedOf(parseWay(via), reporter)
}

function namedOf(route: Route, { carries }: ReporterOptions): RerouteInput['wayOf'] {
  if (carries && !carries(route.via)) throw new TypeError(`The queue has no transport "${route.via}"`)
  return async (_, delivery) => [withReversePath(route, delivery.route)]
}

function askedOf({ ask, route }: ReporterOptions, note: Ordering['note']): RerouteInput['wayOf'] {
  return async ({ address }, delivery) => {
    const found = await (ask ?? route)(address)
    if ('kind' in found) {
      note?.(`${address} stays: ${found.code} ${found.status} ${found.text}`)
      return undefined
    }
    const ways = waysOf(found).filter(({ via }) => via !== DISCARD)
    return ways.length === 0 ? undefined : ways.map((way) => withReversePath(way, delivery.route))
  }
}

/** What SRS wrote when the message came goes with it, wherever it goes. */
function withReversePath(way: Route, queued: Omit<Route, 'to'>): Route {
  const known = said(queued)
  return known === undefined || said(way) !== undefined
    ? way
    : { ...way, settings: { ...way.settings, reversePath: known } }
}

/** As it was written, perhaps by an older version. */
function said({ settings }: { readonly settings?: Unchecked<RouteSettings> }) {
  return settings?.reversePath
}
