/** How messages and states stand in Redis. */
import {
  birth,
  type DeliveryState,
  type DeliveryStatus,
  type FinishedMessage,
  type GateView,
  type LeaseEnd,
  loadEnvelope,
  type QueuedDelivery,
  type QueuedMessage,
  QueueError,
  type StoredEnvelope,
  storeEnvelope,
} from '@postroad/queue-engine'
import type { Argument } from '@postroad/redis-link'
import { entryOf } from './own-leases.ts'

/** How many recipients of a finished message are remembered by name. */
export const RECIPIENT_LIMIT = 100

/** What is known of content besides its octets. */
export interface ContentNote {
  /** CRC-32 of the octets as they came. */
  readonly crc: number
  /** Pieces in Redis; 0: it is a file in the shared folder. */
  readonly pieces: number
}

interface StoredMessage extends StoredEnvelope {
  /** Version. */
  readonly v: 1
  readonly b: ContentNote
}

/** The envelope, with what is known of the content. */
export function encodeEnvelope(message: QueuedMessage, content: ContentNote): string {
  const stored: StoredMessage = { v: 1, b: content, ...storeEnvelope(message) }
  return JSON.stringify(stored)
}

/**
 * Reads an envelope.
 *
 * @throws {QueueError} `ERR_QUEUE_CORRUPT` when it is not one
 */
export function decodeEnvelope(
  id: string,
  text: string,
): { readonly message: QueuedMessage; readonly content: ContentNote } {
  try {
    const { v, b, ...envelope }: StoredMessage = JSON.parse(text) // what is not ours fails in the lines below
    if (v !== 1) throw new TypeError(`version ${v}`)
    return { content: b, message: loadEnvelope(id, envelope) }
  } catch (cause) {
    throw new QueueError('ERR_QUEUE_CORRUPT', `Queue entry ${id} cannot be read`, { cause })
  }
}

/** A status as one text, see `scripts.ts`. */
export function encodeStatus(status: DeliveryStatus): string {
  if (status.kind === 'scheduled') return `s:${Math.round(status.at)}`
  if (status.kind === 'waiting') return `w:${Math.round(status.since)}`
  if (status.kind === 'claimed') return `c:${status.owner}`
  return status.kind === 'held' ? `h:${Math.round(status.since)}:${status.reason}` : 'd:'
}

function decodeStatus(text: string): DeliveryStatus {
  const rest = text.slice(2)
  if (text.startsWith('s')) return { kind: 'scheduled', at: Number(rest) }
  if (text.startsWith('w')) return { kind: 'waiting', since: Number(rest) }
  if (text.startsWith('c')) return { kind: 'claimed', owner: rest }
  if (text.startsWith('d')) return { kind: 'done' }
  const colon = rest.indexOf(':')
  return { kind: 'held', since: Number(rest.slice(0, colon)), reason: rest.slice(colon + 1) }
}

/** The part of a state that a script need not understand, under the names of the first version. */
type StoredState = Partial<Omit<DeliveryState, 'pendingReport'>> & { readonly owed?: readonly number[] }

/** Encodes what of a state a script need not understand. */
export function encodeState({
  attempts,
  recipients,
  history,
  warned,
  countedFrom,
  pendingReport,
}: DeliveryState): string {
  return JSON.stringify({ attempts, recipients, history, warned, countedFrom, owed: pendingReport })
}

/** A state that was stored, or the one it was born with. */
export function decodeState(
  delivery: QueuedDelivery,
  stored: string | null | undefined,
  { status, countedFrom }: { readonly status: DeliveryStatus; readonly countedFrom?: number | undefined },
): DeliveryState {
  const born = { ...birth.state(delivery, status), ...(countedFrom !== undefined && { countedFrom }) }
  if (!stored) return born
  const { owed, ...state }: StoredState = JSON.parse(stored) // encodeState wrote it
  return { ...born, ...state, ...(owed && { pendingReport: owed }) }
}

/** States of all deliveries from the fields of the message. */
export function decodeStates(message: QueuedMessage, fields: ReadonlyMap<string, string>): DeliveryState[] {
  return message.deliveries.map((delivery, at) => {
    const status = decodeStatus(fields.get(`p${at}`) ?? 'd:')
    const state = decodeState(delivery, fields.get(`s${at}`), { status, countedFrom: birth.release(message) })
    return fields.has(`w${at}`) ? { ...state, pendingHold: true } : state
  })
}

/** Attempts as the gate wants to see them without reading the state. */
export function encodeAttempts({ attempts, warned, pendingReport, countedFrom }: DeliveryState): string {
  return `${attempts}${warned ? '!' : ''}${pendingReport ? '?' : ''}${countedFrom === undefined ? '' : `@${Math.round(countedFrom)}`}`
}

/** What {@link encodeAttempts} wrote, for the gate. */
export function viewOf(queuedAt: number, encoded: string): GateView {
  const [marks = '', countedFrom] = encoded.split('@')
  return {
    queuedAt,
    countedFrom: countedFrom === undefined ? undefined : Number(countedFrom),
    attempts: Number.parseInt(marks, 10),
    warned: marks.includes('!'),
    hasPendingReport: marks.includes('?'),
  }
}

/** The final record up to its list of recipients; scripts append what each delivery contributes, and close it. */
export function finishedHead(message: QueuedMessage, now: number): string {
  const { id, from, queuedAt, size, deliveries } = message
  const recipientCount = deliveries.reduce((sum, { recipients }) => sum + recipients.length, 0)
  const head = { id, from: from?.toString() ?? '', queuedAt, finishedAt: now, size, recipientCount }
  return `${JSON.stringify(head).slice(0, -1)},"recipients":[`
}

/** What one delivery contributes to the final record. */
export function finishedPart(delivery: QueuedDelivery, { recipients }: DeliveryState): string {
  const some = delivery.recipients.slice(0, RECIPIENT_LIMIT)
  return some.map(({ address }, at) => JSON.stringify({ address: address.toString(), state: recipients[at] })).join(',')
}

/** Reads a final record. */
export function decodeFinished(text: string): FinishedMessage {
  const { recipients, recipientCount, ...head }: FinishedMessage = JSON.parse(text) // the scripts put it together from the two functions above
  return { ...head, recipients: recipients.slice(0, RECIPIENT_LIMIT), recipientCount }
}

/** An end as the script wants it. */
export function endOf({ lease, state }: Pick<LeaseEnd, 'lease' | 'state'>): Argument[] {
  const delivery = lease.message.deliveries[lease.index]
  if (!delivery) throw new QueueError('ERR_QUEUE_CORRUPT', `Message ${lease.message.id} has no delivery ${lease.index}`)
  const part = state.status.kind === 'done' ? finishedPart(delivery, state) : ''
  return [entryOf(lease), encodeStatus(state.status), encodeAttempts(state), encodeState(state), part]
}

/** The idempotency key as the script wants it: the key or nothing, and for how many milliseconds. */
export function keyOf({ queuedAt, parameters: { idempotency } }: QueuedMessage): [key: string, ttl: number] {
  return idempotency ? [idempotency.key, Math.max(1, Math.round(idempotency.until - queuedAt))] : ['', 1]
}
