/**
 * An LMDB file of this process. However many ask for it (the generations of a reload, services, commands), there is one environment:
 * two on one file lose LMDB's locks to each other, and wait for each other for ever.
 */
import { mkdirSync, statSync } from 'node:fs'
import type { EnvironmentOptions, LmdbTable } from './environment.ts'
import { EmbeddedError } from './error.ts'
import { SharedFile } from './shared-file.ts'
import type { Work } from './writer.ts'

export type { LmdbTable, TypedTable } from './environment.ts'

/** Where a file is, and how it is used; all who share it must agree on how. */
export interface LmdbOptions extends EnvironmentOptions {
  /** Made when it is not there. */
  readonly folder: string
  /** For people: the lock is waited for, the file cannot be written, it can again. */
  readonly onNotice?: (message: string, error?: unknown) => void
  /** What errors become for who uses the file. Default: {@link EmbeddedError} */
  readonly failure?: (error: unknown) => unknown
}

/** How something is written. */
export interface WriteOptions {
  /** What throws leaves nothing behind; without, it must not throw after its first write. */
  readonly isAtomic?: boolean
  /** Goes on when the disk is full: what ends or removes something. */
  readonly makesRoom?: boolean
  /** Nobody waits for it: it may share the transaction of what comes in the next milliseconds. */
  readonly canWait?: boolean
}

/** Milliseconds for which the writer's lock is waited for, and how long by who wants to end. */
const PATIENCE = 30_000
const HURRY = 2_000

/** By device and inode of the folder: a path may be written in many ways. */
const FILES = new Map<string, Promise<SharedFile>>()

/**
 * Opens a file, or shares it. Needs no lock of the writer.
 *
 * @throws {EmbeddedError} `ERR_EMBEDDED_UNSAFE`, `ERR_EMBEDDED_FOREIGN`, `ERR_EMBEDDED_DAMAGED`: the file; `ERR_EMBEDDED_IO`: the system;
 *   `ERR_EMBEDDED_BUSY`: the file was replaced while this process has the old one open
 */
export async function openLmdb(options: LmdbOptions): Promise<LmdbFile> {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 })
  const key = keyOf(options.folder)
  for (;;) {
    const opening = FILES.get(key) ?? open(key, options)
    const shared = await opening
    // The folder was removed, and its inode given to this one; or what is in it was moved away.
    if (!shared.isInPlace()) {
      forget(key, opening)
      continue
    }
    if (shared.enter(options.onNotice)) return new LmdbFile(shared, options)
    await shared.closing // by its last user, while we waited
  }
}

/** One user's share of an open file. */
export class LmdbFile {
  readonly #shared: SharedFile
  readonly #options: LmdbOptions
  #writing = 0
  #patience = PATIENCE
  #rest: (() => void) | undefined
  #isClosed = false

  constructor(shared: SharedFile, options: LmdbOptions) {
    this.#shared = shared
    this.#options = options
  }

  /**
   * Makes sure that tables are there; `fill` runs with them when any was made, in the same transaction.
   * What is there already is opened without the writer's lock.
   */
  async prepare(names: readonly string[], fill?: () => void): Promise<void> {
    if (this.#shared.openTables(names)) return
    let undo = (): void => {}
    try {
      await this.write(() => {
        undo = this.#shared.makeTables(names).undo
        fill?.()
      })
    } catch (error) {
      undo()
      throw error
    }
  }

  /** A table that was prepared. */
  table(name: string): LmdbTable {
    return this.#shared.table(name)
  }

  /**
   * Runs `action` in a write transaction together with whatever else waits; resolves when it is committed (of a durable file: on stable
   * storage). It must be synchronous.
   *
   * @throws {EmbeddedError} `ERR_EMBEDDED_IO`, `ERR_EMBEDDED_BUSY`: then nothing of it happened
   */
  write<T>(action: () => T, { isAtomic = false, makesRoom = false, canWait = false }: WriteOptions = {}): Promise<T> {
    const { failure = (error: unknown) => error } = this.#options
    if (this.#isClosed)
      return Promise.reject(failure(new EmbeddedError('ERR_EMBEDDED_CLOSED', `${this.#shared.path} is closed`)))
    this.#writing++
    return new Promise<T>((resolve, reject) => {
      const work: Work = {
        run: action,
        isAtomic,
        makesRoom,
        canWait,
        since: performance.now(),
        patience: this.#patienceNow,
        resolve: (value) => {
          this.#written()
          resolve(value as T) // `run` gives the T of this `resolve`
        },
        reject: (error) => {
          this.#written()
          reject(failure(error))
        },
      }
      this.#shared.writer.add(work)
    })
  }

  /** Within a transaction: runs `action` in it when all that shares it has run. It must not throw after its first write. */
  atEnd(action: () => void): void {
    this.#shared.writer.atEnd(action)
  }

  /** From now on nothing of this one waits for long: the process wants to end, and another may hold the lock for ever. */
  hurry(): void {
    this.#patience = HURRY
  }

  /** What is read next is what any process has committed by now; without it reads may be a turn of the event loop old. */
  refresh(): void {
    this.#shared.refresh()
  }

  /** Why nothing should be taken now: the last write failed a moment ago, or the lock has been waited for too long. */
  get trouble(): string | undefined {
    return this.#shared.trouble
  }

  /** Resolves when what this one wrote is committed and, of the last one, the file is closed. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#writing > 0 && !this.#shared.isLast) await new Promise<void>((resolve) => (this.#rest = resolve))
    await this.#shared.leave(this.#options.onNotice)
  }

  readonly #patienceNow = (): number => this.#patience

  #written(): void {
    if (--this.#writing === 0) this.#rest?.()
  }
}

function open(key: string, options: LmdbOptions): Promise<SharedFile> {
  const opening: Promise<SharedFile> = SharedFile.open(options, () => forget(key, opening))
  FILES.set(key, opening)
  opening.catch(() => forget(key, opening)) // whoever awaits it hears why
  return opening
}

/** Another one may have taken its place. */
function forget(key: string, opening: Promise<SharedFile>): void {
  if (FILES.get(key) === opening) FILES.delete(key)
}

function keyOf(folder: string): string {
  const { dev, ino } = statSync(folder)
  return `${dev}:${ino}`
}
