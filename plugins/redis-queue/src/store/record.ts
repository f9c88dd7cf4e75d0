/** How messages and states stand in Redis: JSON, because it can be read in an emergency and grows without migration. */
import type { Address, MailParameters, RcptParameters, Route } from '@postroad/plugin'
import {
  type DeliveryState,
  type FinishedMessage,
  initialState,
  type Place,
  type QueuedDelivery,
  type QueuedMessage,
  QueueError,
} from '@postroad/queue'

/** How many recipients of a finished message are remembered by name. */
export const RECIPIENT_LIMIT = 100

/** What is known of a body besides its octets. */
export interface BodyNote {
  /** CRC-32 of the octets as they came. */
  readonly crc: number
  /** Pieces in Redis; 0: it is a file in the shared folder. */
  readonly pieces: number
}

type StoredAddress = readonly [local: string, domain: string, text?: string]

interface StoredEnvelope {
  /** Version. */
  readonly v: 1
  readonly q: number
  /** Absent: the null reverse-path. */
  readonly f?: StoredAddress
  readonly p?: MailParameters
  readonly t?: string
  readonly r?: string
  readonly s: number
  readonly b: BodyNote
  readonly d: readonly {
    readonly r: Omit<Route, 'to'>
    readonly l: string
    readonly c: readonly (readonly [StoredAddress, RcptParameters?])[]
  }[]
}

/** The envelope, with what is known of the body. */
export function encodeEnvelope(message: QueuedMessage, body: BodyNote): string {
  const { queuedAt, from, parameters, transaction, reportOn, size, deliveries } = message
  const envelope: StoredEnvelope = {
    v: 1,
    q: queuedAt,
    ...(from && { f: storeAddress(from) }),
    ...(!isEmpty(parameters) && { p: parameters }),
    ...(transaction !== undefined && { t: transaction }),
    ...(reportOn !== undefined && { r: reportOn }),
    s: size,
    b: body,
    d: deliveries.map(storeDelivery),
  }
  return JSON.stringify(envelope)
}

/**
 * Reads an envelope.
 *
 * @throws {QueueError} `ERR_QUEUE_CORRUPT` when it is not one
 */
export function decodeEnvelope(id: string, text: string): { readonly message: QueuedMessage; readonly body: BodyNote } {
  try {
    const { v, q, f, p, t, r, s, b, d }: StoredEnvelope = JSON.parse(text) // what is not ours fails in the lines below
    if (v !== 1) throw new TypeError(`version ${v}`)
    return {
      body: b,
      message: {
        id,
        queuedAt: q,
        from: f && new LoadedAddress(f),
        parameters: p ?? {},
        ...(t !== undefined && { transaction: t }),
        ...(r !== undefined && { reportOn: r }),
        size: s,
        deliveries: d.map(loadDelivery),
      },
    }
  } catch (cause) {
    throw new QueueError('ERR_QUEUE_CORRUPT', `Queue entry ${id} cannot be read`, { cause })
  }
}

/** A place as one text, see `scripts.ts`. */
export function encodePlace(place: Place): string {
  if (place.kind === 'scheduled') return `s:${Math.round(place.at)}`
  if (place.kind === 'waiting') return `w:${Math.round(place.since)}`
  if (place.kind === 'claimed') return `c:${place.owner}`
  return place.kind === 'held' ? `h:${Math.round(place.since)}:${place.reason}` : 'd:'
}

function decodePlace(text: string): Place {
  const rest = text.slice(2)
  if (text.startsWith('s')) return { kind: 'scheduled', at: Number(rest) }
  if (text.startsWith('w')) return { kind: 'waiting', since: Number(rest) }
  if (text.startsWith('c')) return { kind: 'claimed', owner: rest }
  if (text.startsWith('d')) return { kind: 'done' }
  const colon = rest.indexOf(':')
  return { kind: 'held', since: Number(rest.slice(0, colon)), reason: rest.slice(colon + 1) }
}

/** The part of a state that a script need not understand. */
export function encodeState({ attempts, recipients, history, warned }: DeliveryState): string {
  return JSON.stringify({ attempts, recipients, history, warned })
}

/** A state that was stored, or the one it was born with. */
export function decodeState(delivery: QueuedDelivery, stored: string | null | undefined, place: Place): DeliveryState {
  const born = initialState(delivery, place)
  return stored ? { ...born, ...(JSON.parse(stored) as Partial<DeliveryState>) } : born // encodeState wrote it
}

/** States of all deliveries from the fields of the message. */
export function decodeStates(message: QueuedMessage, fields: ReadonlyMap<string, string>): DeliveryState[] {
  return message.deliveries.map((delivery, at) => {
    const state = decodeState(delivery, fields.get(`s${at}`), decodePlace(fields.get(`p${at}`) ?? 'd:'))
    return fields.has(`w${at}`) ? { ...state, wish: 'hold' } : state
  })
}

/** Attempts as the gate wants to see them without reading the state. */
export function encodeAttempts({ attempts, warned }: DeliveryState): string {
  return `${attempts}${warned ? '!' : ''}`
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
  const finished: FinishedMessage = JSON.parse(text) // the scripts put it together from the two functions above
  return { ...finished, recipients: finished.recipients.slice(0, RECIPIENT_LIMIT) }
}

function isEmpty(parameters: object): boolean {
  for (const _ in parameters) return false
  return true
}

function storeAddress(address: Address): StoredAddress {
  const { local, domain } = address
  const text = address.toString()
  return text === `${local}@${domain}` ? [local, domain] : [local, domain, text]
}

function storeDelivery({ route, lane, recipients }: QueuedDelivery): StoredEnvelope['d'][number] {
  const { to: _, ...way } = route
  return {
    r: way,
    l: lane,
    c: recipients.map(({ address, parameters }) => (isEmpty(parameters) ? [storeAddress(address)] : [storeAddress(address), parameters])),
  }
}

function loadDelivery({ r, l, c }: StoredEnvelope['d'][number]): QueuedDelivery {
  const recipients = c.map(([address, parameters = {}]) => ({ address: new LoadedAddress(address), parameters }))
  return { route: r, lane: l, recipients }
}

/** An address that was checked when it came in. */
class LoadedAddress implements Address {
  readonly local: string
  readonly domain: string
  readonly isInternational: boolean
  readonly #text: string

  constructor([local, domain, text]: StoredAddress) {
    this.local = local
    this.domain = domain
    this.isInternational = /[^\0-\x7f]/.test(local)
    this.#text = text ?? `${local}@${domain}`
  }

  toString(): string {
    return this.#text
  }
}
