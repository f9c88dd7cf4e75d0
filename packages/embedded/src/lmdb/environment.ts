/**
 * One LMDB environment, opened without the writer's lock. lmdb's own `open` and `openDB` begin a write transaction on the main
 * thread: while an asynchronous one of this process is open that is a deadlock, and while another process is stopped in one it lasts
 * as long as that. Here tables that are there are opened by a read transaction, as lmdb does for a read-only environment.
 */
import { type Database, openAsClass, type RootDatabase } from 'lmdb'
import { threadBegins } from './exit.ts'
import { NewestTransaction } from './newest.ts'
import { walk } from './walk.ts'

export type { Database as TypedTable } from 'lmdb'

/** A table of any content; its user knows the types. */
// biome-ignore lint/suspicious/noExplicitAny: keys and values are the business of whoever opened the table
export type LmdbTable = Database<any, any>

/** How an environment is opened. */
export interface EnvironmentOptions {
  /** A commit resolves after the sync; without, before it. */
  readonly isDurable: boolean
  /** Values are octets; without, MessagePack. */
  readonly isBinary: boolean
}

/** What lmdb's types leave out. */
interface Root extends RootDatabase {
  readonly env: {
    /** `heard` is told 2 when the transaction has begun, 1 when it can be seen, and at the end 0 or the number of an error. */
    startWriting(address: number, heard: (status: number) => unknown): unknown
  }
  ensureReadTxn(): void
  /** Of the write transaction that is open. */
  getWriteTxnId(): number
}

type Begin = (this: Root, action: () => unknown, flags?: number) => unknown

/** An open LMDB environment. There is one for each file in a process: a second one breaks LMDB's locks. */
export class Environment {
  readonly root: RootDatabase
  readonly #tables = new Map<string, LmdbTable>()
  readonly #newest: NewestTransaction
  readonly #encoding: 'binary' | 'msgpack'
  #isOpening = false
  /** Number of the last transaction of this process that could write. */
  #transaction = Number.MAX_SAFE_INTEGER
  #othersWrote = false
  /** Hears the number of LMDB's error when a transaction has failed, or could not begin: of the latter lmdb tells nobody, and keeps its own lock. */
  onFailure: (status: number) => void = () => {}

  /** Synchronous; maps the file. @param folder must be there */
  constructor(folder: string, { isDurable, isBinary }: EnvironmentOptions, isShort: boolean) {
    this.#encoding = isBinary ? 'binary' : 'msgpack'
    const Store = openAsClass({
      path: folder,
      encoding: this.#encoding,
      maxDbs: 32,
      // lmdb's own batches leave a rejection that nobody can catch when the disk is full; ours are in the writer.
      eventTurnBatching: false,
      ...(isDurable && { overlappingSync: false }),
    }) as unknown as new (
      name: null,
      options: object,
    ) => Root // its type has no constructor that can be called
    this.#openByReading(Store.prototype)
    this.root = this.#opening(() => new Store(null, { encoding: this.#encoding, isRoot: true }))
    this.#touch(isShort)
    this.#newest = this.#orClose(() => new NewestTransaction(folder))
    this.#listen()
  }

  /** Octets of the file that are in use. */
  get used(): number {
    const { lastPageNumber, pageSize } = this.root.getStats() as { lastPageNumber: number; pageSize: number } // lmdb types it as {}
    return (lastPageNumber + 1) * pageSize
  }

  /** A table that {@link openTable} has opened. */
  table(name: string): LmdbTable | undefined {
    return this.#tables.get(name)
  }

  /** Opens a table that is there, and tells whether it is. Never while a transaction of this process is open. */
  openTable(name: string): boolean {
    if (this.#tables.has(name)) return true
    const table = this.#opening(() =>
      this.root.openDB({ name, encoding: this.#encoding, create: false } as { name: string }),
    ) as LmdbTable | undefined // lmdb's types know neither `create` nor that a table may be missing
    if (table) this.#tables.set(name, table)
    return table !== undefined
  }

  /** Opens tables, and makes those that are not there. Only within a write transaction; `undo` is for when it fails. */
  makeTables(names: readonly string[]): { undo(): void } {
    const made = names.filter((name) => !this.#tables.has(name))
    for (const name of made) this.#tables.set(name, this.root.openDB({ name, encoding: this.#encoding }))
    return {
      undo: () => {
        for (const name of made) this.#tables.delete(name)
      },
    }
  }

  /**
   * Whether LMDB gave up the environment (MDB_PANIC): nothing can be read or written until it is opened anew. The reading transaction
   * that is there is renewed, and keeps its place among the readers: without one LMDB says that their table is full before it says that
   * it gave up. Any other error counts as yes: to open anew does no harm, and to begin a transaction after a panic ends all writing.
   */
  isBroken(): boolean {
    try {
      this.root.resetReadTxn()
      this.root.useReadTransaction().done()
      return false
    } catch {
      return true
    }
  }

  /** A transaction that was committed is not seen by those who begin now: see {@link NewestTransaction}. A write mends it. */
  get isForgetful(): boolean {
    try {
      return this.#newest.isForgotten
    } catch {
      return true // the write that shall mend it says why it cannot be read
    }
  }

  /** Within a write transaction that has written nothing: whether it may. If not, it must end without, and be begun anew. */
  mayWrite(): boolean {
    const transaction = (this.root as Root).getWriteTxnId()
    this.#othersWrote = transaction > this.#transaction + 1
    this.#transaction = transaction
    return this.#newest.isFollowedBy(transaction)
  }

  /** Whether another process has written between this transaction, for which {@link mayWrite} was asked, and the one before. */
  get othersWrote(): boolean {
    return this.#othersWrote
  }

  async close(): Promise<void> {
    try {
      await this.root.close()
    } finally {
      this.#newest.close()
    }
  }

  #opening<T>(open: () => T): T {
    this.#isOpening = true
    try {
      return open()
    } finally {
      this.#isOpening = false
    }
  }

  /** lmdb's constructor of a table calls `transactionSync`; the class is this environment's own. */
  #openByReading(prototype: Root): void {
    const begin = prototype.transactionSync as Begin
    const isOpening = (): boolean => this.#isOpening
    const instead: Begin = function (action, flags) {
      if (!isOpening()) return begin.call(this, action, flags)
      this.resetReadTxn()
      this.ensureReadTxn()
      return action()
    }
    prototype.transactionSync = instead as Root['transactionSync'] // the same, less generic
  }

  #listen(): void {
    const { env } = this.root as Root // see Root
    const start = env.startWriting
    const value: typeof start = (address, heard) => {
      const threadEnds = threadBegins()
      let hasBegun = false
      const hear = (status: number): unknown => {
        const isOver = status < 1 || status > 2
        if (status === 2) hasBegun = true
        // At 1 what was written can be seen, and the thread still works; one that could not begin has kept the lock of lmdb for ever.
        if (isOver && (status === 0 || hasBegun)) threadEnds()
        const answer = heard(status)
        if (isOver && status !== 0) this.onFailure(status)
        return answer
      }
      try {
        return start.call(env, address, hear)
      } catch (error) {
        threadEnds()
        throw error
      }
    }
    // The one of its class cannot be assigned to.
    Object.defineProperty(env, 'startWriting', { value })
  }

  /** What kills kills here, under the mark, and not in the middle of the day: the head of each table, and all of it behind a lost end. */
  #touch(isShort: boolean): void {
    this.#orClose(() =>
      walk(
        this.root,
        (name) => (this.openTable(name) ? this.table(name) : undefined),
        isShort ? Number.POSITIVE_INFINITY : 1,
      ),
    )
  }

  #orClose<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      // Without writes that wait this closes at once; a file that stayed open would be shared by the next attempt.
      void this.root.close()
      throw error
    }
  }
}
