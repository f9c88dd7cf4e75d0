/**
 * Keys and values that may expire, in a database file on this machine (LMDB). Several processes may open the same folder;
 * each transaction is atomic among them. What the embedded store, limiter and lock are made of.
 */
import { mkdirSync, realpathSync } from 'node:fs'
import type { Clock } from '@postroad/plugin'
import { type Database, open, type RootDatabase } from 'lmdb'
import { transact } from './transaction.ts'

/** Octets of the longest key: LMDB allows 1,978, and the index of expiry needs some of them. */
export const MAX_KEY = 1_024

/** Expired keys removed by each write: more than one, so that the dead never outnumber the living for long. */
const SWEEP = 2
/** Keys read at once by {@link Table.entries}: a longer read would keep LMDB from reusing pages. */
const PAGE = 256
const NEVER = 0
const TIME_DIGITS = 15

type Row<V> = readonly [value: V, expiresAt: number]

/** LMDB files by folder. Two handles of one process on one file deadlock in nested transactions, so tables share one. */
const FILES = new Map<string, File>()

interface File {
  readonly path: string
  readonly root: RootDatabase
  users: number
}

interface Opened<V> {
  readonly file: File
  readonly rows: Database<Row<V>, string>
  /** Time of expiry and key, joined, so that the oldest come first. */
  readonly expiry: Database<true, string>
}

/** Where a {@link Table} is. */
export interface TableOptions {
  /** Made if it is not there; one folder holds any number of tables. */
  readonly folder: string
  readonly name: string
  readonly clock: Clock
}

/** One table of a folder; opened on first use. `write` and `remove` are only for use within `transact`. */
export class Table<V> {
  readonly #options: TableOptions
  #opened: Opened<V> | undefined
  #closed = false

  constructor(options: TableOptions) {
    this.#options = options
  }

  /** Milliseconds since the epoch, of the table's clock. */
  now(): number {
    return this.#options.clock.now()
  }

  /** The value, unless it has expired. @throws {RangeError} when the key is too long */
  read(key: string): V | undefined {
    const row = this.#open().rows.get(checked(key))
    return row === undefined || this.#isExpired(row) ? undefined : row[0]
  }

  /** When the key expires: milliseconds since the epoch, or `undefined` for never or absent. */
  expiresAt(key: string): number | undefined {
    const row = this.#open().rows.get(checked(key))
    return row === undefined || row[1] === NEVER || this.#isExpired(row) ? undefined : row[1]
  }

  /** Runs `action` with nobody else writing; its writes are seen together, or (when it throws) not at all. */
  async transact<T>(action: () => T): Promise<T> {
    const { root } = this.#open().file
    // A throw inside an asynchronous LMDB transaction does not undo its writes: a nested one does.
    const done = await transact(root, (): { readonly value: T } | { readonly error: unknown } => {
      try {
        return { value: root.transactionSync(action) }
      } catch (error) {
        return { error }
      }
    })
    if ('error' in done) throw done.error
    return done.value
  }

  /** Sets a value, and lets some expired keys go. `expiresAt` absent: for ever. */
  write(key: string, value: V, expiresAt: number = NEVER): void {
    const { rows, expiry } = this.#open()
    this.remove(key)
    this.#sweep()
    rows.putSync(key, [value, expiresAt])
    if (expiresAt !== NEVER) expiry.putSync(indexKey(expiresAt, key), true)
  }

  /** Resolves to whether there was a value that had not expired. */
  remove(key: string): boolean {
    const { rows, expiry } = this.#open()
    const row = rows.get(checked(key))
    if (row === undefined) return false
    rows.removeSync(key)
    if (row[1] !== NEVER) expiry.removeSync(indexKey(row[1], key))
    return !this.#isExpired(row)
  }

  /** Keys with the prefix and their values, in the order of their octets, read page by page. */
  async *entries(prefix: string, signal?: AbortSignal): AsyncIterable<readonly [key: string, value: V]> {
    let last: string | undefined
    while (true) {
      signal?.throwIfAborted()
      const start = last ?? prefix
      const page = [...this.#open().rows.getRange({ start, limit: PAGE })].map(({ key, value }) => [key, value] as const)
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
    return this.#open().rows.getCount()
  }

  /** Resolves when everything is on the disk and the file is closed. Nothing may be called afterwards. */
  async close(): Promise<void> {
    this.#closed = true
    const opened = this.#opened
    this.#opened = undefined
    if (!opened) return
    await opened.file.root.flushed
    await closeFile(opened.file)
  }

  #open(): Opened<V> {
    if (this.#opened) return this.#opened
    const { folder, name } = this.#options
    if (this.#closed) throw new Error(`The table "${name}" is closed`)
    const file = openFile(folder)
    this.#opened = { file, rows: file.root.openDB({ name }), expiry: file.root.openDB({ name: `${name}.expiry` }) }
    return this.#opened
  }

  #isExpired(row: Row<V>): boolean {
    return row[1] !== NEVER && row[1] <= this.now()
  }

  #sweep(): void {
    const { rows, expiry } = this.#open()
    const end = indexKey(this.now(), '')
    for (const entry of [...expiry.getKeys({ end, limit: SWEEP })]) {
      rows.removeSync(entry.slice(TIME_DIGITS))
      expiry.removeSync(entry)
    }
  }
}

function openFile(folder: string): File {
  mkdirSync(folder, { recursive: true })
  const path = realpathSync(folder)
  const file = FILES.get(path) ?? { path, root: open({ path, maxDbs: 32 }), users: 0 }
  FILES.set(path, file)
  file.users++
  return file
}

async function closeFile(file: File): Promise<void> {
  if (--file.users > 0) return
  FILES.delete(file.path)
  await file.root.close()
}

function indexKey(expiresAt: number, key: string): string {
  return Math.ceil(expiresAt).toString().padStart(TIME_DIGITS, '0') + key
}

function checked(key: string): string {
  // Three octets of UTF-8 for each UTF-16 unit at most: the short keys, nearly all, need no counting.
  if (key.length * 3 > MAX_KEY && Buffer.byteLength(key) > MAX_KEY) throw new RangeError(`A key has more than ${MAX_KEY} octets`)
  return key
}
