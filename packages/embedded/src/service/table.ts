/**
 * Keys and values that may expire, in a database file on this machine (LMDB). Several processes may open the same folder;
 * each transaction is atomic among them. What the embedded store, limiter and lock are made of.
 */
import type { Clock } from '@postroad/plugin'
import { type LmdbFile, openLmdb, type TypedTable } from '../lmdb/file.ts'
import { type Anchor, FolderTime } from './folder-time.ts'

/** Octets of the longest key: LMDB allows 1,978, and the index of expiry needs some of them. */
export const MAX_KEY = 1_024

/** Expired keys removed by each write: more than one, so that the dead never outnumber the living for long. */
const SWEEP = 2
/** Keys read at once by {@link ServiceTable.entries}: a longer read would keep LMDB from reusing pages. */
const PAGE = 256
const NEVER = 0
const ATOMIC = { isAtomic: true }
const TIME_DIGITS = 15
/** The table with the one {@link Anchor} of a folder, and its key. */
const TIME = 'time'

type Row<V> = readonly [value: V, expiresAt: number]

/** Where a {@link ServiceTable} is. */
export interface ServiceTableOptions {
  /** Made if it is not there; one folder holds any number of tables. */
  readonly folder: string
  readonly name: string
  readonly clock: Clock
}

/** One table of a folder. All but `open`, `transact` and `close` is for when it is open; `write` and `remove` only for use within `transact`. */
export class ServiceTable<V> {
  readonly #options: ServiceTableOptions
  #file: LmdbFile | undefined
  #time: FolderTime | undefined
  #opening: Promise<void> | undefined
  #closed = false

  constructor(options: ServiceTableOptions) {
    this.#options = options
  }

  get folder(): string {
    return this.#options.folder
  }

  /** Whether it can be read without being opened first. */
  get isOpen(): boolean {
    return this.#file !== undefined
  }

  /**
   * Opens it, once; what failed is tried again by the next who asks.
   *
   * @throws {EmbeddedError} when the file is damaged, or cannot be opened
   */
  open(): Promise<void> {
    if (this.#closed) return Promise.reject(new Error(`The table "${this.#options.name}" is closed`))
    this.#opening ??= this.#openNow().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  /** Milliseconds of the folder's time, by which everything in it expires: see {@link FolderTime}. */
  now(): number {
    if (!this.#time) throw this.#notOpen()
    return this.#time.now()
  }

  /** The value, unless it has expired. @throws {RangeError} when the key is too long */
  read(key: string): V | undefined {
    const row = this.#rows.get(checked(key))
    return row === undefined || this.#isExpired(row) ? undefined : row[0]
  }

  /** When the key expires, by {@link now}, or `undefined` for never or absent. */
  expiresAt(key: string): number | undefined {
    const row = this.#rows.get(checked(key))
    return row === undefined || row[1] === NEVER || this.#isExpired(row) ? undefined : row[1]
  }

  /** Runs `action` as the only writer; its writes are seen together, or (when it throws) not at all. */
  async transact<T>(action: () => T): Promise<T> {
    if (!this.#file) await this.open()
    const file = this.#opened()
    return file.write(() => {
      if (this.#time?.isStale) this.#anchor(this.#time)
      return action()
    }, ATOMIC)
  }

  /** Sets a value, and lets some expired keys go. `expiresAt` is by {@link now}; absent: for ever. */
  write(key: string, value: V, expiresAt: number = NEVER): void {
    const [rows, expiry] = [this.#rows, this.#expiry]
    this.#sweep()
    const before = rows.get(checked(key))?.[1] ?? NEVER
    rows.putSync(key, [value, expiresAt])
    // A counter that goes on expires when it did.
    if (before === expiresAt) return
    if (before !== NEVER) expiry.removeSync(indexKey(before, key))
    if (expiresAt !== NEVER) expiry.putSync(indexKey(expiresAt, key), true)
  }

  /** Resolves to whether there was a value that had not expired. */
  remove(key: string): boolean {
    const [rows, expiry] = [this.#rows, this.#expiry]
    const row = rows.get(checked(key))
    if (row === undefined) return false
    rows.removeSync(key)
    if (row[1] !== NEVER) expiry.removeSync(indexKey(row[1], key))
    return !this.#isExpired(row)
  }

  /** Keys with the prefix and their values, in the order of their octets, read page by page. */
  async *entries(prefix: string, signal?: AbortSignal): AsyncIterable<readonly [key: string, value: V]> {
    if (!this.#file) await this.open()
    let last: string | undefined
    while (true) {
      signal?.throwIfAborted()
      const start = last ?? prefix
      const page = [...this.#rows.getRange({ start, limit: PAGE })].map(({ key, value }) => [key, value] as const)
      for (const [key, row] of page) {
        if (!key.startsWith(prefix)) return
        if (key !== last && !this.#isExpired(row)) yield [key, row[0]]
      }
      if (page.length < PAGE) return
      last = page.at(-1)?.[0]
    }
  }

  /** How many rows there are, expired ones included. */
  size(): number {
    return this.#rows.getCount()
  }

  /** Resolves when everything is on the disk and the file is closed. Nothing may be called afterwards. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#opening?.catch(() => undefined) // who opened it heard of it
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  async #openNow(): Promise<void> {
    const { folder, name } = this.#options
    const file = await openLmdb({ folder, isDurable: false, isBinary: false })
    try {
      await file.prepare([name, `${name}.expiry`, TIME])
    } catch (error) {
      await file.close()
      throw error
    }
    this.#time = new FolderTime(this.#options.clock, file.table(TIME).get(TIME))
    this.#file = file
  }

  #opened(): LmdbFile {
    if (!this.#file) throw this.#notOpen()
    return this.#file
  }

  #notOpen(): Error {
    return new Error(`The table "${this.#options.name}" is ${this.#closed ? 'closed' : 'not open'}`)
  }

  /** Within a transaction, so that all who open the folder agree. */
  #anchor(time: FolderTime): void {
    const table: TypedTable<Anchor, string> = this.#opened().table(TIME)
    table.putSync(TIME, time.anchor(table.get(TIME)))
  }

  get #rows(): TypedTable<Row<V>, string> {
    return this.#opened().table(this.#options.name)
  }

  /** Time of expiry and key, joined, so that the oldest come first. */
  get #expiry(): TypedTable<true, string> {
    return this.#opened().table(`${this.#options.name}.expiry`)
  }

  #isExpired(row: Row<V>): boolean {
    return row[1] !== NEVER && row[1] <= this.now()
  }

  #sweep(): void {
    const [rows, expiry] = [this.#rows, this.#expiry]
    const end = indexKey(this.now(), '')
    for (const entry of [...expiry.getKeys({ end, limit: SWEEP })]) {
      rows.removeSync(entry.slice(TIME_DIGITS))
      expiry.removeSync(entry)
    }
  }
}

function indexKey(expiresAt: number, key: string): string {
  return Math.ceil(expiresAt).toString().padStart(TIME_DIGITS, '0') + key
}

function checked(key: string): string {
  // Three octets of UTF-8 for each UTF-16 unit at most: the short keys, nearly all, need no counting.
  if (key.length * 3 > MAX_KEY && Buffer.byteLength(key) > MAX_KEY)
    throw new RangeError(`A key has more than ${MAX_KEY} octets`)
  return key
}
