/** How deliveries are claimed, and how leases are taken from processes that are gone. For use within a commit. */
import { type DeliveryStatus, type Gate, withPendingHold } from '@postroad/queue-engine'
import type { QueueTables } from './database.ts'
import type { Lost } from './roll.ts'
import { leave, move, type StatusEntry, stateOf } from './status-index.ts'

/** A claimed delivery, by name. */
export interface LeasedDelivery {
  readonly id: string
  readonly index: number
}

/** What is due passes the gate, oldest first. */
export function takeDue(
  tables: QueueTables,
  due: { readonly owner: string; readonly now: number; readonly limit: number; readonly gate: Gate },
): { taken: LeasedDelivery[]; moved: number } {
  const keys = [...tables.scheduled.getKeys({ end: [due.now + 1], limit: due.limit })]
  const taken = keys.flatMap(([at, id, index]) =>
    pass(tables, { id, index, destination: '' }, { ...due, from: { kind: 'scheduled', at } }),
  )
  return { taken, moved: keys.length }
}

/** What waits for a destination, oldest first. */
export function takeWaiting(
  tables: QueueTables,
  { owner, destination, limit }: { readonly owner: string; readonly destination: string; readonly limit: number },
): LeasedDelivery[] {
  const keys = [...tables.waiting.getKeys({ start: [destination, 0], end: [destination, Number.MAX_VALUE], limit })]
  return keys.flatMap(([, since, id, index]) =>
    take(tables, { id, index, destination }, { owner, from: { kind: 'waiting', since } }),
  )
}

/** Claims one delivery from where it is. */
export function take(
  tables: QueueTables,
  entry: StatusEntry,
  { owner, from }: { readonly owner: string; readonly from: DeliveryStatus },
): LeasedDelivery[] {
  const { id, index } = entry
  const state = stateOf(tables, id, index)
  if (!state) {
    // The message is gone, or was set aside: nothing may name it any more.
    leave(tables, from, entry)
    return []
  }
  move(
    tables,
    { id, index, destination: state.destination },
    { from, state: { ...state, status: { kind: 'claimed', owner } } },
  )
  return [{ id, index }]
}

/** Puts a page of an owner's leases back into the schedule; when it was the last page the owner is forgotten. How many there were; none when its row is not `row` any more: it lives. */
export function takeOver(
  tables: QueueTables,
  { lost, now, limit }: { readonly lost: Lost; readonly now: number; readonly limit: number },
): number {
  const { owner, row } = lost
  if (tables.owners.get(owner)?.toString() !== row) return 0
  const keys = [...tables.claimed.getKeys({ start: [owner, ''], end: [owner, '\uffff'], limit })]
  for (const [, id, index] of keys) giveBack(tables, { id, index }, { owner, now })
  if (keys.length < limit) tables.owners.remove(owner)
  return keys.length
}

/** Puts one lease of an owner back into the schedule. */
export function giveBack(
  tables: QueueTables,
  { id, index }: LeasedDelivery,
  { owner, now }: { readonly owner: string; readonly now: number },
): void {
  if (!tables.claimed.doesExist([owner, id, index])) return
  const state = stateOf(tables, id, index)
  if (!state) {
    tables.claimed.remove([owner, id, index])
    return
  }
  const status: DeliveryStatus = { kind: 'scheduled', at: now }
  move(
    tables,
    { id, index, destination: state.destination },
    { from: { kind: 'claimed', owner }, state: withPendingHold({ ...state, status }, state.pendingHold, now) },
  )
}

function pass(
  tables: QueueTables,
  { id, index }: StatusEntry,
  due: { readonly owner: string; readonly now: number; readonly gate: Gate; readonly from: DeliveryStatus },
): LeasedDelivery[] {
  const state = stateOf(tables, id, index)
  const verdict = state
    ? due.gate(state.destination, { ...state, hasPendingReport: state.pendingReport !== undefined })
    : 'take'
  if (!state || verdict === 'take') return take(tables, { id, index, destination: '' }, due)
  const status: DeliveryStatus =
    verdict === 'wait' ? { kind: 'waiting', since: due.now } : { kind: 'scheduled', at: Math.max(verdict, due.now + 1) }
  move(tables, { id, index, destination: state.destination }, { from: due.from, state: { ...state, status } })
  return []
}
