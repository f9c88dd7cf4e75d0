/** What is counted for reports, by day, domain and row: in memory for a moment, then in the store that survives restarts and that nodes share. */
import { randomBytes } from 'node:crypto'
import type { Logger, Store } from '@postroad/plugin'
import { dayOf, rangeOf } from './day.ts'

/** How a ledger works. */
export interface LedgerOptions {
  /** First part of its keys: `tls-rpt`. */
  readonly name: string
  readonly store: Store
  readonly log?: Logger
  /** Rows of one domain and day beyond which only coarse ones are kept. Default 10,000. */
  readonly maxRows?: number
  /** The row with less in it, for a domain that has too many. Default: the row is lost, which is logged. */
  coarsen?(row: string): string
}

/** Rows of a domain; `about` is what the report has to know of it, the last word counts. */
interface Bucket {
  about: string
  readonly rows: Map<string, number>
}

/** Rows that wait in memory; with more than that they are written down before their time. */
const WRITE_AT = 20_000
/** While the store is away so many wait, and no more. */
const MAX_WAITING = 200_000
/** Rows in one value of the store. */
const BATCH = 1_000
/** Writes that are under way at a time. */
const WRITES = 200
const MAX_ROWS = 10_000
/** Reports are tried for a day; whoever was switched off for longer has nothing to say. */
const KEEP_MS = 4 * 86_400_000
const DOMAIN = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

/**
 * Counts. Each process writes rows of its own, so none waits for another, and a report adds them up; what the last minute has brought is lost when
 * a process is killed.
 */
export class ReportLedger {
  readonly #options: LedgerOptions
  readonly #maxRows: number
  readonly #own = randomBytes(8).toString('hex')
  #sequence = 0
  /** By day, then by domain. */
  #waiting = new Map<string, Map<string, Bucket>>()
  #waitingRows = 0
  #lost = 0
  #flight: Promise<void> | undefined
  /** Of the day that was counted last, so that a message costs no date. */
  #today: { readonly day: string; readonly begin: number; readonly end: number; readonly buckets: Map<string, Bucket> }
  /** What the index of domains says, as this process wrote it. */
  #indexed = new Map<string, string>()

  constructor(options: LedgerOptions) {
    this.#options = options
    this.#maxRows = options.maxRows ?? MAX_ROWS
    this.#today = { day: '', begin: 0, end: 0, buckets: new Map() }
  }

  /** Counts one more, at a moment in milliseconds since the epoch. `domain` is of lower-case A-labels; any other text is not counted. */
  count(now: number, domain: string, { row, about = '' }: { readonly row: string; readonly about?: string }): void {
    if (now < this.#today.begin || now >= this.#today.end) this.#turn(now)
    const { buckets } = this.#today
    let bucket = buckets.get(domain)
    if (bucket === undefined) {
      if (domain.length > 253 || !DOMAIN.test(domain)) return
      buckets.set(domain, (bucket = { about, rows: new Map() }))
    }
    bucket.about = about
    if (this.#add(bucket.rows, row, 1, this.#isFull)) this.#waitingRows++
    if (this.#waitingRows >= WRITE_AT && this.#flight === undefined) void this.flush()
  }

  get #isFull(): boolean {
    return this.#waitingRows >= MAX_WAITING
  }

  /** Whether it became a row more. */
  #add(rows: Map<string, number>, row: string, count: number, isFull = false): boolean {
    const known = rows.get(row)
    if (known !== undefined) {
      rows.set(row, known + count)
      return false
    }
    if (rows.size >= this.#maxRows || isFull) return this.#addCoarse(rows, row, count)
    rows.set(row, count)
    return true
  }

  #addCoarse(rows: Map<string, number>, row: string, count: number): boolean {
    const coarse = this.#options.coarsen?.(row)
    const known = coarse === undefined ? undefined : rows.get(coarse)
    if (coarse === undefined || (known === undefined && rows.size >= 2 * this.#maxRows)) {
      this.#lost += count
      return false
    }
    rows.set(coarse, (known ?? 0) + count)
    return known === undefined
  }

  #turn(now: number): void {
    const day = dayOf(now)
    let buckets = this.#waiting.get(day)
    if (buckets === undefined) this.#waiting.set(day, (buckets = new Map()))
    this.#today = { day, ...rangeOf(day), buckets }
  }

  /** Writes down what waits. Does not reject: what could not be written waits on. */
  flush(): Promise<void> {
    this.#flight ??= this.#flush().finally(() => {
      this.#flight = undefined
    })
    return this.#flight
  }

  async #flush(): Promise<void> {
    const { log } = this.#options
    if (this.#lost > 0) log?.warn({ lost: this.#lost }, 'there was no room to count everything for reports')
    this.#lost = 0
    const taken = this.#waiting
    this.#waiting = new Map()
    this.#waitingRows = 0
    this.#today = { day: '', begin: 0, end: 0, buckets: new Map() }
    const jobs = [...taken].flatMap(([day, buckets]) =>
      [...buckets].map(([domain, bucket]) => ({ day, domain, bucket })),
    )
    for (let at = 0; at < jobs.length; at += WRITES)
      await Promise.all(jobs.slice(at, at + WRITES).map((job) => this.#write(job)))
    for (const key of this.#indexed.keys()) if (!taken.has(key.slice(0, 10))) this.#indexed.delete(key)
  }

  async #write({ day, domain, bucket }: { day: string; domain: string; bucket: Bucket }): Promise<void> {
    const { name, store, log } = this.#options
    const rows = [...bucket.rows]
    try {
      const index = `${day}:${domain}`
      if (this.#indexed.get(index) !== bucket.about) {
        await store.set(`${name}:domain:${index}`, bucket.about, KEEP_MS)
        this.#indexed.set(index, bucket.about)
      }
      while (rows.length > 0) {
        const batch = rows.slice(0, BATCH)
        await store.set(`${name}:rows:${index}:${this.#own}-${this.#sequence++}`, JSON.stringify(batch), KEEP_MS)
        rows.splice(0, BATCH)
      }
    } catch (error) {
      log?.warn({ error, domain }, 'counts for reports could not be written down, and wait')
      this.#putBack(day, domain, { about: bucket.about, rows: new Map(rows) })
    }
  }

  #putBack(day: string, domain: string, { about, rows }: Bucket): void {
    let buckets = this.#waiting.get(day)
    if (buckets === undefined) this.#waiting.set(day, (buckets = new Map()))
    let bucket = buckets.get(domain)
    if (bucket === undefined) buckets.set(domain, (bucket = { about, rows: new Map() }))
    for (const [row, count] of rows) if (this.#add(bucket.rows, row, count, this.#isFull)) this.#waitingRows++
  }

  /** Domains of a day that have rows, in order, with what was said about each. */
  async *domains(
    day: string,
    signal?: AbortSignal,
  ): AsyncIterable<{ readonly domain: string; readonly about: string }> {
    const prefix = `${this.#options.name}:domain:${day}:`
    for await (const [key, about] of this.#options.store.entries(prefix, signal))
      yield { domain: key.slice(prefix.length), about }
  }

  /** The rows of a domain, those of all processes added up. */
  async rows(day: string, domain: string, signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const { name, store } = this.#options
    const sum = new Map<string, number>()
    for await (const [, value] of store.entries(`${name}:rows:${day}:${domain}:`, signal))
      for (const [row, count] of batchOf(value)) this.#add(sum, row, count)
    return sum
  }

  /** Forgets a domain of a day, once its report is sent. */
  async forget(day: string, domain: string): Promise<void> {
    const { name, store } = this.#options
    for await (const [key] of store.entries(`${name}:rows:${day}:${domain}:`)) await store.delete(key)
    await store.delete(`${name}:domain:${day}:${domain}`)
  }
}

/** What stands in the store was written by us, perhaps by another version. */
function batchOf(value: string): readonly (readonly [string, number])[] {
  try {
    const batch: unknown = JSON.parse(value)
    return Array.isArray(batch) ? batch.filter(isCount) : []
  } catch {
    return [] // a value that nobody can read has no rows
  }
}

function isCount(one: unknown): one is readonly [string, number] {
  return Array.isArray(one) && typeof one[0] === 'string' && Number.isSafeInteger(one[1])
}
