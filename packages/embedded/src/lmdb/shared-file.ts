/** The one environment of a file, for all of a process that use it: opened under guard, opened anew when LMDB gave it up. */
import { statSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { RootDatabase } from 'lmdb'
import { Environment, type EnvironmentOptions, type LmdbTable } from './environment.ts'
import { damaged, EmbeddedError, meansDamage, systemCode } from './error.ts'
import { guarded } from './guard.ts'
import { Reserve } from './reserve.ts'
import { Writer } from './writer.ts'

type Notice = (message: string, error?: unknown) => void

/** Milliseconds after a failed write in which nothing new is taken. */
const REFUSE_MS = 5_000
/** Milliseconds of waiting for the lock after which nothing new is taken. */
const STALL_MS = 5_000
/** Milliseconds between looks at the reserve. */
const KEEP_MS = 5_000
/** Milliseconds for which who opens the file waits until all that was committed can be seen. */
const REMIND_MS = 2_000
/** No room, or no more of it for this user. */
const FULL: ReadonlySet<string | number | undefined> = new Set([constants.errno.ENOSPC, constants.errno.EDQUOT])

/** What all who have one file open share: its environment, its writer, its reserve and its notices. */
export class SharedFile {
  readonly path: string
  readonly writer: Writer
  readonly #folder: string
  readonly #options: EnvironmentOptions
  readonly #reserve: Reserve | undefined
  readonly #gone: () => void
  readonly #notices: (Notice | undefined)[] = []
  readonly #names = new Set<string>()
  #environment: Environment | undefined
  #identity: { readonly data: string | undefined; readonly lock: string | undefined }
  #users = 0
  #isClosing = false
  #closing: Promise<void> = Promise.resolve()
  #failedAt = Number.NEGATIVE_INFINITY
  #failure: string | undefined
  #keptAt = Number.NEGATIVE_INFINITY
  #keeping: Promise<void> | undefined

  static async open(options: EnvironmentOptions & { readonly folder: string }, gone: () => void): Promise<SharedFile> {
    const environment = await openEnvironment(options.folder, options)
    const file = new SharedFile(options, environment, gone)
    if (environment.isForgetful) await file.#remind()
    return file
  }

  private constructor(
    options: EnvironmentOptions & { readonly folder: string },
    environment: Environment,
    gone: () => void,
  ) {
    this.#folder = options.folder
    this.path = join(options.folder, 'data.mdb')
    this.#options = options
    this.#environment = environment
    this.#reserve = options.isDurable ? new Reserve(this.path) : undefined
    this.#gone = gone
    this.writer = new Writer({
      path: this.path,
      root: () => this.#root(),
      mayWrite: () => this.#environment?.mayWrite() ?? false,
      othersWrote: () => this.#environment?.othersWrote ?? false,
      failed: (cause) => this.#failed(cause),
      wrote: () => this.#wrote(),
      tell: (message) => this.#tell(message),
    })
    this.#identity = identitiesIn(this.#folder)
    environment.onFailure = this.#heard
    this.#keepReserve()
  }

  /**
   * Whether the files that are open are still those at the path; their inodes are given to no others as long.
   *
   * @throws {EmbeddedError} `ERR_EMBEDDED_BUSY`: only `data.mdb` is another. Two that share a `lock.mdb` in one process lose their locks
   */
  isInPlace(): boolean {
    const lock = identityOf(join(this.#folder, 'lock.mdb'))
    const isSame = identityOf(this.path) === this.#identity.data
    if (isSame || lock !== this.#identity.lock) return isSame && lock === this.#identity.lock
    const text = `${this.path} was replaced, or removed, while this process has it open: stop every process that uses it, and start again`
    throw new EmbeddedError('ERR_EMBEDDED_BUSY', text)
  }

  /** Resolves when its last user has left, or could not: then it is open still. */
  get closing(): Promise<void> {
    return this.#closing
  }

  get isLast(): boolean {
    return this.#users === 1
  }

  /** See `LmdbFile.trouble`. */
  get trouble(): string | undefined {
    if (this.writer.lost) return this.writer.lost.message
    if (this.writer.waitedMs > STALL_MS) return `${this.path} is locked by another process`
    if (this.#failure === undefined) return undefined
    // After a while one write is let through, to see whether the disk works again; until it or a new opening has ended all others are refused.
    return !this.writer.isIdle || performance.now() - this.#failedAt < REFUSE_MS ? this.#failure : undefined
  }

  /** One more uses it; false when it is being closed. */
  enter(notice: Notice | undefined): boolean {
    if (this.#isClosing) return false
    this.#users++
    this.#notices.push(notice)
    return true
  }

  async leave(notice: Notice | undefined): Promise<void> {
    this.#notices.splice(this.#notices.indexOf(notice), 1)
    if (--this.#users > 0) return
    this.#isClosing = true
    const closing = this.#close()
    this.#closing = closing.catch(() => {}) // whoever closes hears why
    await closing
  }

  async #close(): Promise<void> {
    if (!(await this.writer.end())) {
      // The thread that waits for the lock cannot be called back: the file stays open for whoever comes, or until the process ends.
      this.#isClosing = false
      return
    }
    await this.#keeping
    try {
      await this.#environment?.close()
    } finally {
      this.#gone()
    }
  }

  table(name: string): LmdbTable {
    const table = this.#environment?.table(name)
    if (!table) throw new EmbeddedError('ERR_EMBEDDED_IO', `${this.path} is being opened anew`)
    return table
  }

  refresh(): void {
    this.#environment?.root.resetReadTxn()
  }

  /** Opens what is there; false when something is missing, or cannot be opened just now without a transaction. */
  openTables(names: readonly string[]): boolean {
    const environment = this.#environment
    for (const name of names) this.#names.add(name)
    if (!environment) return false
    if (names.every((name) => environment.table(name))) return true
    // LMDB must not learn of tables by two threads at once.
    return this.writer.isIdle && names.every((name) => environment.openTable(name))
  }

  makeTables(names: readonly string[]): { undo(): void } {
    if (!this.#environment) throw new EmbeddedError('ERR_EMBEDDED_IO', `${this.path} is being opened anew`)
    return this.#environment.makeTables(names)
  }

  /** A write of nothing, before which what was forgotten is found; without the lock the next write of any process finds it. */
  #remind(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => resolve()
      const work = { run: end, resolve: end, reject: end, isAtomic: false, makesRoom: false, canWait: false }
      this.writer.add({ ...work, since: performance.now(), patience: () => REMIND_MS })
    })
  }

  /** To begin a transaction of an environment that LMDB gave up would block lmdb's thread for ever. */
  async #root(): Promise<RootDatabase> {
    // Without the promise to be durable lmdb says nothing of a sync that failed after the commit.
    if (!this.#options.isDurable && this.#environment?.isBroken()) {
      this.#tell(`${this.path} could not be written to its disk`)
      await this.#abandon()
    }
    return (this.#environment ?? (await this.#reopen())).root
  }

  /** Resolves to whether there is room again for what makes more of it. */
  async #failed(cause: unknown): Promise<boolean> {
    const failure = `${this.path} cannot be written: ${cause instanceof Error ? cause.message : cause}`
    this.#failedAt = performance.now()
    const isBroken = this.#environment?.isBroken() ?? true
    if (this.#failure === undefined || isBroken) this.#tell(failure, cause)
    this.#failure = failure
    if (isBroken && this.#environment) await this.#abandon()
    // What LMDB gave up on may be on the disk all the same: to run it again would be to do it twice.
    return !isBroken && FULL.has(systemCode(cause)) && ((await this.#reserve?.give()) ?? false)
  }

  /** After a failed write of its meta page LMDB does nothing more: what is on the disk is whole, and is opened anew. */
  async #abandon(): Promise<void> {
    const broken = this.#environment
    this.#environment = undefined
    await broken?.close()
    await this.#reopen().catch((error: unknown) =>
      this.#tell(`${this.path} could not be opened anew: ${error instanceof Error ? error.message : error}`, error),
    )
  }

  async #reopen(): Promise<Environment> {
    const environment = await openEnvironment(this.#folder, this.#options)
    for (const name of this.#names) environment.openTable(name)
    this.#identity = identitiesIn(this.#folder)
    environment.onFailure = this.#heard
    this.#environment = environment
    this.#tell(`${this.path} was opened anew`)
    return environment
  }

  #wrote(): void {
    if (this.#failure !== undefined) this.#tell(`${this.path} is written again`)
    this.#failure = undefined
    this.#keepReserve()
  }

  #keepReserve(): void {
    const now = performance.now()
    if (!this.#reserve || !this.#environment || now - this.#keptAt < KEEP_MS) return
    this.#keptAt = now
    this.#keeping = this.#reserve.keep(this.#environment.used)
  }

  readonly #heard = (status: number): void => this.writer.lose(status)

  #tell(message: string, error?: unknown): void {
    for (const notice of new Set(this.#notices)) notice?.(message, error)
  }
}

async function openEnvironment(folder: string, options: EnvironmentOptions): Promise<Environment> {
  const path = join(folder, 'data.mdb')
  try {
    return await guarded(folder, ({ isShort }) => new Environment(folder, options, isShort))
  } catch (cause) {
    if (cause instanceof EmbeddedError) throw cause
    if (meansDamage(cause)) throw damaged(path, cause)
    throw new EmbeddedError(
      'ERR_EMBEDDED_IO',
      `${path} could not be opened: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    )
  }
}

function identitiesIn(folder: string): { readonly data: string | undefined; readonly lock: string | undefined } {
  return { data: identityOf(join(folder, 'data.mdb')), lock: identityOf(join(folder, 'lock.mdb')) }
}

/** Device and inode; nothing when it is not there. */
function identityOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat && `${stat.dev}:${stat.ino}`
}
