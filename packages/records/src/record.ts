/** A canonical record as it is read here: of the store, or of a log. Whatever is not of the expected type is taken for absent. */
import type { ApiShape } from '@postroad/admin-api'

/** What one handler said. */
export type StoredOpinion = ApiShape<'opinion'>

/** A record; fields that are not named are kept. */
export interface StoredRecord {
  readonly event: string
  readonly id: string
  /** ISO 8601. */
  readonly time: string
  readonly listener?: string
  readonly remote?: string
  readonly helo?: string
  readonly identity?: string
  readonly user?: string
  readonly tls?: { readonly version: string; readonly cipher: string; readonly group?: string }
  readonly from?: string
  readonly to?: readonly string[]
  readonly messageId?: string
  readonly subject?: string
  readonly size?: number
  readonly points?: number
  readonly refused?: readonly { readonly to: string; readonly plugin?: string; readonly reply: string }[]
  readonly thresholds?: readonly { readonly level: string; readonly at: number; readonly points: number }[]
  readonly opinions?: readonly StoredOpinion[]
  readonly plugins?: Readonly<Record<string, number>>
  readonly queue?: string
  readonly receipt?: string
  readonly ms?: number
  readonly reply?: string | readonly string[]
  readonly judged?: { readonly outcome: string; readonly reason?: string; readonly queueId?: string }
  readonly closed?: string
  /** Of deliveries: the transaction that the message came with, the host that answered, when the next attempt is. */
  readonly transaction?: string
  readonly host?: string
  readonly class?: string
  readonly via?: string
  readonly attempt?: number
  readonly next?: number
  readonly [field: string]: unknown
}

/** Reads one line of the store or of a log; undefined for what is no record. */
export function parseRecord(line: string): StoredRecord | undefined {
  const start = line.indexOf('{')
  if (start < 0) return undefined
  try {
    const value: unknown = JSON.parse(start === 0 ? line : line.slice(start))
    if (typeof value !== 'object' || value === null) return undefined
    return checked(asDelivery(value as Readonly<Record<string, unknown>>)) // it is an object
  } catch {
    return undefined // other programs may write into the same log, and the last line may be cut
  }
}

const DELIVERIES = new Set(['delivered', 'deferred', 'bounced', 'bounced, and there is nobody to tell'])

/** The queue's own lines of a log tell the same as records of deliveries. */
function asDelivery(line: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { event, text, code, status, reply, remote, to, level: _level, ...rest } = line
  if (event !== undefined || typeof text !== 'string' || !DELIVERIES.has(text) || typeof code !== 'number') return line
  return {
    ...rest,
    event: text.split(',')[0],
    to: typeof to === 'string' ? [to] : [],
    ...(remote !== undefined && { host: remote }),
    reply: `${code}${status ? ` ${status}` : ''} ${reply}`,
  }
}

const TEXTS = ['listener', 'remote', 'helo', 'identity', 'user', 'from', 'messageId', 'subject', 'queue', 'receipt', 'transaction', 'host', 'class', 'via', 'closed'] // biome-ignore format: a list
const NUMBERS = ['size', 'points', 'ms', 'attempt', 'next']

function checked(line: Readonly<Record<string, unknown>>): StoredRecord | undefined {
  const { event, id, time } = line
  if (typeof event !== 'string' || typeof id !== 'string' || typeof time !== 'string') return undefined
  if (Number.isNaN(Date.parse(time))) return undefined
  const record: Record<string, unknown> = { ...line }
  for (const key of TEXTS) if (record[key] !== undefined && typeof record[key] !== 'string') delete record[key]
  for (const key of NUMBERS) if (record[key] !== undefined && typeof record[key] !== 'number') delete record[key]
  if (record['to'] !== undefined && !isTexts(record['to'])) delete record['to']
  const { reply } = record
  if (reply !== undefined && typeof reply !== 'string' && !isTexts(reply)) delete record['reply']
  for (const key of ['opinions', 'thresholds'])
    if (record[key] !== undefined && !isObjects(record[key])) delete record[key]
  if (typeof record['refused'] !== 'number' && !isRefused(record['refused'])) delete record['refused']
  return record as StoredRecord // what it declares was looked at
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isRefused(value: unknown): boolean {
  return (
    isObjects(value) && (value as readonly Record<string, unknown>[]).every(({ to, reply }) => isTexts([to, reply]))
  ) // objects, as was seen
}

function isObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null)
}

/** The refused recipients of a transaction; a session has their number at the same place. */
export function refusedOf({ refused }: StoredRecord): NonNullable<StoredRecord['refused']> {
  return Array.isArray(refused) ? refused : []
}

/** When it was written, in milliseconds since the epoch. */
export function timeOf(record: StoredRecord): number {
  return Date.parse(record.time)
}

/** One, several or none, as a list. */
export function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return []
  return Array.isArray(value) ? (value as readonly T[]) : [value as T] // Array.isArray tells nothing of readonly lists
}
