/** The LMDB environment: its tables, its format, and the one way to write: closures that share a transaction and a sync. */
import { dirname } from 'node:path'
import { QueueError, syncFolder } from '@postroad/queue-engine'
import { EmbeddedError } from '../lmdb/error.ts'
import { type LmdbFile, openLmdb, type TypedTable } from '../lmdb/file.ts'
import { type OnStep, type Step, unwatched } from './step.ts'

type Table<K extends (string | number)[] | string> = TypedTable<Buffer, K>

/** Every table; the arrays are keys in their order. */
export interface QueueTables {
  /** id → envelope and small content; written once. */
  readonly messages: Table<string>
  /** Deliveries that have been somewhere else than with the process that took them. */
  readonly states: Table<[id: string, index: number]>
  readonly scheduled: Table<[at: number, id: string, index: number]>
  readonly waiting: Table<[destination: string, since: number, id: string, index: number]>
  readonly claimed: Table<[owner: string, id: string, index: number]>
  readonly held: Table<[id: string, index: number]>
  readonly finished: Table<string>
  /** id → what could not be read. */
  readonly corrupt: Table<string>
  readonly owners: Table<string>
  readonly suspensions: Table<string>
  /** Events, in the order of commits: some of one commit each, by the place of the last. */
  readonly outbox: Table<[ms: number, last: number] | [ms: number, last: number, count: number]>
  /** What those who are told of events must remember. */
  readonly outboxNotes: Table<string>
  /** Idempotency key → id of the message that has it, and until when. */
  readonly keys: Table<string>
  readonly keyTimes: Table<[until: number, key: string]>
  readonly meta: Table<string>
}

/** What happens to an older format: the function at index n makes format n + 1 of format n. Runs in one transaction. */
export type Migration = (tables: QueueTables) => void

/**
 * Format 1 is the first. In 2 a state may have a pending report: whoever does not know that would end it untold. In 3 there are events, which
 * who does not know them would not write.
 */
export const MIGRATIONS: readonly Migration[] = [() => {}, () => {}, () => {}]

const TABLES = [
  'messages',
  'states',
  'scheduled',
  'waiting',
  'claimed',
  'held',
  'finished',
  'corrupt',
  'owners',
  'suspensions',
  'outbox',
  'outboxNotes',
  'keys',
  'keyTimes',
  'meta',
] as const satisfies readonly (keyof QueueTables)[]

/** How a database is opened. */
export interface DatabaseOptions {
  readonly folder: string
  readonly onStep?: OnStep
  readonly migrations?: readonly Migration[]
  /** For the operator: the file is locked, cannot be written, can be written again. */
  readonly onProblem?: (problem: QueueError) => void
}

/** How something is committed. */
export interface CommitOptions {
  /** Goes on when the disk is full: what ends, moves or removes something. */
  readonly makesRoom?: boolean
  /** Nobody waits for it: it may share the transaction of what comes in the next milliseconds. */
  readonly canWait?: boolean
}

const MAKES_ROOM: CommitOptions = { makesRoom: true }
const MAKES_ROOM_LATER: CommitOptions = { makesRoom: true, canWait: true }

/** An open database: this store's share of the file. */
export class QueueDatabase {
  readonly tables: QueueTables
  readonly #file: LmdbFile
  readonly #onStep: OnStep

  /** @throws {QueueError} when the files are damaged, of a newer format, or cannot be opened */
  static async open({
    folder,
    onStep = unwatched,
    migrations = MIGRATIONS,
    onProblem,
  }: DatabaseOptions): Promise<QueueDatabase> {
    const onNotice = (message: string, cause?: unknown): void =>
      onProblem?.(new QueueError('ERR_QUEUE_IO', message, { cause }))
    try {
      const file = await openLmdb({ folder, isDurable: true, isBinary: true, failure, onNotice })
      try {
        const database = new QueueDatabase(file, onStep)
        await database.#migrate(migrations)
        // LMDB syncs its file, not the entry of the file in its folder: a power cut could take the queue with all that was promised.
        await syncFolder(folder)
        await syncFolder(dirname(folder))
        return database
      } catch (error) {
        await file.close()
        throw error
      }
    } catch (error) {
      throw failure(error)
    }
  }

  private constructor(file: LmdbFile, onStep: OnStep) {
    this.#file = file
    this.#onStep = onStep
    this.tables = tablesOf(file)
  }

  /** Why nothing should be taken now, when it could not be written. */
  get trouble(): string | undefined {
    return this.#file.trouble
  }

  /**
   * Runs `work` in a write transaction together with whatever else is waiting, and resolves when it is on stable storage.
   * `work` must be synchronous, and must not throw after its first write.
   *
   * @throws {QueueError} `ERR_QUEUE_IO` when the transaction could not be made durable, or not begun: then nothing of it happened
   */
  commit<T>(work: () => T, options?: CommitOptions): Promise<T> {
    return this.#onStep === unwatched ? this.#file.write(work, options) : this.#commitInSteps(work, options)
  }

  /** {@link commit} for what ends, moves or removes something: on a full disk it has the room of a reserve. */
  commitReserved<T>(work: () => T, canWait = false): Promise<T> {
    return this.commit(work, canWait ? MAKES_ROOM_LATER : MAKES_ROOM)
  }

  /** Within a commit: runs `action` in it when all that shares it has run. It must not throw after its first write. */
  atEnd(action: () => void): void {
    this.#file.atEnd(action)
  }

  /** What is read next is what any process has committed by now; without it reads may be a turn of the event loop old. */
  refresh(): QueueTables {
    this.#file.refresh()
    return this.tables
  }

  /** Says that this process wants to end, and waits for no lock for long: `LmdbFile.hurry`. */
  hurry(): void {
    this.#file.hurry()
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async #commitInSteps<T>(work: () => T, options?: CommitOptions): Promise<T> {
    const at = (step: Step): void => {
      try {
        this.#onStep(step)
      } catch (cause) {
        throw new QueueError('ERR_QUEUE_IO', 'The queue could not be written', { cause })
      }
    }
    const value = await this.#file.write(() => {
      at('commit:open')
      const result = work()
      at('commit:written')
      return result
    }, options)
    at('commit:durable')
    return value
  }

  /** A queue of the present format is opened by reading alone: a command must not wait for who writes. */
  async #migrate(migrations: readonly Migration[]): Promise<void> {
    const upgrade = (): void => {
      const format = this.#format(migrations.length)
      for (const migration of migrations.slice(format)) migration(this.tables)
      if (format < migrations.length) this.tables.meta.put('format', Buffer.from(String(migrations.length)))
    }
    await this.#file.prepare(TABLES, upgrade)
    if (this.#format(migrations.length) < migrations.length) await this.#file.write(upgrade)
  }

  #format(known: number): number {
    const found = this.tables.meta.get('format')?.toString()
    const format = found === undefined ? 0 : Number(found)
    if (format <= known) return format
    throw new QueueError(
      'ERR_QUEUE_FORMAT',
      `The queue has format ${found}; this version knows up to ${known}: use the version that wrote it`,
    )
  }
}

/** Looked up each time: after an error of the disk the file is opened anew, below all who use it. */
function tablesOf(file: LmdbFile): QueueTables {
  const tables = {}
  for (const name of TABLES) Object.defineProperty(tables, name, { enumerable: true, get: () => file.table(name) })
  return tables as QueueTables // TABLES has all their names
}

const CODES: Readonly<Record<EmbeddedError['code'], QueueError['code']>> = {
  ERR_EMBEDDED_UNSAFE: 'ERR_QUEUE_UNSAFE',
  ERR_EMBEDDED_FOREIGN: 'ERR_QUEUE_UNSAFE',
  ERR_EMBEDDED_DAMAGED: 'ERR_QUEUE_UNSAFE',
  ERR_EMBEDDED_IO: 'ERR_QUEUE_IO',
  ERR_EMBEDDED_BUSY: 'ERR_QUEUE_IO',
  ERR_EMBEDDED_CLOSED: 'ERR_QUEUE_CLOSED',
  ERR_EMBEDDED_LOST: 'ERR_QUEUE_IO',
}

function failure(error: unknown): unknown {
  if (!(error instanceof EmbeddedError)) return error
  return new QueueError(CODES[error.code], error.message, { cause: error.cause ?? error })
}
