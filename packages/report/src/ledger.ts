/** What is counted for reports, by day, domain and row: in memory for a moment, then in the store that survives restarts and that nodes share. */
import { randomBytes } from 'node:crypto'
import type { Logger, Store } from '@postroad/plugin'
import { dayOf, rangeOf } from './day.ts'
import { type PackedValue, pack, unpack, type WaitingRows } from './ledger-value.ts'

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

/** Rows that wait in memory; with more than that they are written down before their time. */
const WRITE_AT = 20_000
/** A write costs the same for ten rows as for a thousand: between these numbers more are gathered, for some minutes. */
const FEW = 200
const ENOUGH = 4_000
const GATHERING_MINUTES = 5
/** While the store is away so many wait, and no more. */
const MAX_WAITING = 200_000
/** Writes that are under way at a time. */
const WRITES = 64
const MAX_ROWS = 10_000
/** Reports are tried for a day; whoever was switched off for longer has nothing to say. */
const KEEP_MS = 4 * 86_400_000
const DOMAIN = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

/**
 * Counts. Each process writes rows of its own, so none waits for another, and a report adds them up; what the last minute has brought (of a busy
 * process: the last five) is lost when it is killed.
 */
export class ReportLedger {
  readonly #options: LedgerOptions
  readonly #maxRows: number
  readonly #own = randomBytes(8).toString('hex')
  #sequence = 0
  /** By day, then by domain. */
  #waiting = new Map<string, Map<string, WaitingRows>>()
  #waitingRows = 0
  #lost = 0
  #flight: Promise<void> | undefined
  /** Of the day that was counted last, so that a message costs no date. */
  #today: {
    readonly day: string
    readonly begin: number
    readonly end: number
    readonly buckets: Map<string, WaitingRows>
  }

  constructor(options: LedgerOptions) {
    this.#options = options
    this.#maxRows = options.maxRows ?? MAX_ROWS
    this.#today = { day: '', begin: 0, end: 0, buckets: new Map() }
  }

  /** Counts one more, at a moment in milliseconds since the epoch. `domain` is of lower-case A-labels; any other text is not counted. `row` and `about` are one line each. */
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

  /** To be called once a minute, with the number of that minute: writes down what waits, unless it is better to gather more. Does not reject. */
  async flushAt(minute: number): Promise<void> {
    const isGathering = this.#waitingRows > FEW && this.#waitingRows < ENOUGH && minute % GATHERING_MINUTES !== 0
    if (!isGathering) await this.flush()
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
      pack(buckets, { shares: SHARES, shareOf }).map((value) => ({ day, ...value })),
    )
    for (let at = 0; at < jobs.length; at += WRITES)
      await Promise.all(jobs.slice(at, at + WRITES).map((job) => this.#write(job)))
  }

  async #write({ day, share, text }: { readonly day: string } & PackedValue): Promise<void> {
    const { name, store, log } = this.#options
    try {
      const key = `${name}:rows:${day}:${share}:${this.#own}-${this.#sequence++}`
      await store.set(key, text, KEEP_MS)
    } catch (error) {
      log?.warn({ error }, 'counts for reports could not be written down, and wait')
      this.#putBack(day, text)
    }
  }

  #putBack(day: string, text: string): void {
    let buckets = this.#waiting.get(day)
    if (buckets === undefined) this.#waiting.set(day, (buckets = new Map()))
    const waiting = buckets
    unpack(text, (domain, about, [row, count]) => {
      let bucket = waiting.get(domain)
      if (bucket === undefined) waiting.set(domain, (bucket = { about, rows: new Map() }))
      if (this.#add(bucket.rows, row, count, this.#isFull)) this.#waitingRows++
    })
  }

  /** The domains of one share of a day with their rows, those of all processes added up. `only`: no other domain than this. */
  async read(
    day: string,
    share: number,
    { only, signal }: { readonly only?: string; readonly signal?: AbortSignal } = {},
  ): Promise<ReadonlyMap<string, CountedDomain>> {
    const domains = new Map<string, WaitingRows>()
    for await (const [, value] of this.#options.store.entries(this.#prefix(day, share), signal))
      unpack(value, (domain, about, [row, count]) => {
        if (only !== undefined && domain !== only) return
        let bucket = domains.get(domain)
        if (bucket === undefined) domains.set(domain, (bucket = { about, rows: new Map() }))
        bucket.about = about
        this.#add(bucket.rows, row, count)
      })
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

/** A day is divided by domain, so that a report is made without reading all of it. */
export const SHARES = 32

/** The share in which a domain is, the same in every process. */
export function shareOf(domain: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < domain.length; at++) hash = Math.imul(hash ^ domain.charCodeAt(at), 0x01000193)
  return (hash >>> 0) % SHARES
}
