/** Keeps the index tables in step with a delivery's status: every delivery stands in exactly one of them. For use within a commit. */
import {
  birth,
  type DeliveryState,
  type DeliveryStatus,
  type Lease,
  type QueuedMessage,
  QueueError,
} from '@postroad/queue-engine'
import type { QueueTables } from './database.ts'
import { decodeMessage, decodeState, encodeState, type MessageRecord, type StateRecord } from './record.ts'

/** A delivery, by name. */
export interface StatusEntry {
  readonly id: string
  readonly index: number
  readonly destination: string
}

const PRESENT = Buffer.from([1])

/** Puts an entry where its status says. */
export function enter(tables: QueueTables, status: DeliveryStatus, { id, index, destination }: StatusEntry): void {
  if (status.kind === 'scheduled') tables.scheduled.put([status.at, id, index], PRESENT)
  else if (status.kind === 'waiting') tables.waiting.put([destination, status.since, id, index], PRESENT)
  else if (status.kind === 'claimed') tables.claimed.put([status.owner, id, index], PRESENT)
  else if (status.kind === 'held') tables.held.put([id, index], PRESENT)
}

/** Takes an entry away from where its status says. */
export function leave(tables: QueueTables, status: DeliveryStatus, { id, index, destination }: StatusEntry): void {
  if (status.kind === 'scheduled') tables.scheduled.remove([status.at, id, index])
  else if (status.kind === 'waiting') tables.waiting.remove([destination, status.since, id, index])
  else if (status.kind === 'claimed') tables.claimed.remove([status.owner, id, index])
  else if (status.kind === 'held') tables.held.remove([id, index])
}

/** Moves a delivery: index and state in one step. */
export function move(
  tables: QueueTables,
  entry: StatusEntry,
  step: { readonly from: DeliveryStatus; readonly state: StateRecord },
): void {
  leave(tables, step.from, entry)
  enter(tables, step.state.status, entry)
  tables.states.put([entry.id, entry.index], encodeState(step.state))
}

/** Whether this process still has the lease. */
export function isClaimed(tables: QueueTables, owner: string, id: string, index: number): boolean {
  return tables.claimed.doesExist([owner, id, index])
}

/**
 * The stored state, if the delivery ever moved. One that cannot be read counts as none: to try a recipient again is better
 * than to forget one.
 */
export function readState(tables: QueueTables, id: string, index: number): StateRecord | undefined {
  const stored = tables.states.get([id, index])
  return stored && decodeOr(() => decodeState(id, stored))
}

/** The stored state, or the one a message is born with; nothing when there is no such message. For use within a commit. */
export function stateOf(tables: QueueTables, id: string, index: number): StateRecord | undefined {
  const stored = readState(tables, id, index)
  if (stored) return stored
  const octets = tables.messages.get(id)
  const record = octets && decodeOr(() => decodeMessage(id, octets))
  if (record && index < record.message.deliveries.length) return bornState(record.message, index, record.owner)
  if (octets) setAside(tables, id)
  return undefined
}

/** Moves an unreadable message out of the way. For use within a commit. Index entries that still name it are dropped when met. */
export function setAside(tables: QueueTables, id: string): void {
  const record = tables.messages.get(id)
  if (!record) return
  tables.corrupt.put(id, record)
  tables.messages.remove(id)
  for (const key of [...tables.states.getKeys({ start: [id, -1], end: [id, Number.MAX_VALUE] })])
    tables.states.remove(key)
}

/** The state of every delivery of a message. */
export function readStates(tables: QueueTables, { message, owner }: MessageRecord): StateRecord[] {
  return message.deliveries.map((_, index) => readState(tables, message.id, index) ?? bornState(message, index, owner))
}

/** The state of a delivery that never moved. */
export function bornState(message: QueuedMessage, index: number, owner: string): StateRecord {
  const delivery = message.deliveries[index]
  if (!delivery) throw new RangeError(`Message ${message.id} has no delivery ${index}`)
  return asRecord(message, index, birth.state(delivery, { kind: 'claimed', owner }))
}

/** A state with what the index must know. */
export function asRecord(message: QueuedMessage, index: number, state: DeliveryState): StateRecord {
  const { status, attempts, recipients, history, warned, countedFrom, pendingHold, pendingReport } = state
  const destination = message.deliveries[index]?.destination ?? ''
  const { queuedAt } = message
  const counted = countedFrom !== undefined && { countedFrom }
  return {
    status,
    attempts,
    recipients,
    history,
    warned,
    ...counted,
    ...(pendingHold && { pendingHold }),
    ...(pendingReport && { pendingReport }),
    destination,
    queuedAt,
  }
}

/** Name and destination of a claimed delivery. */
export function entryOf({ message, index }: Pick<Lease, 'message' | 'index'>): StatusEntry {
  return { id: message.id, index, destination: message.deliveries[index]?.destination ?? '' }
}

function decodeOr<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof QueueError) return undefined
    throw error
  }
}
