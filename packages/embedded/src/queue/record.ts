/** How messages and states stand in the database. A message is one value: a fixed head, the envelope, and the octets when they are few. */
import { crc32 } from 'node:zlib'
import type { MessageSource } from '@postroad/mail'
import {
  type ContentFiles,
  type DeliveryState,
  type DeliveryStatus,
  type FinishedMessage,
  loadEnvelope,
  type QueuedMessage,
  QueueError,
  type StoredEnvelope,
  storeEnvelope,
} from '@postroad/queue-engine'

/** Version of a message's value. */
const VERSION = 1
/** Version (1), flags (1), reserved (2), CRC-32 of what follows (4), length of the envelope (4). */
const HEAD = 12
const INLINE = 1
const NO_FILE: FileContent = { crc: 0, hasOnlyCrlf: false }

interface StoredMessage extends StoredEnvelope {
  /** The process that took it, and has it as long as no state says otherwise. */
  readonly o: string
  /** CRC-32 of content that is a file. */
  readonly b?: number
  /** No CR or LF of its content stands by itself; absent: nobody knows. */
  readonly l?: true
  /** Octets in front of those in the file, one character each. */
  readonly h?: string
  /** Octets of the file to be skipped. */
  readonly k?: number
}

/** Octets that are in a file. */
export interface FileContent extends Awaited<ReturnType<ContentFiles['keep']>> {
  /** No CR or LF stands by itself; false: nobody knows. */
  readonly hasOnlyCrlf: boolean
}

/** A message's record, and the owner it names. */
export interface Prepared {
  readonly record: Buffer
  readonly owner: string
}

/** A message as it is in the database. */
export interface MessageRecord {
  readonly message: QueuedMessage
  /** The process that has what has no state of its own yet. */
  readonly owner: string
  /** The octets, when they are here; a view into what was read. */
  readonly inline: Buffer | undefined
  /** The octets, when they are in a file. */
  readonly file: FileContent | undefined
}

/** A state with what leases must know without reading the message. */
export interface StateRecord extends DeliveryState {
  readonly destination: string
  readonly queuedAt: number
}

/** A state in the database, under the names of the first version: what is stored stays readable, whatever the code calls it. */
interface StoredState extends Omit<StateRecord, 'status' | 'pendingHold' | 'pendingReport' | 'destination'> {
  readonly place: DeliveryStatus
  readonly wish?: 'hold'
  readonly owed?: readonly number[]
  readonly lane: string
}

/** Encodes a message; `content` is either its octets or what is known of its file. */
export function encodeMessage(
  message: QueuedMessage,
  owner: string,
  content: readonly Uint8Array[] | FileContent,
): Buffer {
  const chunks = 'crc' in content ? undefined : content
  const envelope: StoredMessage = { ...storeEnvelope(message), o: owner, ...('crc' in content && storeFile(content)) }
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
  const envelope: StoredMessage = JSON.parse(record.toString('utf8', HEAD, end)) // the checksum says that we wrote it
  const isInline = ((record[1] ?? 0) & INLINE) !== 0
  return {
    message: loadEnvelope(id, envelope),
    owner: envelope.o,
    inline: isInline ? record.subarray(end) : undefined,
    file: loadFile(envelope),
  }
}

function storeFile({ crc, hasOnlyCrlf, head, skip }: FileContent): Pick<StoredMessage, 'b' | 'l' | 'h' | 'k'> {
  return {
    b: crc,
    ...(hasOnlyCrlf && { l: true }),
    ...(head && head.length > 0 && { h: head.toString('latin1') }),
    ...(skip && { k: skip }),
  }
}

function loadFile({ b, l, h, k }: StoredMessage): FileContent | undefined {
  if (b === undefined) return undefined
  return {
    crc: b,
    hasOnlyCrlf: l === true,
    ...(h !== undefined && { head: Buffer.from(h, 'latin1') }),
    ...(k !== undefined && { skip: k }),
  }
}

/** The same message under the name of another owner. */
export function ownedBy(id: string, record: Buffer, owner: string): Buffer {
  const { message, inline, file = NO_FILE } = decodeMessage(id, record)
  return encodeMessage(message, owner, inline ? [inline] : file)
}

/** Encodes a state. */
export function encodeState(state: StateRecord): Buffer {
  const { status: place, pendingHold, pendingReport: owed, destination: lane, ...rest } = state
  const stored: StoredState = { place, ...rest, ...(pendingHold && { wish: 'hold' }), ...(owed && { owed }), lane }
  return encodeJson(stored)
}

/**
 * Decodes a state.
 *
 * @throws {QueueError} `ERR_QUEUE_CORRUPT` when it is not one
 */
export function decodeState(id: string, record: Buffer): StateRecord {
  const stored = decodeJson<StoredState | null>(id, record)
  if (stored === null) throw corrupt(id, 'state')
  const { place, wish, owed, lane, ...rest } = stored
  return {
    ...rest,
    status: place,
    ...(wish && { pendingHold: true }),
    ...(owed && { pendingReport: owed }),
    destination: lane,
  }
}

/** Encodes a finished message, or a row that is nobody else's to read. */
export function encodeJson(value: FinishedMessage | object): Buffer {
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

/** What stands for octets that are neither here nor in a file: reading them fails with `ERR_QUEUE_CORRUPT`. */
export function missingContent(message: QueuedMessage): MessageSource {
  const error = new QueueError('ERR_QUEUE_CORRUPT', `The content of ${message.id} is missing`)
  return { size: message.size, raw: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) }) }
}

function corrupt(id: string, what: string, cause?: unknown): QueueError {
  return new QueueError('ERR_QUEUE_CORRUPT', `Queue entry ${id} cannot be read: ${what}`, { cause })
}
