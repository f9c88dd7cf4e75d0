/** One line of the journal of a filter: what somebody said of a message, or what an operator said of lessons. As octets, so that it can be told whole from torn. */
import { createHash, randomBytes } from 'node:crypto'
import type { Label } from '@postroad/learn'

/** What a message is said to be. */
export interface LessonEntry {
  readonly kind: 'lesson'
  /** Unique. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly label: Label
  /** Of the message's content: the same for all copies of it. */
  readonly key: string
  /** Keyed hash of the address; undefined: the operator. */
  readonly user: string | undefined
  /** Keyed hash of the user's domain. */
  readonly domain: string | undefined
  /** `command`, `http`, `address`, `maildir`, `desk`. */
  readonly source: string
}

/** Lessons since a moment are to be as if they had never been, all or those of one user. */
export interface UndoEntry {
  readonly kind: 'undo'
  readonly id: string
  readonly at: number
  readonly since: number
  readonly user: string | undefined
}

/** All that a user has taught is gone. */
export interface DeleteEntry {
  readonly kind: 'delete'
  readonly id: string
  readonly at: number
  readonly user: string
}

/** Learning that canaries have stopped goes on. */
export interface ResumeEntry {
  readonly kind: 'resume'
  readonly id: string
  readonly at: number
}

/** What stands in the place of a lesson that was deleted: positions of others stay. */
export interface BlankEntry {
  readonly kind: 'blank'
}

/** An entry of the journal. */
export type JournalEntry = LessonEntry | UndoEntry | DeleteEntry | ResumeEntry | BlankEntry

/** An entry, and the features that belong to a lesson. */
export interface JournalRecord {
  readonly entry: JournalEntry
  /** As `encodeFeatures` of `@postroad/learn` writes them; empty for what is no lesson. */
  readonly features: Uint8Array
}

const MAGIC = Buffer.from('PRJ1')
/** Magic, length of the payload, its checksum. */
const HEAD = 16
const CHECKSUM = 8
/** No record is larger: what says so is no record. */
const MOST = 131_072

/** An id that no other entry has. */
export function newId(): string {
  return randomBytes(9).toString('base64url')
}

/** A record as it stands in the journal. */
export function encodeRecord({ entry, features }: JournalRecord): Buffer {
  const said = Buffer.from(JSON.stringify(entry))
  const payload = Buffer.concat([Buffer.alloc(4), said, features])
  payload.writeUInt32LE(said.length, 0)
  return framed(payload)
}

/** A record of the same length that says nothing. */
export function blankRecord(length: number): Buffer {
  const said = Buffer.from(JSON.stringify({ kind: 'blank' } satisfies BlankEntry))
  const payload = Buffer.alloc(length - HEAD)
  payload.writeUInt32LE(said.length, 0)
  said.copy(payload, 4)
  return framed(payload)
}

function framed(payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD)
  MAGIC.copy(head)
  head.writeUInt32LE(payload.length, 4)
  checksumOf(payload).copy(head, 8)
  return Buffer.concat([head, payload])
}

function checksumOf(payload: Uint8Array): Buffer {
  return createHash('sha256').update(payload).digest().subarray(0, CHECKSUM)
}

/** What stands at a place of the journal. */
export type RecordFound =
  | { readonly record: JournalRecord; readonly length: number }
  /** It may be that the rest is still being written. */
  | { readonly record: 'incomplete' }
  /** Torn: so many octets are no record. */
  | { readonly record: 'torn'; readonly length: number }

/** Reads the record at `at`. What a process has left that was killed while it wrote is skipped: the next record is found by its first octets. */
export function readRecord(octets: Buffer, at: number): RecordFound {
  const rest = octets.length - at
  if (!startsWithMagic(octets, at)) return torn(octets, at)
  if (rest < HEAD) return { record: 'incomplete' }
  const length = octets.readUInt32LE(at + 4)
  if (length > MOST || length < 4) return torn(octets, at)
  // Another record within this one: it was torn, and others have gone on behind it.
  if (rest < HEAD + length) {
    const next = octets.indexOf(MAGIC, at + MAGIC.length)
    const isNext = next >= 0 && typeof readRecord(octets, next).record === 'object'
    return isNext ? { record: 'torn', length: next - at } : { record: 'incomplete' }
  }
  const payload = octets.subarray(at + HEAD, at + HEAD + length)
  if (!checksumOf(payload).equals(octets.subarray(at + 8, at + HEAD))) return torn(octets, at)
  const record = decode(payload)
  return record ? { record, length: HEAD + length } : { record: 'torn', length: HEAD + length }
}

function startsWithMagic(octets: Buffer, at: number): boolean {
  const end = Math.min(octets.length, at + MAGIC.length)
  return octets.compare(MAGIC, 0, end - at, at, end) === 0
}

/** Up to the next octets with which a record may begin; they may be cut off by the end of what is there. */
function torn(octets: Buffer, at: number): RecordFound {
  const whole = octets.indexOf(MAGIC, at + 1)
  let next = whole < 0 ? Math.max(at + 1, octets.length - MAGIC.length + 1) : whole
  while (whole < 0 && next < octets.length && !startsWithMagic(octets, next)) next++
  return { record: 'torn', length: next - at }
}

function decode(payload: Buffer): JournalRecord | undefined {
  const length = payload.readUInt32LE(0)
  if (4 + length > payload.length) return undefined
  try {
    const entry = JSON.parse(payload.toString('utf8', 4, 4 + length)) as JournalEntry // what encodeRecord has written: its checksum says so
    const features = entry.kind === 'lesson' ? Uint8Array.from(payload.subarray(4 + length)) : new Uint8Array()
    return { entry, features }
  } catch {
    return undefined // of a later version, or by a hand
  }
}
