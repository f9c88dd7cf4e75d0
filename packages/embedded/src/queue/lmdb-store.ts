/**
 * The durable queue inside the process: LMDB for envelopes, states, schedule and small content, one file for each large
 * content. Several processes may have it open. A promise that resolves says: on stable storage.
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type MessageSource, memorySource, type Reply, readAll } from '@postroad/mail'
import {
  birth,
  ContentFiles,
  type DeliveryStatus,
  Disk,
  type FinishedMessage,
  type Lease,
  type LeaseEnd,
  type NewMessage,
  type Operation,
  type QueuedMessage,
  type QueueEntry,
  QueueError,
  type QueueStats,
  type QueueStore,
  type RecordResult,
  type Suspension,
  UNWRITABLE,
  withPendingHold,
} from '@postroad/queue-engine'
import { QueueDatabase } from './database.ts'
import { hasten } from './hasten.ts'
import { checkKey, insert } from './insert.ts'
import { LeaseHolder } from './lease-holder.ts'
import { type LeasedDelivery, take, takeDue, takeWaiting } from './leases.ts'
import { operate } from './operate.ts'
import { LmdbOutbox } from './outbox.ts'
import {
  decodeJson,
  decodeMessage,
  encodeJson,
  encodeMessage,
  type FileContent,
  type MessageRecord,
  missingContent,
  ownedBy,
  type Prepared,
  type StateRecord,
} from './record.ts'
import { recordEnd } from './record-end.ts'
import { asRecord, bornState, entryOf, isClaimed, move, readState, readStates, setAside } from './status-index.ts'
import { type OnStep, unwatched } from './step.ts'
import type { LmdbStoreOptions } from './store-options.ts'
import * as view from './view.ts'

/**
 * Opens the embedded queue.
 *
 * @throws {QueueError} when the files are damaged (`ERR_QUEUE_UNSAFE`) or of a newer format (`ERR_QUEUE_FORMAT`)
 * @example const store = await openLmdbStore({ folder: 'var/queue' })
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<LmdbStore> {
  const folder = resolve(options.folder)
  for (const each of [join(folder, 'bodies'), options.spool])
    if (each !== undefined) mkdirSync(each, { recursive: true, mode: 0o700 })
  const { onStep, onProblem } = options
  const database = await QueueDatabase.open({ folder, ...(onProblem && { onProblem }), ...(onStep && { onStep }) })
  const store = new LmdbStore({ ...options, folder }, database)
  await store.disk.look()
  return store
}

/** An open embedded queue, as {@link openLmdbStore} gives it. */
export class LmdbStore implements QueueStore {
  readonly disk: Disk
  readonly outbox: LmdbOutbox
  readonly #database: QueueDatabase
  readonly #holder: LeaseHolder
  readonly #files: ContentFiles
  readonly #onStep: OnStep
  readonly #inlineLimit: number
  readonly #keep: number
  readonly #onProblem: (problem: QueueError) => void
  /** Files that were written here: an end that failed is tried again with the same messages. */
  readonly #written = new WeakMap<QueuedMessage, FileContent>()

  constructor(options: LmdbStoreOptions, database: QueueDatabase) {
    const { folder, onStep = unwatched, now = Date.now, elapsed = () => performance.now() } = options
    this.#onStep = onStep
    this.#inlineLimit = options.inlineLimit ?? 64 * 1024
    this.#keep = options.keepFinished ?? 100_000
    this.#onProblem = options.onProblem ?? (() => {})
    this.#database = database
    this.outbox = new LmdbOutbox(database, now)
    this.#holder = new LeaseHolder({ database: this.#database, now, elapsed, onProblem: this.#onProblem })
    this.#files = new ContentFiles(join(folder, 'bodies'), { onStep, now, elapsed, spool: options.spool })
    this.disk = new Disk({ folder, reserve: options.minFreeBytes ?? 256 * 1024 * 1024, everyMs: 1_000, now: elapsed })
  }

  /** Another one when this process was taken for dead. */
  get owner(): string {
    return this.#holder.name
  }

  admit(size: number): Reply | undefined {
    return this.#database.trouble === undefined ? this.disk.admit(size) : UNWRITABLE
  }

  async add(message: QueuedMessage, source: MessageSource, events?: readonly string[]): Promise<readonly Lease[]> {
    this.#onStep('add:begin')
    const record = await this.#prepare({ message, source })
    let inserted: { readonly owner: string; readonly leases: readonly Lease[] } | undefined
    try {
      const told = await this.#database.commit(() => {
        checkKey(this.#tables, message)
        inserted = this.#insert(message, record)
        return this.outbox.write(events)
      })
      this.outbox.committed(told)
    } catch (error) {
      // The entry that would name the file is not there, or goes first.
      const removeContent = this.#written.delete(message) ? () => this.#removeContent(message.id) : () => {}
      if (inserted) this.#holder.failed(this.#holder.refusal(message, inserted.owner, removeContent))
      else removeContent()
      throw error
    }
    this.#holder.entered()
    this.#onStep('add:durable')
    return inserted?.leases ?? []
  }

  async claimDue({
    now,
    limit,
    gate,
  }: Parameters<QueueStore['claimDue']>[0]): Promise<{ leases: Lease[]; moved: number }> {
    const [found, owner] = await this.#holder.claim((owner) => takeDue(this.#tables, { owner, now, limit, gate }))
    this.#onStep('claim:durable')
    return { leases: await this.#load(found.taken, owner), moved: found.moved }
  }

  async claimWaiting(destination: string, limit: number): Promise<readonly Lease[]> {
    if (!view.isWaitedFor(this.#database.refresh(), destination)) return []
    const [taken, owner] = await this.#holder.claim((owner) => takeWaiting(this.#tables, { owner, destination, limit }))
    this.#onStep('claim:durable')
    return this.#load(taken, owner)
  }

  async claimOne(id: string, index: number): Promise<Lease | undefined> {
    const [taken, owner] = await this.#holder.claim((owner) => {
      const state = readState(this.#tables, id, index) ?? this.#bornState(id, index)
      if (!state || state.status.kind === 'done') return []
      if (state.status.kind === 'claimed' && !this.#holder.isLost(state.status.owner)) return []
      return take(this.#tables, { id, index, destination: state.destination }, { owner, from: state.status })
    })
    return (await this.#load(taken, owner))[0]
  }

  async release(leases: readonly Lease[], status: DeliveryStatus): Promise<void> {
    await this.#database.commitReserved(() => {
      for (const lease of leases) {
        const { id, index } = entryOf(lease)
        const owner = this.#ownerOf(lease)
        if (!isClaimed(this.#tables, owner, id, index)) continue
        const pendingHold = readState(this.#tables, id, index)?.pendingHold
        const state = asRecord(lease.message, index, withPendingHold({ ...lease.state, status }, pendingHold))
        move(this.#tables, entryOf(lease), { from: { kind: 'claimed', owner }, state })
      }
    })
    this.#onStep('release:durable')
  }

  async record(end: LeaseEnd): Promise<RecordResult> {
    this.#onStep('record:begin')
    const { lease, state, also = [], spawn = [], events, unreturned = 0, now, canWait } = end
    const ends = [{ lease, state }, ...also]
    const records =
      spawn.length === 0
        ? []
        : await Promise.all(spawn.map(async (each) => [each.message, await this.#prepare(each)] as const))
    const spawned: LeasedDelivery[] = []
    let told: ReturnType<LmdbOutbox['write']>
    const step = (): RecordResult => {
      if (
        !ends.every((end) => isClaimed(this.#tables, this.#ownerOf(end.lease), end.lease.message.id, end.lease.index))
      )
        return 'lost'
      for (const [message, record] of records)
        for (const { index } of this.#insert(message, record).leases) spawned.push({ id: message.id, index })
      told = this.outbox.write(events)
      if (unreturned > 0)
        this.#tables.meta.put('unreturned', Buffer.from(String(view.unreturned(this.#tables) + unreturned)))
      return ends
        .map((end) => recordEnd(this.#tables, { ...end, now }, { owner: this.#ownerOf(end.lease), keep: this.#keep }))
        .includes('finished')
        ? 'finished'
        : 'recorded'
    }
    const result = await this.#database.commitReserved(step, canWait).catch((error: unknown) => {
      if (spawned.length > 0) this.#holder.failed(this.#holder.leasesOf(this.owner, spawned))
      throw error
    })
    this.outbox.committed(told)
    if (spawn.length > 0) this.#holder.entered()
    this.#onStep('record:durable')
    if (result === 'finished' && lease.message.size > this.#inlineLimit) this.#removeContent(lease.message.id)
    return result
  }

  hasten(times: Parameters<QueueStore['hasten']>[0]): Promise<number> {
    return hasten(this.#database, times)
  }

  async nextDue(): Promise<number | undefined> {
    for (const [at] of this.#database.refresh().scheduled.getKeys({ limit: 1 })) return at
    return undefined
  }

  async waitingDestinations(): Promise<readonly string[]> {
    return view.waitingDestinations(this.#database.refresh())
  }

  content(message: QueuedMessage): MessageSource {
    const record = this.#read(message.id)
    if (record?.inline) return memorySource([record.inline])
    if (record?.file === undefined) return missingContent(message)
    const { file } = record
    const { size } = message
    return { size, hasOnlyCrlf: file.hasOnlyCrlf, raw: (lend) => this.#files.read(message.id, { ...file, size }, lend) }
  }

  async get(id: string): Promise<QueueEntry | undefined> {
    this.#database.refresh()
    const record = this.#read(id)
    return record && { message: record.message, states: readStates(this.#tables, record) }
  }

  async getFinished(id: string): Promise<FinishedMessage | undefined> {
    const record = this.#database.refresh().finished.get(id)
    return record && decodeJson<FinishedMessage>(id, record)
  }

  list(options: { readonly after?: string; readonly signal?: AbortSignal } = {}): AsyncIterable<QueueEntry> {
    return view.list(this.#database.refresh(), { ...options, onCorrupt: (error) => this.#onProblem(error) })
  }

  finished(options: { readonly after?: string; readonly signal?: AbortSignal } = {}): AsyncIterable<FinishedMessage> {
    return view.finished(this.#database.refresh(), options)
  }

  async operate(id: string, operation: Operation, now: number): Promise<number> {
    const changed = await this.#database.commitReserved(() => {
      const record = this.#read(id)
      return record
        ? operate(this.#tables, record, {
            operation,
            now,
            keep: this.#keep,
            isLost: (owner) => this.#holder.isLost(owner),
          })
        : 0
    })
    if ((operation.kind === 'delete' || operation.kind === 'cancel') && changed > 0) this.#removeContent(id)
    return changed
  }

  async suspend(suspension: Suspension): Promise<void> {
    await this.#database.commitReserved(() => this.#tables.suspensions.put(suspension.target, encodeJson(suspension)))
  }

  async resume(target: string): Promise<boolean> {
    return this.#database.commitReserved(() => {
      const was = this.#tables.suspensions.doesExist(target)
      this.#tables.suspensions.remove(target)
      return was
    })
  }

  async suspensions(): Promise<readonly Suspension[]> {
    return [...this.#database.refresh().suspensions.getRange()].map(({ key, value }) =>
      decodeJson<Suspension>(key, value),
    )
  }

  beat(now: number): Promise<number> {
    return this.#holder.beat(now)
  }

  async stats(): Promise<QueueStats> {
    await this.disk.look()
    return { ...view.counts(this.#database.refresh()), freeBytes: this.disk.free }
  }

  /** Entries that could not be read, with what was found in their place. */
  corrupt(): AsyncGenerator<{ readonly id: string; readonly octets: Buffer }> {
    return view.corrupt(this.#database.refresh())
  }

  /** Removes content files that no entry names and that are older than an hour. Resolves to how many. */
  async sweep(): Promise<number> {
    return this.#files.sweep((id) => this.#tables.messages.doesExist(id), 3_600_000)
  }

  /** Says that this process wants to end: from now on it does not wait for long while another holds the lock of the file. */
  hurry(): void {
    this.#database.hurry()
  }

  async close(): Promise<void> {
    try {
      await this.#holder.leave()
    } finally {
      await this.#database.close()
    }
  }

  get #tables() {
    return this.#database.tables
  }

  /** What is slow and needs no transaction: encoding, and writing large content to its file. */
  async #prepare({ message, source }: NewMessage): Promise<Prepared> {
    const { owner } = this
    this.disk.take(message.size)
    if (message.size > this.#inlineLimit) {
      const hasOnlyCrlf = source.hasOnlyCrlf === true
      const file = this.#written.get(message) ?? { ...(await this.#files.keep(message.id, source)), hasOnlyCrlf }
      this.#written.set(message, file)
      return { owner, record: encodeMessage(message, owner, file) }
    }
    const chunks = source.chunks?.() ?? [await readAll(source)]
    return { owner, record: encodeMessage(message, owner, chunks) }
  }

  #insert(message: QueuedMessage, prepared: Prepared): { readonly owner: string; readonly leases: Lease[] } {
    const owner = this.#holder.enter()
    const record = owner === prepared.owner ? prepared.record : ownedBy(message.id, prepared.record, owner)
    insert(this.#tables, message, { record, owner })
    return { owner, leases: birth.leases(message, owner) }
  }

  /** Never rejects: what was claimed is handed out, whatever becomes of the others. */
  async #load(taken: readonly LeasedDelivery[], owner: string): Promise<Lease[]> {
    const leases: Lease[] = []
    for (const each of taken) {
      try {
        const record = this.#read(each.id)
        const state = readState(this.#tables, each.id, each.index)
        if (record && state) leases.push({ message: record.message, index: each.index, state })
      } catch (error) {
        await this.#setAside(each, owner, error).catch((cause: unknown) => {
          this.#holder.stray(owner, each)
          this.#onProblem(
            new QueueError('ERR_QUEUE_IO', `Queue entry ${each.id} was claimed and could not be read`, { cause }),
          )
        })
      }
    }
    return leases
  }

  #read(id: string): MessageRecord | undefined {
    const record = this.#tables.messages.get(id)
    return record && decodeMessage(id, record)
  }

  /** What cannot be read is kept for a human, out of the way of everything else. */
  async #setAside({ id, index }: LeasedDelivery, owner: string, error: unknown): Promise<void> {
    if (!(error instanceof QueueError) || error.code !== 'ERR_QUEUE_CORRUPT') throw error
    await this.#database.commitReserved(() => {
      setAside(this.#tables, id)
      this.#tables.claimed.remove([owner, id, index])
    })
    this.#onProblem(error)
  }

  /** Leases stand under the name that this process had when it made them. */
  #ownerOf({ state: { status } }: Lease): string {
    return status.kind === 'claimed' ? status.owner : this.owner
  }

  #bornState(id: string, index: number): StateRecord | undefined {
    const record = this.#read(id)
    return record && index < record.message.deliveries.length
      ? bornState(record.message, index, record.owner)
      : undefined
  }

  #removeContent(id: string): void {
    this.#files.remove(id).catch((cause: unknown) => {
      this.#onProblem(new QueueError('ERR_QUEUE_IO', `The content of ${id} could not be removed`, { cause }))
    })
  }
}
