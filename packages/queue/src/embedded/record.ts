/**
 * How messages and states stand in the database. A message is one value: a fixed head, the envelope as JSON, and the octets
 * when they are few. JSON, because at these sizes it costs a microsecond, can be read in an emergency, and grows without migration.
 */
import { crc32 } from 'node:zlib'
import type { Address, MailParameters, RcptParameters, Route } from '@postroad/plugin'
import type { DeliveryState, FinishedMessage, QueuedDelivery, QueuedMessage } from '../model.ts'
import { QueueError } from '../store.ts'

/** Version of a message's value. */
const VERSION = 1
/** Version (1), flags (1), reserved (2), CRC-32 of what follows (4), length of the envelope (4). */
const HEAD = 12
const INLINE = 1

type StoredAddress = readonly [local: string, domain: string, text?: string]

interface StoredEnvelope {
  readonly q: number
  /** Absent: the null reverse-path. */
  readonly f?: StoredAddress
  readonly p?: MailParameters
  readonly t?: string
  readonly r?: string
  readonly s: number
  /** The process that took it, and has it as long as no state says otherwise. */
  readonly o: string
  /** CRC-32 of a body that is a file. */
  readonly b?: number
  readonly d: readonly StoredDelivery[]
}

interface StoredDelivery {
  readonly r: Omit<Route, 'to'>
  readonly l: string
  readonly c: readonly (readonly [StoredAddress, RcptParameters?])[]
}

/** A message as it is in the database. */
export interface MessageRecord {
  readonly message: QueuedMessage
  /** The process that has what has no state of its own yet. */
  readonly owner: string
  /** The octets, when they are here; a view into what was read. */
  readonly inline: Buffer | undefined
  /** CRC-32 of the octets, when they are in a file. */
  readonly fileCrc: number | undefined
}

/** A state with what claims must know without reading the message. */
export interface StateRecord extends DeliveryState {
  readonly lane: string
  readonly queuedAt: number
}

/** Encodes a message; `body` is either its octets or the checksum of its file. */
export function encodeMessage(message: QueuedMessage, owner: string, body: readonly Uint8Array[] | { readonly crc: number }): Buffer {
  const chunks = 'crc' in body ? undefined : body
  const envelope: StoredEnvelope = {
    q: message.queuedAt,
    ...(message.from === undefined ? {} : { f: storeAddress(message.from) }),
    ...(isEmpty(message.parameters) ? {} : { p: message.parameters }),
    ...(message.transaction === undefined ? {} : { t: message.transaction }),
    ...(message.reportOn === undefined ? {} : { r: message.reportOn }),
    s: message.size,
    o: owner,
    ...('crc' in body ? { b: body.crc } : {}),
    d: message.deliveries.map(storeDelivery),
  }
  const text = JSON.stringify(envelope)
  const length = Buffer.byteLength(text)
  const record = Buffer.allocUnsafe(HEAD + length + (chunks ? message.size : 0))
  record.writeUInt32BE((VERSION << 24) | ((chunks ? INLINE : 0) << 16), 0)
  record.writeUInt32BE(length, 8)
  let at = HEAD + record.write(text, HEAD)
  for (const chunk of chunks ?? []) {
    record.set(chunk, at)
    at += chunk.length
  }
  if (at !== record.length) throw new QueueError('ERR_QUEUE_IO', 'The message is not as long as it says')
  record.writeUInt32BE(crc32(record.subarray(8)), 4)
  return record
}

/**
 * Decodes a message.
 *
 * @throws {QueueError} `ERR_QUEUE_CORRUPT` when it is not what was written
 */
export function decodeMessage(id: string, record: Buffer): MessageRecord {
  if (record.length < HEAD || record[0] !== VERSION) throw corrupt(id, 'unknown version')
  if (crc32(record.subarray(8)) !== record.readUInt32BE(4)) throw corrupt(id, 'checksum')
  const end = HEAD + record.readUInt32BE(8)
  const envelope: StoredEnvelope = JSON.parse(record.toString('utf8', HEAD, end)) // the checksum says that we wrote it
  const message: QueuedMessage = {
    id,
    queuedAt: envelope.q,
    from: envelope.f && loadAddress(envelope.f),
    parameters: envelope.p ?? {},
    ...(envelope.t === undefined ? {} : { transaction: envelope.t }),
    ...(envelope.r === undefined ? {} : { reportOn: envelope.r }),
    size: envelope.s,
    deliveries: envelope.d.map(loadDelivery),
  }
  return { message, owner: envelope.o, inline: ((record[1] ?? 0) & INLINE) === 0 ? undefined : record.subarray(end), fileCrc: envelope.b }
}

/** Encodes a state, or a finished message. */
export function encodeJson(value: StateRecord | FinishedMessage | object): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/**
 * Decodes what {@link encodeJson} wrote.
 *
 * @throws {QueueError} `ERR_QUEUE_CORRUPT` when it is not JSON
 */
export function decodeJson<T>(id: string, record: Buffer): T {
  try {
    return JSON.parse(record.toString()) as T // we wrote it; LMDB pages have no checksum of their own, JSON's grammar stands in
  } catch (cause) {
    throw corrupt(id, 'state', cause)
  }
}

function corrupt(id: string, what: string, cause?: unknown): QueueError {
  return new QueueError('ERR_QUEUE_CORRUPT', `Queue entry ${id} cannot be read: ${what}`, { cause })
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

function storeDelivery({ route, lane, recipients }: QueuedDelivery): StoredDelivery {
  const { to: _, ...way } = route
  return {
    r: way,
    l: lane,
    c: recipients.map(({ address, parameters }) => (isEmpty(parameters) ? [storeAddress(address)] : [storeAddress(address), parameters])),
  }
}

function loadDelivery({ r, l, c }: StoredDelivery): QueuedDelivery {
  return { route: r, lane: l, recipients: c.map(([address, parameters = {}]) => ({ address: loadAddress(address), parameters })) }
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
    this.isInternational = !isAscii(local)
    this.#text = text ?? `${local}@${domain}`
  }

  toString(): string {
    return this.#text
  }
}

function loadAddress(stored: StoredAddress): Address {
  return new LoadedAddress(stored)
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false
  return true
}
