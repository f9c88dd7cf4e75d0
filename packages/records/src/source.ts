/** Where records are found: a store, or log files. */
import type { StoredRecord } from './record.ts'
import type { WantedWords } from './words.ts'

/** What is looked for. Times are milliseconds since the epoch. */
export interface RecordQuestion {
  readonly wanted: WantedWords
  /** Not before, and not after. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** As many, newest first. */
  readonly limit: number
  /** Older than this one: where a page ended. */
  readonly before?: RecordPlace | undefined
  /** Milliseconds of reading blocks after which the search ends where it is; default: never. At least one is looked at. */
  readonly patience?: number | undefined
  /** What the words do not say. */
  accepts?(record: StoredRecord): boolean
}

/** A place among records that are ordered by time and id. */
export interface RecordPlace {
  readonly time: number
  readonly id: string
}

/** Who answers questions. */
export interface RecordSource {
  /** Newest first. */
  find(question: RecordQuestion): Promise<readonly StoredRecord[]>
}

/** Whether a place comes after another in a list that has the newest first. */
export function isOlder(one: RecordPlace, than: RecordPlace): boolean {
  return one.time < than.time || (one.time === than.time && one.id < than.id)
}

/** Newest first. */
export function newestFirst(one: RecordPlace, other: RecordPlace): number {
  return other.time - one.time || (one.id < other.id ? 1 : one.id > other.id ? -1 : 0)
}
