/** Keeps the index tables in step with a delivery's place: every delivery stands in exactly one of them. For use within a commit. */
import { type Claim, type DeliveryState, initialState, type Place, type QueuedMessage, QueueError } from '@postroad/queue-engine'
import type { Tables } from './database.ts'
import { decodeJson, decodeMessage, encodeJson, type MessageRecord, type StateRecord } from './record.ts'

/** A delivery, by name. */
export interface Entry {
  readonly id: string
  readonly index: number
  readonly lane: string
}

const PRESENT = Buffer.from([1])

/** Puts an entry where its place says. */
export function enter(tables: Tables, place: Place, { id, index, lane }: Entry): void {
  if (place.kind === 'scheduled') tables.scheduled.put([place.at, id, index], PRESENT)
  else if (place.kind === 'waiting') tables.waiting.put([lane, place.since, id, index], PRESENT)
  else if (place.kind === 'claimed') tables.claimed.put([place.owner, id, index], PRESENT)
  else if (place.kind === 'held') tables.held.put([id, index], PRESENT)
}

/** Takes an entry away from where its place says. */
export function leave(tables: Tables, place: Place, { id, index, lane }: Entry): void {
  if (place.kind === 'scheduled') tables.scheduled.remove([place.at, id, index])
  else if (place.kind === 'waiting') tables.waiting.remove([lane, place.since, id, index])
  else if (place.kind === 'claimed') tables.claimed.remove([place.owner, id, index])
  else if (place.kind === 'held') tables.held.remove([id, index])
}

/** Moves a delivery: index and state in one step. */
export function move(tables: Tables, entry: Entry, step: { readonly from: Place; readonly state: StateRecord }): void {
  leave(tables, step.from, entry)
  enter(tables, step.state.place, entry)
  tables.states.put([entry.id, entry.index], encodeJson(step.state))
}

/** Whether this process still has the claim. */
export function isClaimed(tables: Tables, owner: string, id: string, index: number): boolean {
  return tables.claimed.doesExist([owner, id, index])
}

/**
 * The stored state, if the delivery ever moved. One that cannot be read counts as none: to try a recipient again is better
 * than to forget one.
 */
export function readState(tables: Tables, id: string, index: number): StateRecord | undefined {
  const stored = tables.states.get([id, index])
  return stored && decodeOr(() => decodeJson<StateRecord>(id, stored))
}

/** The stored state, or the one a message is born with; nothing when there is no such message. For use within a commit. */
export function stateOf(tables: Tables, id: string, index: number): StateRecord | undefined {
  const stored = readState(tables, id, index)
  if (stored) return stored
  const octets = tables.messages.get(id)
  const record = octets && decodeOr(() => decodeMessage(id, octets))
  if (record && index < record.message.deliveries.length) return bornState(record.message, index, record.owner)
  if (octets) setAside(tables, id)
  return undefined
}

/** Moves an unreadable message out of the way. For use within a commit. Index entries that still name it are dropped when met. */
export function setAside(tables: Tables, id: string): void {
  const record = tables.messages.get(id)
  if (!record) return
  tables.corrupt.put(id, record)
  tables.messages.remove(id)
  for (const key of [...tables.states.getKeys({ start: [id, -1], end: [id, Number.MAX_VALUE] })]) tables.states.remove(key)
}

/** The state of every delivery of a message. */
export function readStates(tables: Tables, { message, owner }: MessageRecord): StateRecord[] {
  return message.deliveries.map((_, index) => readState(tables, message.id, index) ?? bornState(message, index, owner))
}

/** The state of a delivery that never moved. */
export function bornState(message: QueuedMessage, index: number, owner: string): StateRecord {
  const delivery = message.deliveries[index]
  if (!delivery) throw new RangeError(`Message ${message.id} has no delivery ${index}`)
  return asRecord(message, index, initialState(delivery, { kind: 'claimed', owner }))
}

/** A state with what the index must know. */
export function asRecord(message: QueuedMessage, index: number, state: DeliveryState): StateRecord {
  const { place, attempts, recipients, history, warned, countedFrom, wish, owed } = state
  const lane = message.deliveries[index]?.lane ?? ''
  const { queuedAt } = message
  const counted = countedFrom !== undefined && { countedFrom }
  return { place, attempts, recipients, history, warned, ...counted, ...(wish && { wish }), ...(owed && { owed }), lane, queuedAt }
}

/** Name and lane of a claimed delivery. */
export function entryOf({ message, index }: Pick<Claim, 'message' | 'index'>): Entry {
  return { id: message.id, index, lane: message.deliveries[index]?.lane ?? '' }
}

function decodeOr<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof QueueError) return undefined
    throw error
  }
}
