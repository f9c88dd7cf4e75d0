/** The one way to write: closures that share a transaction and a sync, never on the main thread, and never for ever. */
import type { RootDatabase } from 'lmdb'
import { EmbeddedError } from './error.ts'

/** Milliseconds of waiting for the lock after which it is told. */
const TELL_MS = 2_000
/** Milliseconds between looks at what waits. */
const LOOK_MS = 250
/** Each beginning anew means that another process opened the file at the moment of a commit. */
const BEGINNINGS = 100
/** Milliseconds for which what can wait, or must wait for another process anyway, waits for something to share its transaction with. */
const SHARE_MS = 3

/** Milliseconds without the lock after which another process that wrote is in the way. */
const CONTENDED_MS = 1

/** Something to be done in a transaction. */
export interface Work {
  run(): unknown
  resolve(value: unknown): void
  reject(error: unknown): void
  /** Must not leave anything behind when it throws: it gets a nested transaction. */
  readonly isAtomic: boolean
  /** Goes on when the disk is full, by the room of the reserve. */
  readonly makesRoom: boolean
  /** Nobody waits for it: it begins no transaction of its own for {@link SHARE_MS}. */
  readonly canWait: boolean
  readonly since: number
  /** Milliseconds after which it is given up when the lock was not got. */
  patience(): number
}

/** What the writer needs of its file. */
export interface WriterHost {
  readonly path: string
  /** The environment; rejects while there is none. */
  root(): Promise<RootDatabase>
  /** Within a transaction that has written nothing: whether it may; if not, it is begun anew. */
  mayWrite(): boolean
  /** After that: whether another process has written since the transaction before. */
  othersWrote(): boolean
  /** A transaction failed: does what can be done, and resolves to whether those that make room may try again. */
  failed(cause: unknown): Promise<boolean>
  /** A transaction is on its way again, or is not. */
  wrote(): void
  tell(message: string): void
}

/** Writes to one file: one transaction at a time, with all that waits. */
export class Writer {
  readonly #host: WriterHost
  #pending: Work[] = []
  /** What is to be done at the end of the transaction that is open. */
  #lasts: (() => void)[] = []
  #running: Promise<void> | undefined
  /** Until when what can wait does. */
  #sharing: NodeJS.Timeout | undefined
  /** What the transaction that was asked for last is of; emptied when it has begun, and of what is given up. */
  #asked: readonly Work[] = []
  /** Since when the lock is waited for. */
  #waitsSince: number | undefined
  #watch: NodeJS.Timeout | undefined
  #isTold = false
  /** Another process had the lock when the last transaction was asked for. */
  #isContended = false
  #lost: EmbeddedError | undefined

  constructor(host: WriterHost) {
    this.#host = host
  }

  /** Nothing is being written. */
  get isIdle(): boolean {
    return this.#running === undefined
  }

  /** Milliseconds for which the lock has been waited for. */
  get waitedMs(): number {
    return this.#waitsSince === undefined ? 0 : performance.now() - this.#waitsSince
  }

  /** Why this process writes nothing any more; see {@link lose}. */
  get lost(): EmbeddedError | undefined {
    return this.#lost
  }

  /**
   * A transaction has failed. When it could not even begin, lmdb's thread has gone away with lmdb's own lock, and its promise never
   * settles: the next write, or closing the environment, would wait for ever. So neither is begun any more in this process.
   */
  lose(status: number): void {
    if (this.#waitsSince === undefined) return
    const text = `${this.#host.path} cannot be written by this process any more, its lock failed (${status}): start the process again, and all others that use the file if that does not help`
    this.#lost = new EmbeddedError('ERR_EMBEDDED_LOST', text)
    const waiting = [...this.#asked, ...this.#pending]
    this.#pending = []
    this.#begun()
    this.#rest()
    this.#host.tell(text)
    for (const work of waiting) work.reject(this.#lost)
    process.emitWarning(this.#lost.message, { code: this.#lost.code })
  }

  add(work: Work): void {
    if (this.#lost) {
      work.reject(this.#lost)
      return
    }
    this.#pending.push(work)
    this.#begin()
  }

  /** Runs `action` in the transaction that is open, when all that shares it has run. What it throws is what all of them reject with. */
  atEnd(action: () => void): void {
    this.#lasts.push(action)
  }

  /** Resolves when all is written; after a while without the lock, to false, when all is given up. */
  async end(): Promise<boolean> {
    while (this.#running || this.#pending.length > 0) {
      if (this.#lost) return false
      const running = this.#beginNow()
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<true>((go) => {
        timer = setTimeout(go, TELL_MS, true)
      })
      const isStuck = await Promise.race([running.then(() => false), late])
      // It would keep a process that has nothing else to do.
      clearTimeout(timer)
      if (!isStuck || this.#waitsSince === undefined) continue
      this.#giveUp(() => true)
      return false
    }
    return true
  }

  /** Begins to write, unless all that is there can wait. */
  #begin(): void {
    if (this.#running || this.#pending.length === 0) return
    if (this.#pending.every(({ canWait }) => canWait)) this.#sharing ??= setTimeout(this.#beginNow, SHARE_MS)
    else this.#beginNow()
  }

  readonly #beginNow = (): Promise<void> => {
    clearTimeout(this.#sharing)
    this.#sharing = undefined
    this.#running ??= this.#loop()
    return this.#running
  }

  async #loop(): Promise<void> {
    // A turn of the event loop: everything that comes in with the same bytes from the sockets shares the sync.
    await new Promise(setImmediate)
    do {
      // Processes that take turns write the same pages in each: fewer and larger transactions of each leave more to all.
      if (this.#isContended) await new Promise((go) => setTimeout(go, SHARE_MS))
      const batch = this.#pending
      this.#pending = []
      try {
        await this.#write(batch)
      } catch (error) {
        // What sees to a failure has failed: whoever waits hears of it, and the next are written.
        for (const work of batch) work.reject(error)
      }
    } while (this.#pending.some(({ canWait }) => !canWait))
    this.#running = undefined
    this.#begin()
  }

  async #write(batch: Work[]): Promise<void> {
    try {
      await this.#commit(batch)
    } catch (error) {
      const cause = await causeOf(error)
      const again = (await this.#host.failed(cause)) ? batch.filter(({ makesRoom }) => makesRoom) : []
      const failure = new EmbeddedError(
        'ERR_EMBEDDED_IO',
        `${this.#host.path} could not be written: ${messageOf(cause)}`,
        { cause },
      )
      for (const work of batch) if (!again.includes(work)) work.reject(failure)
      if (again.length > 0) await this.#write(again.map((work) => ({ ...work, makesRoom: false })))
    }
  }

  /** What comes while another process has the lock shares the transaction, and is then in the batch. */
  async #commit(batch: Work[]): Promise<void> {
    const root = await this.#host.root()
    const ends: (() => void)[] = []
    this.#asked = batch
    this.#waitsSince = performance.now()
    this.#watch ??= setInterval(() => this.#look(), LOOK_MS).unref()
    try {
      await this.#transact(root, () => {
        // Without those who were given up: their callers have been told so, and nothing of it may happen.
        this.#isContended = this.waitedMs > CONTENDED_MS && this.#host.othersWrote()
        if (this.#isContended) {
          this.#asked = this.#asked.concat(this.#pending)
          batch.push(...this.#pending)
          this.#pending = []
        }
        const asked = this.#asked
        this.#begun()
        this.#lasts = []
        for (const work of asked) ends.push(runOne(root, work))
        for (const last of this.#lasts) last()
      })
    } finally {
      this.#begun()
      if (this.#pending.length === 0) this.#rest()
    }
    this.#host.wrote()
    for (const end of ends) end()
  }

  /** Runs `action` in a transaction that follows the newest one. */
  async #transact(root: RootDatabase, action: () => void): Promise<void> {
    for (let beginning = 1; beginning <= BEGINNINGS; beginning++) {
      const hasBegun = await root.transaction(() => {
        if (!this.#host.mayWrite()) return false
        action()
        return true
      })
      if (hasBegun) return
    }
    throw new Error('The newest transaction could not be followed')
  }

  /** The lock may be held by a stopped process: waiting for it is logged, and has a limit. */
  #look(): void {
    if (this.waitedMs > TELL_MS && !this.#isTold) {
      this.#isTold = true
      this.#host.tell(
        `${this.#host.path} is locked: another process writes to it, or was stopped while it wrote; waiting`,
      )
    }
    const now = performance.now()
    this.#giveUp(({ since, patience }) => now - since > patience())
  }

  #giveUp(isOver: (work: Work) => boolean): void {
    if (this.#waitsSince === undefined) return
    const over = [...this.#asked, ...this.#pending].filter(isOver)
    if (over.length === 0) return
    this.#asked = this.#asked.filter((work) => !over.includes(work))
    this.#pending = this.#pending.filter((work) => !over.includes(work))
    const error = new EmbeddedError(
      'ERR_EMBEDDED_BUSY',
      `${this.#host.path} is locked by another process that does not go on: nothing was changed. See which processes have it open (lsof, fuser), and end or continue the one that is stopped`,
    )
    for (const work of over) work.reject(error)
  }

  #begun(): void {
    this.#asked = []
    this.#waitsSince = undefined
  }

  #rest(): void {
    clearInterval(this.#watch)
    this.#watch = undefined
    this.#isTold = false
  }
}

function runOne(root: RootDatabase, { run, resolve, reject, isAtomic }: Work): () => void {
  try {
    // A throw inside an asynchronous transaction does not undo its writes: a nested one does.
    const value = isAtomic ? root.transactionSync(run) : run()
    return () => resolve(value)
  } catch (error) {
    return () => reject(error)
  }
}

/** lmdb puts the true error into a promise of its own, whose rejection must be heard. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && 'commitError' in error)) return error
  return Promise.resolve(error.commitError).catch((cause: unknown) => cause)
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
