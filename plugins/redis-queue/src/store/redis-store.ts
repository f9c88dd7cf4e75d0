/**
 * The queue in Redis: every step is one script, so any process may die at any time. Times are the caller's; who is alive is
 * judged by the server's clock alone. A promise that resolves says: the server has written it as it was configured to,
 * and as many replicas as were asked for have it.
 */
import { randomBytes } from 'node:crypto'
import {
  type Claim,
  type FinishedMessage,
  type Gate,
  type MessageSource,
  type NewMessage,
  type Operation,
  type Place,
  type QueuedMessage,
  type QueueEntry,
  QueueError,
  type QueueStats,
  type QueueStore,
  type Reply,
  type Settlement,
  type SettleResult,
  type Suspension,
  withdrawn,
} from '@postroad/queue'
import type { Argument, RedisLink, Script } from '../link.ts'
import { missingBody, type PreparedBody, prepareBody, readBody } from './bodies.ts'
import { Confirmation } from './confirmation.ts'
import { Memory } from './memory.ts'
import {
  type BodyNote,
  decodeEnvelope,
  decodeFinished,
  decodeState,
  decodeStates,
  encodeAttempts,
  encodeEnvelope,
  encodePlace,
  encodeState,
  finishedHead,
  finishedPart,
} from './record.ts'
import * as scripts from './scripts.ts'

/** How a queue in Redis is opened. */
export interface RedisStoreOptions {
  readonly link: RedisLink
  /** Name of the queue: several may share a server. */
  readonly name: string
  /** Finished messages to remember. Default 10,000. */
  readonly keepFinished?: number
  /** Replicas that must have a message before it is taken. Default 0. */
  readonly replicas?: number
  /** Part of `maxmemory` above which mail is refused with 452. Default 0.85. */
  readonly memoryLimit?: number
  /** Something an operator should see. */
  readonly onProblem?: (problem: QueueError) => void
  /** An entry went to the schedule, or to another time of it. */
  readonly onScheduled?: (entry: string, at: number) => void
}

/** Entries of one step. */
const PAGE = 200

/** See above. */
export class RedisStore implements QueueStore {
  readonly owner = `${process.pid.toString(36)}.${randomBytes(8).toString('hex')}`
  readonly memory: Memory
  readonly #link: RedisLink
  readonly #space: string
  readonly #keep: number
  #confirmation: Confirmation
  readonly #replicas: number
  readonly #onProblem: (problem: QueueError) => void
  readonly #onScheduled: (entry: string, at: number) => void

  constructor(options: RedisStoreOptions) {
    const { link, name } = options
    this.#link = link
    this.#space = `{${link.prefix}:queue:${name}}:`
    this.#keep = options.keepFinished ?? 10_000
    this.#replicas = options.replicas ?? 0
    this.#confirmation = new Confirmation(link, options.replicas ?? 0)
    this.memory = new Memory(link, options.memoryLimit ?? 0.85)
    this.#onProblem = options.onProblem ?? (() => {})
    this.#onScheduled = options.onScheduled ?? (() => {})
  }

  admit(size: number): Reply | undefined {
    return this.memory.admit(size)
  }

  async add(message: QueuedMessage, source: MessageSource): Promise<readonly Claim[]> {
    const place: Place = { kind: 'claimed', owner: this.owner }
    await this.#insert({ message, source }, place)
    return message.deliveries.map((delivery, index) => ({ message, index, state: decodeState(delivery, undefined, place) }))
  }

  /** Takes responsibility and leaves the delivery to whoever comes first. */
  async addScheduled(message: QueuedMessage, source: MessageSource, at: number): Promise<void> {
    await this.#insert({ message, source }, { kind: 'scheduled', at })
    for (const index of message.deliveries.keys()) this.#onScheduled(`${message.id} ${index}`, at)
  }

  async claimDue(options: {
    readonly now: number
    readonly limit: number
    readonly gate: Gate
  }): Promise<{ claims: Claim[]; moved: number }> {
    return this.#claim((await this.#run(scripts.DUE, [options.now, options.limit])) as DueEntry[], options) // see the script
  }

  /** Claims of these what is still scheduled for the time that is named. */
  async claimEntries(
    entries: readonly { readonly entry: string; readonly at: number }[],
    options: { readonly now: number; readonly gate: Gate },
  ): Promise<{ claims: Claim[]; moved: number }> {
    const args = entries.flatMap(({ entry, at }) => [entry, at])
    return this.#claim((await this.#run(scripts.LOOK, args)) as DueEntry[], options) // see the script
  }

  async claimWaiting(lane: string, limit: number): Promise<readonly Claim[]> {
    return this.#load(await this.#run(scripts.TAKE_WAITING, [this.owner, lane, limit]))
  }

  async claimOne(id: string, index: number): Promise<Claim | undefined> {
    return (await this.#load(await this.#run(scripts.TAKE_ONE, [this.owner, `${id} ${index}`])))[0]
  }

  async release(claims: readonly Claim[], place: Place): Promise<void> {
    const moment = 'at' in place ? place.at : 'since' in place ? place.since : 0
    for (let from = 0; from < claims.length; from += PAGE) {
      const entries = claims.slice(from, from + PAGE).map(({ message, index }) => `${message.id} ${index}`)
      const released = (await this.#run(scripts.RELEASE, [this.owner, encodePlace(place), moment, ...entries])) as string[] // see the script
      if (place.kind === 'scheduled') for (const entry of released) this.#onScheduled(entry, place.at)
    }
  }

  async settle({ claim, state, spawn = [], now }: Settlement): Promise<SettleResult> {
    const { message, index } = claim
    const delivery = message.deliveries[index]
    if (!delivery) throw new QueueError('ERR_QUEUE_CORRUPT', `Message ${message.id} has no delivery ${index}`)
    const born: Place = { kind: 'claimed', owner: this.owner }
    const spawned = await Promise.all(spawn.map((each) => this.#prepare(each, born)))
    const entry = `${message.id} ${index}`
    const isDone = state.place.kind === 'done'
    const end = isDone ? [finishedPart(delivery, state), finishedHead(message, now)] : ['', '']
    const args = [this.owner, entry, encodePlace(state.place), now, encodeAttempts(state), encodeState(state), ...end, this.#keep]
    const result = (await this.#run(scripts.SETTLE, [...args, ...spawned.flat()])) as SettleResult // see the script
    if (result === 'settled' && state.place.kind === 'scheduled') this.#onScheduled(entry, state.place.at)
    return result
  }

  async nextDue(): Promise<number | undefined> {
    const [, at] = (await this.#send('zrange', 'scheduled', 0, 0, 'WITHSCORES')) as string[] // as the command says
    return at === undefined ? undefined : Number(at)
  }

  async waitingLanes(): Promise<readonly string[]> {
    return ((await this.#send('hkeys', 'lanes')) as string[]).sort() // as the command says
  }

  body(message: QueuedMessage): MessageSource {
    const note = notes.get(message)
    return note ? readBody(this.#link, this.#bodyKey(message.id), { ...note, size: message.size }) : this.#lookUp(message)
  }

  async get(id: string): Promise<QueueEntry | undefined> {
    const [entry] = await this.#read([id])
    return entry
  }

  async getFinished(id: string): Promise<FinishedMessage | undefined> {
    const record = await this.#send('hget', 'finished', id)
    return typeof record === 'string' ? decodeFinished(record) : undefined
  }

  async *list({ after = '', signal }: ListOptions = {}): AsyncGenerator<QueueEntry> {
    for await (const ids of this.#pages('ids', { after, signal })) {
      for (const entry of await this.#read(ids)) {
        if (signal?.aborted) return
        yield entry
      }
    }
  }

  async *finished({ after = '', signal }: ListOptions = {}): AsyncGenerator<FinishedMessage> {
    for await (const ids of this.#pages('finishedIds', { after, signal })) {
      for (const record of (await this.#send('hmget', 'finished', ...ids)) as (string | null)[]) {
        if (signal?.aborted) return
        if (record !== null) yield decodeFinished(record)
      }
    }
  }

  async operate(id: string, operation: Operation, now: number): Promise<number> {
    if (operation.kind === 'delete') return this.#delete(id, now)
    const reason = operation.kind === 'hold' ? operation.reason : ''
    const changed = (await this.#run(scripts.OPERATE, [id, operation.kind, now, reason])) as string[] // see the script
    if (operation.kind !== 'hold') for (const entry of changed) this.#onScheduled(entry, now)
    return changed.length
  }

  async suspend(suspension: Suspension): Promise<void> {
    await this.#send('hset', 'suspensions', suspension.target, JSON.stringify(suspension))
  }

  async resume(target: string): Promise<boolean> {
    return (await this.#send('hdel', 'suspensions', target)) === 1
  }

  async suspensions(): Promise<readonly Suspension[]> {
    const all = (await this.#send('hvals', 'suspensions')) as string[] // as the command says
    return all.map((each): Suspension => JSON.parse(each)) // `suspend` wrote them
  }

  async beat(now: number): Promise<number> {
    void this.memory.look()
    return this.#giveBack(scripts.BEAT, now)
  }

  async stats(): Promise<QueueStats> {
    await this.memory.look()
    const [messages = 0, scheduled = 0, waiting = 0, claimed = 0, held = 0, corrupt = 0] = (await this.#run(scripts.COUNTS, [])) as number[]
    return { messages, scheduled, waiting, claimed, held, corrupt, freeBytes: this.memory.free }
  }

  /** Makes this process look dead to the others at once: what it still says is then `lost`. For tests. */
  async disown(): Promise<void> {
    await this.#send('zadd', 'owners', 0, this.owner)
  }

  /** From now on the server's disk has to confirm each message too: `WAITAOF`. */
  askDisk(): void {
    this.#confirmation = new Confirmation(this.#link, this.#replicas, true)
  }

  async close(): Promise<void> {
    await this.#giveBack(scripts.LEAVE, Date.now())
  }

  async #claim(
    due: readonly DueEntry[],
    { now, gate }: { readonly now: number; readonly gate: Gate },
  ): Promise<{ claims: Claim[]; moved: number }> {
    if (due.length === 0) return { claims: [], moved: 0 }
    const orders = due.flatMap(([entry, at, queuedAt, expiresAt, lane, attempts]) => {
      const view = { queuedAt: Number(queuedAt), expiresAt: Number(expiresAt), attempts: Number.parseInt(attempts ?? '0', 10) }
      const verdict = gate(lane, { ...view, warned: attempts?.endsWith('!') ?? false })
      return [entry, at, encodePlace(this.#placeFor(verdict, now))]
    })
    const taken = await this.#run(scripts.TAKE_DUE, [this.owner, ...orders])
    this.#tell(orders)
    return { claims: await this.#load(taken), moved: due.length }
  }

  #placeFor(verdict: ReturnType<Gate>, now: number): Place {
    if (verdict === 'take') return { kind: 'claimed', owner: this.owner }
    return verdict === 'wait' ? { kind: 'waiting', since: now } : { kind: 'scheduled', at: Math.max(verdict, now + 1) }
  }

  async #insert(taken: NewMessage, place: Place): Promise<void> {
    const args = await this.#prepare(taken, place)
    if ((await this.#run(scripts.ADD, [this.owner, ...args])) !== 1)
      throw new QueueError('ERR_QUEUE_IO', 'The body took too long to arrive and is gone')
    await this.#confirmed(taken.message.id)
  }

  async #confirmed(id: string): Promise<void> {
    try {
      await this.#confirmation.wait()
    } catch (error) {
      // The client will hear 451 and come again: what is here would arrive twice.
      await this.#run(scripts.DELETE, [id, '0', '', 0]).catch(() => {})
      throw error
    }
  }

  /** What is slow and needs no script: encoding, and sending a large body ahead. */
  async #prepare({ message, source }: NewMessage, place: Place): Promise<Argument[]> {
    const { id, queuedAt, expiresAt, deliveries } = message
    const body: PreparedBody = await prepareBody(this.#link, this.#bodyKey(id), source)
    const note: BodyNote = { crc: body.crc, pieces: body.pieces }
    notes.set(message, note)
    const envelope = encodeEnvelope(message, note)
    const lanes = deliveries.map(({ lane }) => lane)
    return [id, encodePlace(place), envelope, queuedAt, expiresAt, body.pieces, body.only, deliveries.length, ...lanes]
  }

  async #load(taken: unknown): Promise<Claim[]> {
    const claims: Claim[] = []
    for (const [entry, envelope, state] of taken as [string, string | null, string | null][]) {
      // see `loaded` in the scripts
      const [id = '', index = ''] = entry.split(' ')
      try {
        const { message, body } = decodeEnvelope(id, envelope ?? '')
        notes.set(message, body)
        const delivery = message.deliveries[Number(index)]
        if (!delivery) throw new QueueError('ERR_QUEUE_CORRUPT', `Queue entry ${entry} has no delivery`)
        const place: Place = { kind: 'claimed', owner: this.owner }
        claims.push({ message, index: Number(index), state: decodeState(delivery, state, place) })
      } catch (error) {
        await this.#setAside(id, error)
      }
    }
    return claims
  }

  /** What cannot be read is kept for a human, out of the way of everything else. */
  async #setAside(id: string, cause: unknown): Promise<void> {
    await this.#run(scripts.SET_ASIDE, [id, Date.now()])
    this.#onProblem(
      cause instanceof QueueError ? cause : new QueueError('ERR_QUEUE_CORRUPT', `Queue entry ${id} cannot be read`, { cause }),
    )
  }

  async #read(ids: readonly string[]): Promise<QueueEntry[]> {
    const found = (await this.#run(scripts.READ, ids)) as [string, string, string[]][] // see the script
    return found.flatMap(([id, envelope, fields]) => {
      try {
        const { message, body } = decodeEnvelope(id, envelope)
        notes.set(message, body)
        const map = toMap(fields)
        versions.set(message, map.get('v') ?? '0')
        return [{ message, states: decodeStates(message, map) }]
      } catch (error) {
        if (error instanceof QueueError) this.#onProblem(error)
        return []
      }
    })
  }

  async #delete(id: string, now: number): Promise<number> {
    for (;;) {
      const entry = await this.get(id)
      if (!entry) return 0
      const { message, states } = entry
      const parts = message.deliveries.map((delivery, at) => {
        const state = states[at]
        return state ? finishedPart(delivery, withdrawn(state, now)) : ''
      })
      const args = [id, versions.get(message) ?? '0', finishedHead(message, now), this.#keep, ...parts]
      const deleted = Number(await this.#run(scripts.DELETE, args))
      // An attempt ended meanwhile: what became of its recipients belongs into the record.
      if (deleted >= 0) return deleted
    }
  }

  async #giveBack(how: Script, now: number): Promise<number> {
    for (let taken = 0; ; ) {
      const entries = (await this.#run(how, [this.owner, now, PAGE])) as string[] // see the scripts
      for (const entry of entries) this.#onScheduled(entry, now)
      taken += entries.length
      if (entries.length < PAGE) return taken
    }
  }

  async *#pages(index: string, { after = '', signal }: ListOptions): AsyncGenerator<string[]> {
    for (let last = after; !signal?.aborted; ) {
      const ids = (await this.#send('zrangebylex', index, last === '' ? '-' : `(${last}`, '+', 'LIMIT', 0, PAGE)) as string[]
      if (ids.length > 0) yield ids
      if (ids.length < PAGE) return
      last = ids.at(-1) ?? last
    }
  }

  #lookUp(message: QueuedMessage): MessageSource {
    const { size } = message
    const open = async (): Promise<MessageSource> => {
      const [found] = await this.#read([message.id])
      return found ? this.body(found.message) : missingBody(size)
    }
    return {
      size,
      async *raw() {
        yield* (await open()).raw()
      },
    }
  }

  #tell(orders: readonly string[]): void {
    for (let at = 0; at < orders.length; at += 3) {
      const place = orders[at + 2] ?? ''
      if (place.startsWith('s:')) this.#onScheduled(orders[at] ?? '', Number(place.slice(2)))
    }
  }

  #bodyKey(id: string): string {
    return `${this.#space}b:${id}`
  }

  #run(script: Script, args: readonly Argument[]): Promise<unknown> {
    return this.#link.run(script, [`${this.#space}ids`], args)
  }

  #send(command: string, key: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.#link.send(command, [this.#space + key, ...args])
  }
}

interface ListOptions {
  readonly after?: string
  readonly signal?: AbortSignal | undefined
}

type DueEntry = [entry: string, at: string, queuedAt: string, expiresAt: string, lane: string, attempts: string | null]

/** What is known of the bodies of messages that this process has seen. */
const notes = new WeakMap<QueuedMessage, BodyNote>()
/** Version of the states that were read with a message. */
const versions = new WeakMap<QueuedMessage, string>()

function toMap(fields: readonly string[]): Map<string, string> {
  const map = new Map<string, string>()
  for (let at = 0; at < fields.length; at += 2) map.set(fields[at] ?? '', fields[at + 1] ?? '')
  return map
}
