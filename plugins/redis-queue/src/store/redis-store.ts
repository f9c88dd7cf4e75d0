/**
 * The queue in Redis: every step is one script, so any process may die at any time. Times are the caller's; who is alive is
 * judged by the server's clock alone. A promise that resolves says: the server has written it as it was configured to,
 * and as many replicas as were asked for have it.
 */

import { randomBytes } from 'node:crypto'
import type { MessageSource, Reply } from '@postroad/mail'
import {
  birth,
  type DeliveryStatus,
  type Gate,
  type Lease,
  type LeaseEnd,
  type NewMessage,
  type Operation,
  type QueuedMessage,
  QueueError,
  type QueueStats,
  type QueueStore,
  type RecordResult,
  type Suspension,
  withdrawn,
} from '@postroad/queue-engine'
import type { Argument, Script } from '@postroad/redis-link'
import { Confirmation } from './confirmation.ts'
import { RedisMemory } from './memory.ts'
import { RedisOutbox } from './outbox.ts'
import { entryOf, OwnLeases } from './own-leases.ts'
import {
  type ContentNote,
  decodeEnvelope,
  decodeState,
  encodeEnvelope,
  encodeStatus,
  endOf,
  finishedHead,
  finishedPart,
  keyOf,
  viewOf,
} from './record.ts'
import { PAGE, type ReaderOptions, RedisReader } from './redis-reader.ts'
import * as scripts from './scripts.ts'

/** How a queue in Redis is opened. */
export interface RedisStoreOptions extends ReaderOptions {
  /** Finished messages to remember. Default 10,000. */
  readonly keepFinished?: number
  /** Replicas that must have a message before it is taken. Default 0. */
  readonly replicas?: number
  /** Take a message that too few replicas, or no disk, has confirmed, and tell `onProblem`. Default: it is refused. */
  readonly takesUnconfirmed?: boolean
  /** Part of `maxmemory` above which mail is refused with 452. Default 0.85. */
  readonly memoryLimit?: number
  /** An entry went to the schedule, or to another time of it. */
  readonly onScheduled?: (entry: string, at: number) => void
}

/** Milliseconds between sweeps of the shared folder; a little less than the timers of the nodes. */
const SWEEP_EVERY_MS = 3_500_000

/** The `QueueStore` of the queue in Redis, for one process. Rejects with a `QueueError`. */
export class RedisStore extends RedisReader implements QueueStore {
  readonly owner = `${process.pid.toString(36)}.${randomBytes(8).toString('hex')}`
  readonly memory: RedisMemory
  readonly outbox: RedisOutbox
  readonly #keep: number
  readonly #confirmation: Confirmation
  readonly #own = new OwnLeases()
  readonly #onScheduled: (entry: string, at: number) => void

  constructor(options: RedisStoreOptions) {
    super(options)
    this.#keep = options.keepFinished ?? 10_000
    this.#confirmation = new Confirmation({
      link: options.link,
      key: `${this.space}ids`,
      replicas: options.replicas ?? 0,
      onUnconfirmed: options.takesUnconfirmed ? this.onProblem : undefined,
    })
    this.outbox = new RedisOutbox(options.link, this.space)
    this.memory = new RedisMemory(options.link, options.memoryLimit ?? 0.85)
    this.#onScheduled = options.onScheduled ?? (() => {})
  }

  admit(size: number): Reply | undefined {
    const octets = this.contents.admit(size)
    return typeof octets === 'number' ? this.memory.admit(octets) : octets
  }

  async add(message: QueuedMessage, source: MessageSource, events?: readonly string[]): Promise<readonly Lease[]> {
    if (birth.release(message) !== undefined) await this.addScheduled({ message, source }, 0, events)
    else await this.#insert({ message, source }, { kind: 'claimed', owner: this.owner }, events)
    return this.#own.take(birth.leases(message, this.owner))
  }

  /** Takes responsibility and leaves the delivery to whoever comes first. */
  async addScheduled({ message, source }: NewMessage, now: number, events?: readonly string[]): Promise<void> {
    const at = birth.release(message) ?? now
    await this.#insert({ message, source }, { kind: 'scheduled', at }, events)
    for (const index of message.deliveries.keys()) this.#onScheduled(`${message.id} ${index}`, at)
  }

  async claimDue(options: {
    readonly now: number
    readonly limit: number
    readonly gate: Gate
  }): Promise<{ leases: Lease[]; moved: number }> {
    return this.#claim((await this.run(scripts.DUE, [options.now, options.limit])) as DueEntry[], options) // see the script
  }

  /** Claims of these what is still scheduled for the time that is named. */
  async claimEntries(
    entries: readonly { readonly entry: string; readonly at: number }[],
    options: { readonly now: number; readonly gate: Gate },
  ): Promise<{ leases: Lease[]; moved: number }> {
    const args = entries.flatMap(({ entry, at }) => [entry, at])
    return this.#claim((await this.run(scripts.LOOK, args)) as DueEntry[], options) // see the script
  }

  /** The server's time, in milliseconds since the epoch. */
  async serverTime(): Promise<number> {
    return Number(await this.run(scripts.NOW, []))
  }

  async hasten({ now, latest }: { readonly now: number; readonly latest: number }): Promise<number> {
    const last = (await this.send('zrange', 'scheduled', -1, -1, 'WITHSCORES')) as string[] // as the command says
    if (last[1] === undefined || Number(last[1]) <= latest) return 0
    for (let hastened = 0; ; ) {
      const entries = (await this.run(scripts.HASTEN, [now, latest, PAGE])) as string[] // see the script
      for (const entry of entries) this.#onScheduled(entry, now)
      hastened += entries.length
      if (entries.length < PAGE) return hastened
    }
  }

  async claimWaiting(destination: string, limit: number): Promise<readonly Lease[]> {
    return this.#load(await this.run(scripts.TAKE_WAITING, [this.owner, destination, limit]))
  }

  async claimOne(id: string, index: number): Promise<Lease | undefined> {
    return (await this.#load(await this.run(scripts.TAKE_ONE, [this.owner, `${id} ${index}`])))[0]
  }

  async release(leases: readonly Lease[], status: DeliveryStatus): Promise<void> {
    const moment = 'at' in status ? status.at : 'since' in status ? status.since : 0
    for (let from = 0; from < leases.length; from += PAGE) {
      const entries = leases.slice(from, from + PAGE).map(entryOf)
      const released = (await this.run(scripts.RELEASE, [
        this.owner,
        encodeStatus(status),
        moment,
        ...entries,
      ])) as string[] // see the script
      if (status.kind === 'scheduled') for (const entry of released) this.#onScheduled(entry, status.at)
    }
    for (const lease of leases) this.#own.end(lease)
  }

  async record(end: LeaseEnd): Promise<RecordResult> {
    const { lease, state, also = [], spawn = [], events = [], unreturned = 0, now } = end
    const { message } = lease
    const ends = [{ lease, state }, ...also]
    const spawned = await Promise.all(spawn.map((each) => this.#prepare(each, birth.status(each.message, this.owner))))
    const head = [this.owner, now, finishedHead(message, now), this.#keep, ends.length, events.length]
    const args = [...head, ...ends.flatMap(endOf), ...events, ...spawned.flat()]
    const result = (await this.run(scripts.RECORD, args)) as RecordResult // see the script
    for (const end of ends) this.#own.end(end.lease)
    if (result !== 'lost') for (const each of spawn) this.#own.take(birth.leases(each.message, this.owner))
    if (result === 'recorded')
      for (const end of ends)
        if (end.state.status.kind === 'scheduled') this.#onScheduled(entryOf(end.lease), end.state.status.at)
    if (result === 'finished') this.#dropContent(message)
    // The count is for people: an error, or a kill between the two steps, may leave it short, and never undoes what was recorded.
    if (result !== 'lost' && unreturned > 0) await this.send('incrby', 'unreturned', unreturned).catch(() => {})
    return result
  }

  async operate(id: string, operation: Operation, now: number): Promise<number> {
    if (operation.kind === 'delete' || operation.kind === 'cancel') return this.#delete(id, now, operation.kind)
    const reason = operation.kind === 'hold' ? operation.reason : ''
    const changed = (await this.run(scripts.OPERATE, [id, operation.kind, now, reason])) as string[] // see the script
    if (operation.kind !== 'hold') for (const entry of changed) this.#onScheduled(entry, now)
    return changed.length
  }

  async suspend(suspension: Suspension): Promise<void> {
    await this.send('hset', 'suspensions', suspension.target, JSON.stringify(suspension))
  }

  async resume(target: string): Promise<boolean> {
    return (await this.send('hdel', 'suspensions', target)) === 1
  }

  async beat(now: number): Promise<number> {
    void this.memory.look()
    const taken = await this.#giveBack(scripts.BEAT, now)
    await this.#tidy(now)
    return taken
  }

  async stats(): Promise<QueueStats> {
    await this.memory.look()
    const [messages = 0, scheduled = 0, waiting = 0, claimed = 0, held = 0, corrupt = 0] = (await this.run(
      scripts.COUNTS,
      [],
    )) as number[]
    const unreturned = Number((await this.send('get', 'unreturned')) ?? 0)
    return { messages, scheduled, waiting, claimed, held, corrupt, unreturned, freeBytes: this.memory.free }
  }

  /**
   * Removes files of the shared folder whose message nobody knows; once an hour, whichever process comes first. Resolves to how many.
   * `olderMs` is for tests: an age at which nobody can be writing them any more.
   */
  async sweep(olderMs?: number): Promise<number> {
    if (olderMs === undefined && (await this.send('set', 'swept', this.owner, 'NX', 'PX', SWEEP_EVERY_MS)) !== 'OK')
      return 0
    return this.contents.sweep(async (id) => (await this.send('exists', `e:${id}`)) === 1, olderMs)
  }

  /** Whether the server's disk has to confirm each message too: `WAITAOF`. */
  set asksDisk(asks: boolean) {
    this.#confirmation.asksDisk = asks
  }

  async close(): Promise<void> {
    this.#confirmation.close()
    await this.#giveBack(scripts.LEAVE, Date.now())
  }

  async #claim(
    due: readonly DueEntry[],
    { now, gate }: { readonly now: number; readonly gate: Gate },
  ): Promise<{ leases: Lease[]; moved: number }> {
    if (due.length === 0) return { leases: [], moved: 0 }
    const orders = due.flatMap(([entry, at, queuedAt, destination, attempts]) => {
      const verdict = gate(destination, viewOf(Number(queuedAt), attempts ?? '0'))
      return [entry, at, encodeStatus(this.#statusFor(verdict, now))]
    })
    const taken = await this.run(scripts.TAKE_DUE, [this.owner, ...orders])
    this.#tell(orders)
    return { leases: await this.#load(taken), moved: due.length }
  }

  #statusFor(verdict: ReturnType<Gate>, now: number): DeliveryStatus {
    if (verdict === 'take') return { kind: 'claimed', owner: this.owner }
    return verdict === 'wait' ? { kind: 'waiting', since: now } : { kind: 'scheduled', at: Math.max(verdict, now + 1) }
  }

  async #insert(taken: NewMessage, status: DeliveryStatus, events: readonly string[] = []): Promise<void> {
    const args = await this.#prepare(taken, status)
    try {
      const added = await this.run(scripts.ADD, [this.owner, ...keyOf(taken.message), ...args, ...events])
      if (typeof added === 'string') throw await this.#duplicate(taken.message, added)
      if (added !== 1) throw new QueueError('ERR_QUEUE_IO', 'The content took too long to arrive and is gone')
      await this.#confirmation.wait(taken.message.id)
    } catch (error) {
      if (error instanceof QueueError && error.duplicateOf !== undefined) throw error
      // The client hears 451 and comes again: what is here all the same would arrive twice.
      this.#own.refuse(taken.message)
      void this.#remove(taken.message)
      throw error
    }
  }

  /** Of a message that was taken before with the same key, once that is confirmed too. */
  async #duplicate(message: QueuedMessage, duplicateOf: string): Promise<QueueError> {
    this.#dropContent(message)
    await this.#confirmation.wait(duplicateOf)
    return new QueueError('ERR_QUEUE_DUPLICATE', `The same message is queued as ${duplicateOf}`, { duplicateOf })
  }

  /** Removes a message that was refused; when Redis is away, the next beat tries again. */
  async #remove(message: QueuedMessage): Promise<void> {
    const done = await this.run(scripts.REFUSE, [message.id]).catch(() => undefined)
    if (done !== undefined && this.#own.forgive(message.id, done !== 0) && Number(done) >= 0) this.#dropContent(message)
  }

  /** The content of a message that has ended. */
  #dropContent(message: QueuedMessage): void {
    this.contents.remove(message.id, this.noteOf(message)).catch((cause: unknown) => {
      this.onProblem(
        new QueueError('ERR_QUEUE_IO', `The content of ${message.id} could not be removed; it is swept later`, {
          cause,
        }),
      )
    })
  }

  async #tidy(now: number): Promise<void> {
    for (const message of this.#own.refused) await this.#remove(message)
    const range = [`[${this.owner} `, `(${this.owner}!`]
    if ((await this.send('zlexcount', 'claimed', ...range)) === this.#own.size) return
    const leases = (await this.send('zrangebylex', 'claimed', ...range)) as string[] // as the command says
    const strays = this.#own.strays(leases.map((lease) => lease.slice(this.owner.length + 1)))
    if (strays.length === 0) return
    this.onProblem(
      new QueueError(
        'ERR_QUEUE_IO',
        `${strays.length} deliveries were claimed by steps whose answer was lost; they are put back`,
      ),
    )
    for (let from = 0; from < strays.length; from += PAGE) {
      const page = strays.slice(from, from + PAGE)
      const released = (await this.run(scripts.RELEASE, [this.owner, `s:${now}`, now, ...page])) as string[] // see the script
      for (const entry of released) this.#onScheduled(entry, now)
    }
  }

  /** What is slow and needs no script: encoding, and writing large content ahead. */
  async #prepare({ message, source }: NewMessage, status: DeliveryStatus): Promise<Argument[]> {
    const { id, queuedAt, deliveries } = message
    const content = await this.contents.prepare(id, source, this.noteOf(message))
    const note: ContentNote = { crc: content.crc, pieces: content.pieces }
    this.note(message, note)
    const envelope = encodeEnvelope(message, note)
    const destinations = deliveries.map(({ destination }) => destination)
    return [
      id,
      encodeStatus(status),
      birth.release(message) ?? '',
      envelope,
      queuedAt,
      content.pieces,
      content.only,
      deliveries.length,
      ...destinations,
    ]
  }

  async #load(taken: unknown): Promise<Lease[]> {
    const leases: Lease[] = []
    for (const [entry, envelope, state] of taken as [string, string | null, string | null][]) {
      // see `loaded` in the scripts
      const [id = '', index = ''] = entry.split(' ')
      try {
        const { message, content } = decodeEnvelope(id, envelope ?? '')
        this.note(message, content)
        const delivery = message.deliveries[Number(index)]
        if (!delivery) throw new QueueError('ERR_QUEUE_CORRUPT', `Queue entry ${entry} has no delivery`)
        const born = { status: { kind: 'claimed', owner: this.owner }, countedFrom: birth.release(message) } as const
        leases.push({ message, index: Number(index), state: decodeState(delivery, state, born) })
      } catch (error) {
        await this.#setAside(id, error)
      }
    }
    this.#own.take(leases)
    return leases
  }

  /** What cannot be read is kept for a human, out of the way of everything else. */
  async #setAside(id: string, cause: unknown): Promise<void> {
    await this.run(scripts.SET_ASIDE, [id, Date.now()])
    this.onProblem(
      cause instanceof QueueError
        ? cause
        : new QueueError('ERR_QUEUE_CORRUPT', `Queue entry ${id} cannot be read`, { cause }),
    )
  }

  async #delete(id: string, now: number, how: 'delete' | 'cancel'): Promise<number> {
    for (;;) {
      const entry = await this.get(id)
      if (!entry || (how === 'cancel' && !entry.states.every(birth.awaitsRelease))) return 0
      const { message, states } = entry
      const parts = message.deliveries.map((delivery, at) => {
        const state = states[at]
        return state ? finishedPart(delivery, withdrawn(state, now)) : ''
      })
      const args = [id, this.versionOf(message), finishedHead(message, now), this.#keep, how, ...parts]
      const deleted = Number(await this.run(scripts.DELETE, args))
      // An attempt ended meanwhile: what became of its recipients belongs into the record.
      if (deleted > 0) this.#dropContent(message)
      if (deleted >= 0) return deleted
    }
  }

  async #giveBack(how: Script, now: number): Promise<number> {
    for (let taken = 0; ; ) {
      const entries = (await this.run(how, [this.owner, now, PAGE])) as string[] // see the scripts
      for (const entry of entries) this.#onScheduled(entry, now)
      taken += entries.length
      if (entries.length < PAGE) return taken
    }
  }

  #tell(orders: readonly string[]): void {
    for (let at = 0; at < orders.length; at += 3) {
      const status = orders[at + 2] ?? ''
      if (status.startsWith('s:')) this.#onScheduled(orders[at] ?? '', Number(status.slice(2)))
    }
  }
}

type DueEntry = [entry: string, at: string, queuedAt: string, destination: string, attempts: string | null]
