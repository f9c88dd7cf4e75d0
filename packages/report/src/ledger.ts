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
const WRITES = 64
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
    const jobs = [...taken].flatMap(([day, buckets]) => pack(buckets).map((part) => ({ day, ...part })))
    for (let at = 0; at < jobs.length; at += WRITES)
      await Promise.all(jobs.slice(at, at + WRITES).map((job) => this.#write(job)))
  }

  async #write({ day, share, parts }: { readonly day: string } & Packed): Promise<void> {
    const { name, store, log } = this.#options
    try {
      const key = `${name}:rows:${day}:${share}:${this.#own}-${this.#sequence++}`
      await store.set(key, JSON.stringify(parts), KEEP_MS)
    } catch (error) {
      log?.warn({ error }, 'counts for reports could not be written down, and wait')
      for (const part of parts) this.#putBack(day, part)
    }
  }

  #putBack(day: string, [domain, about, rows]: Part): void {
    let buckets = this.#waiting.get(day)
    if (buckets === undefined) this.#waiting.set(day, (buckets = new Map()))
    let bucket = buckets.get(domain)
    if (bucket === undefined) buckets.set(domain, (bucket = { about, rows: new Map() }))
    for (const [row, count] of rows) if (this.#add(bucket.rows, row, count, this.#isFull)) this.#waitingRows++
  }

  /** The domains of one share of a day with their rows, those of all processes added up. `only`: no other domain than this. */
  async read(
    day: string,
    share: number,
    { only, signal }: { readonly only?: string; readonly signal?: AbortSignal } = {},
  ): Promise<ReadonlyMap<string, CountedDomain>> {
    const domains = new Map<string, Bucket>()
    for await (const [, value] of this.#options.store.entries(this.#prefix(day, share), signal))
      for (const [domain, about, rows] of partsOf(value)) {
        if (only !== undefined && domain !== only) continue
        let bucket = domains.get(domain)
        if (bucket === undefined) domains.set(domain, (bucket = { about, rows: new Map() }))
        bucket.about = about
        for (const [row, count] of rows) this.#add(bucket.rows, row, count)
      }
    return domains
  }

  /** The rows of a domain; empty where nothing was counted. */
  async domain(day: string, domain: string, signal?: AbortSignal): Promise<CountedDomain> {
    const found = await this.read(day, shareOf(domain), { only: domain, ...(signal && { signal }) })
    return found.get(domain) ?? { about: '', rows: new Map() }
  }

  /** Remembers that nothing more is to be done for a domain on that day. */
  async settle(day: string, domain: string): Promise<void> {
    const { name, store } = this.#options
    await store.set(`${name}:settled:${day}:${domain}`, '', KEEP_MS)
  }

  async isSettled(day: string, domain: string): Promise<boolean> {
    const { name, store } = this.#options
    return (await store.get(`${name}:settled:${day}:${domain}`)) !== undefined
  }

  /** Forgets a share of a day, once all its reports are sent. */
  async forget(day: string, share: number): Promise<void> {
    const { store } = this.#options
    for await (const [key] of store.entries(this.#prefix(day, share))) await store.delete(key)
  }

  #prefix(day: string, share: number): string {
    return `${this.#options.name}:rows:${day}:${share}:`
  }
}

/** What was counted for a domain on a day: what was said about it last, and how many of each row. */
export interface CountedDomain {
  readonly about: string
  readonly rows: ReadonlyMap<string, number>
}

/** A domain's part of one value in the store. */
type Part = readonly [domain: string, about: string, rows: readonly (readonly [row: string, count: number])[]]

/** One value. */
interface Packed {
  readonly share: number
  readonly parts: readonly Part[]
}

/** Puts the domains of a share together: a value for each would cost more than all the counting. */
function pack(buckets: ReadonlyMap<string, Bucket>): readonly Packed[] {
  const open = new Map<number, { parts: Part[]; size: number }>()
  const packed: Packed[] = []
  for (const [domain, { about, rows }] of buckets) {
    const share = shareOf(domain)
    const all = [...rows]
    for (let at = 0; at < all.length; at += BATCH) {
      const batch = all.slice(at, at + BATCH)
      let last = open.get(share)
      if (last === undefined || last.size + batch.length > BATCH) {
        open.set(share, (last = { parts: [], size: 0 }))
        packed.push({ share, parts: last.parts })
      }
      last.parts.push([domain, about, batch])
      last.size += batch.length
    }
  }
  return packed
}

/** A day is divided by domain, so that a report is made without reading all of it. */
export const SHARES = 32

/** The share in which a domain is, the same in every process. */
export function shareOf(domain: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < domain.length; at++) hash = Math.imul(hash ^ domain.charCodeAt(at), 0x01000193)
  return (hash >>> 0) % SHARES
}

/** What stands in the store was written by us, perhaps by another version. */
function partsOf(value: string): readonly Part[] {
  try {
    const parts: unknown = JSON.parse(value)
    return Array.isArray(parts) ? parts.filter(isPart) : []
  } catch {
    return [] // a value that nobody can read has no rows
  }
}

function isPart(part: unknown): part is Part {
  if (!Array.isArray(part)) return false
  const [domain, about, rows]: readonly unknown[] = part
  return typeof domain === 'string' && typeof about === 'string' && Array.isArray(rows) && rows.every(isCount)
}

function isCount(one: unknown): boolean {
  return Array.isArray(one) && typeof one[0] === 'string' && Number.isSafeInteger(one[1])
}
