/** The LMDB environment: its tables, its format, and the one way to write: closures that share a transaction and a sync. */
import { mkdirSync } from 'node:fs'
import { type Database, open, type RootDatabase } from 'lmdb'
import { QueueError } from '../store.ts'
import type { Fault } from './fault.ts'
import { guarded } from './guard.ts'
import { transact } from './transaction.ts'

type Table<K extends (string | number)[] | string> = Database<Buffer, K>

/** Every table; the arrays are keys in their order. */
export interface Tables {
  /** id → envelope and small body; written once. */
  readonly messages: Table<string>
  /** Deliveries that have been somewhere else than with the process that took them. */
  readonly states: Table<[id: string, index: number]>
  readonly scheduled: Table<[at: number, id: string, index: number]>
  readonly waiting: Table<[lane: string, since: number, id: string, index: number]>
  readonly claimed: Table<[owner: string, id: string, index: number]>
  readonly held: Table<[id: string, index: number]>
  readonly finished: Table<string>
  /** id → what could not be read. */
  readonly corrupt: Table<string>
  readonly owners: Table<string>
  readonly suspensions: Table<string>
  readonly meta: Table<string>
}

/** What happens to an older format: the function at index n makes format n + 1 of format n. Runs in one transaction. */
export type Migration = (tables: Tables) => void

/** Format 1 is the first. In 2 a state may say what is owed to the sender: whoever does not know that would end it untold. */
export const MIGRATIONS: readonly Migration[] = [() => {}, () => {}]

interface Work {
  run(): unknown
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** An open environment. */
export class QueueDatabase {
  readonly tables: Tables
  readonly #root: RootDatabase<Buffer, string>
  readonly #fault: Fault
  #pending: Work[] = []
  #running: Promise<void> | undefined
  #isClosed = false

  /** @throws {QueueError} when the files are damaged or of a newer format */
  constructor(folder: string, fault: Fault, migrations: readonly Migration[] = MIGRATIONS) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#fault = fault
    ;[this.#root, this.tables] = guarded(folder, (isShort) => openTables(folder, isShort))
    migrate(this.#root, this.tables, migrations)
  }

  /**
   * Runs `work` in a write transaction together with whatever else is waiting, and resolves when it is on stable storage.
   * `work` must be synchronous, and must not throw after its first write.
   *
   * @throws {QueueError} `ERR_QUEUE_IO` when the transaction could not be made durable: then nothing of it happened
   */
  commit<T>(work: () => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(new QueueError('ERR_QUEUE_CLOSED', 'The queue is closed'))
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ run: work, resolve: resolve as (value: unknown) => void, reject }) // `run` gives the T of this `resolve`
      this.#running ??= this.#loop()
    })
  }

  /** What is read next is what any process has committed by now; without it reads may be a turn of the event loop old. */
  refresh(): Tables {
    this.#root.resetReadTxn()
    return this.tables
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
    await this.#root.close()
  }

  async #loop(): Promise<void> {
    // A turn of the event loop: everything that comes in with the same bytes from the sockets shares the sync.
    await new Promise(setImmediate)
    while (this.#pending.length > 0) {
      const batch = this.#pending
      this.#pending = []
      await this.#commitBatch(batch)
    }
    this.#running = undefined
  }

  async #commitBatch(batch: readonly Work[]): Promise<void> {
    const ends: (() => void)[] = []
    try {
      await transact(this.#root, () => {
        this.#fault('commit:open')
        for (const work of batch) ends.push(runOne(work))
        this.#fault('commit:written')
      })
      this.#fault('commit:durable')
      for (const end of ends) end()
    } catch (error) {
      const cause = await causeOf(error)
      const failure = new QueueError('ERR_QUEUE_IO', 'The queue could not be written', { cause })
      for (const work of batch) work.reject(failure)
    }
  }
}

function runOne(work: Work): () => void {
  try {
    const value = work.run()
    return () => work.resolve(value)
  } catch (error) {
    return () => work.reject(error)
  }
}

/** lmdb puts the true error into a promise of its own, whose rejection must be heard. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && 'commitError' in error)) return error
  return Promise.resolve(error.commitError).catch((cause: unknown) => cause)
}

function openTables(folder: string, isShort: boolean): [RootDatabase<Buffer, string>, Tables] {
  const root = open<Buffer, string>({
    path: folder,
    encoding: 'binary',
    maxDbs: 16,
    // A commit is then durable when its promise resolves; the default resolves before the sync.
    overlappingSync: false,
    // Batches are ours; lmdb's own leave a rejection that nobody can catch when the disk is full.
    eventTurnBatching: false,
  })
  const table = <K extends (string | number)[] | string>(name: string): Table<K> => root.openDB<Buffer, K>(name, { encoding: 'binary' })
  const tables: Tables = {
    messages: table('messages'),
    states: table('states'),
    scheduled: table('scheduled'),
    waiting: table('waiting'),
    claimed: table('claimed'),
    held: table('held'),
    finished: table('finished'),
    corrupt: table('corrupt'),
    owners: table('owners'),
    suspensions: table('suspensions'),
    meta: table('meta'),
  }
  // Damage behind a lost end shows here, under the mark, and not in the middle of the day.
  if (isShort) for (const each of Object.values(tables)) for (const _ of each.getKeys({ snapshot: false }));
  return [root, tables]
}

function migrate(root: RootDatabase<Buffer, string>, tables: Tables, migrations: readonly Migration[]): void {
  root.transactionSync(() => {
    const found = tables.meta.get('format')?.toString()
    const format = found === undefined ? 0 : Number(found)
    if (!(format <= migrations.length))
      throw new QueueError(
        'ERR_QUEUE_FORMAT',
        `The queue has format ${found}; this version knows up to ${migrations.length}: use the version that wrote it`,
      )
    for (const migration of migrations.slice(format)) migration(tables)
    if (format < migrations.length) tables.meta.put('format', Buffer.from(String(migrations.length)))
  })
}
