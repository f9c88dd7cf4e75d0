/** How deliveries are claimed, and how claims are taken from processes that are gone. For use within a commit. */
import { type Gate, type Place, withWish } from '@postroad/queue-engine'
import type { Tables } from './database.ts'
import { type Entry, leave, move, stateOf } from './places.ts'
import type { Lost } from './roll.ts'

/** A claimed delivery, by name. */
export interface Taken {
  readonly id: string
  readonly index: number
}

/** What is due passes the gate, oldest first. */
export function takeDue(
  tables: Tables,
  due: { readonly owner: string; readonly now: number; readonly limit: number; readonly gate: Gate },
): { taken: Taken[]; moved: number } {
  const keys = [...tables.scheduled.getKeys({ end: [due.now + 1], limit: due.limit })]
  const taken = keys.flatMap(([at, id, index]) => pass(tables, { id, index, lane: '' }, { ...due, from: { kind: 'scheduled', at } }))
  return { taken, moved: keys.length }
}

/** What waits for a lane, oldest first. */
export function takeWaiting(
  tables: Tables,
  { owner, lane, limit }: { readonly owner: string; readonly lane: string; readonly limit: number },
): Taken[] {
  const keys = [...tables.waiting.getKeys({ start: [lane, 0], end: [lane, Number.MAX_VALUE], limit })]
  return keys.flatMap(([, since, id, index]) => take(tables, { id, index, lane }, { owner, from: { kind: 'waiting', since } }))
}

/** Claims one delivery from where it is. */
export function take(tables: Tables, entry: Entry, { owner, from }: { readonly owner: string; readonly from: Place }): Taken[] {
  const { id, index } = entry
  const state = stateOf(tables, id, index)
  if (!state) {
    // The message is gone, or was set aside: nothing may name it any more.
    leave(tables, from, entry)
    return []
  }
  move(tables, { id, index, lane: state.lane }, { from, state: { ...state, place: { kind: 'claimed', owner } } })
  return [{ id, index }]
}

/** Puts a page of an owner's claims back into the schedule; when it was the last page the owner is forgotten. How many there were; none when its row is not `row` any more: it lives. */
export function takeOver(
  tables: Tables,
  { lost, now, limit }: { readonly lost: Lost; readonly now: number; readonly limit: number },
): number {
  const { owner, row } = lost
  if (tables.owners.get(owner)?.toString() !== row) return 0
  const keys = [...tables.claimed.getKeys({ start: [owner, ''], end: [owner, '\uffff'], limit })]
  for (const [, id, index] of keys) giveBack(tables, { id, index }, { owner, now })
  if (keys.length < limit) tables.owners.remove(owner)
  return keys.length
}

/** Puts one claim of an owner back into the schedule. */
export function giveBack(tables: Tables, { id, index }: Taken, { owner, now }: { readonly owner: string; readonly now: number }): void {
  if (!tables.claimed.doesExist([owner, id, index])) return
  const state = stateOf(tables, id, index)
  if (!state) {
    tables.claimed.remove([owner, id, index])
    return
  }
  const place: Place = { kind: 'scheduled', at: now }
  move(tables, { id, index, lane: state.lane }, { from: { kind: 'claimed', owner }, state: withWish({ ...state, place }, state.wish, now) })
}

function pass(
  tables: Tables,
  { id, index }: Entry,
  due: { readonly owner: string; readonly now: number; readonly gate: Gate; readonly from: Place },
): Taken[] {
  const state = stateOf(tables, id, index)
  const verdict = state ? due.gate(state.lane, { ...state, owes: state.owed !== undefined }) : 'take'
  if (!state || verdict === 'take') return take(tables, { id, index, lane: '' }, due)
  const place: Place = verdict === 'wait' ? { kind: 'waiting', since: due.now } : { kind: 'scheduled', at: Math.max(verdict, due.now + 1) }
  move(tables, { id, index, lane: state.lane }, { from: due.from, state: { ...state, place } })
  return []
}
