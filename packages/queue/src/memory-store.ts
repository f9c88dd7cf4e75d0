/** A queue that forgets everything with its process: for tests, and as the shortest reading of the contract. */
import { type MessageSource, memorySource, readAll } from '@postroad/mail'
import { type Claim, type DeliveryState, type FinishedMessage, initialState, type Place, type QueuedMessage } from './model.ts'
import { operated, withdrawn, withWish } from './state.ts'
import {
  type NewMessage,
  type Operation,
  type QueueEntry,
  QueueError,
  type QueueStore,
  type Settlement,
  type SettleResult,
  type Suspension,
} from './store.ts'

interface Held {
  readonly message: QueuedMessage
  readonly octets: Buffer
  readonly states: DeliveryState[]
}

/** Processes that share a memory queue, as they would share a folder; `gone` plays the death of one. */
export interface MemoryQueue {
  open(): QueueStore
  /** The process of this store has died: nothing it says counts any more, and `beat` of another takes its claims. */
  kill(store: QueueStore): void
}

/** A shared memory in which stores can be opened. */
export function memoryQueue(): MemoryQueue {
  const memory = new Memory()
  return { open: () => new MemoryStore(memory), kill: (store) => void memory.dead.add(store.owner) }
}

/** A single store in memory. */
export function memoryStore(): QueueStore {
  return memoryQueue().open()
}

class Memory {
  readonly messages = new Map<string, Held>()
  readonly finished = new Map<string, FinishedMessage>()
  readonly suspensions = new Map<string, Suspension>()
  unreturned = 0
  readonly dead = new Set<string>()
  #owners = 0

  name(): string {
    return `memory-${++this.#owners}`
  }
}

class MemoryStore implements QueueStore {
  readonly #memory: Memory
  #owner: string

  constructor(memory: Memory) {
    this.#memory = memory
    this.#owner = memory.name()
  }

  get owner(): string {
    return this.#owner
  }

  admit(): undefined {
    return undefined
  }

  async add(message: QueuedMessage, source: MessageSource): Promise<readonly Claim[]> {
    return this.#insert({ message, source }, await exactly(source))
  }

  async claimDue({ now, limit, gate }: Parameters<QueueStore['claimDue']>[0]): Promise<{ claims: Claim[]; moved: number }> {
    const due = this.#places('scheduled', ({ at }) => at <= now)
      .sort((a, b) => a.place.at - b.place.at)
      .slice(0, limit)
    const claims = due.flatMap(({ held, index, state }) => {
      const { queuedAt, deliveries } = held.message
      const { attempts, warned, owed, countedFrom } = state
      const verdict = gate(deliveries[index]?.lane ?? '', { queuedAt, countedFrom, attempts, warned, owes: owed !== undefined })
      if (verdict === 'take') return [this.#claim(held, index)]
      held.states[index] = {
        ...state,
        place: verdict === 'wait' ? { kind: 'waiting', since: now } : { kind: 'scheduled', at: Math.max(verdict, now + 1) },
      }
      return []
    })
    return { claims, moved: due.length }
  }

  async claimWaiting(lane: string, limit: number): Promise<readonly Claim[]> {
    const waiting = this.#places('waiting', (_, held, index) => held.message.deliveries[index]?.lane === lane)
    return waiting
      .sort((a, b) => a.place.since - b.place.since)
      .slice(0, limit)
      .map(({ held, index }) => this.#claim(held, index))
  }

  async claimOne(id: string, index: number): Promise<Claim | undefined> {
    const held = this.#memory.messages.get(id)
    const kind = held?.states[index]?.place.kind
    return held && kind && kind !== 'claimed' && kind !== 'done' ? this.#claim(held, index) : undefined
  }

  async release(claims: readonly Claim[], place: Place): Promise<void> {
    for (const { message, index, state } of claims) {
      const held = this.#mine(message.id, index)
      if (held) held.states[index] = withWish({ ...state, place }, held.states[index]?.wish)
    }
  }

  async settle({ claim, state, also = [], spawn = [], unreturned = 0, now }: Settlement): Promise<SettleResult> {
    const bodies = await Promise.all(spawn.map(({ source }) => exactly(source)))
    const ends = [{ claim, state }, ...also]
    const held = this.#mine(claim.message.id, claim.index)
    if (!held || !ends.every((end) => this.#mine(end.claim.message.id, end.claim.index))) return 'lost'
    this.#memory.unreturned += unreturned
    for (const [at, each] of spawn.entries()) this.#insert(each, bodies[at] ?? Buffer.alloc(0))
    for (const end of ends) held.states[end.claim.index] = withWish(end.state, held.states[end.claim.index]?.wish, now)
    if (held.states.some(({ place }) => place.kind !== 'done')) return 'settled'
    this.#finish(held, now)
    return 'finished'
  }

  async hasten({ now, latest }: Parameters<QueueStore['hasten']>[0]): Promise<number> {
    const late = this.#places('scheduled', ({ at }) => at > latest)
    for (const { held, index, state } of late) held.states[index] = { ...state, place: { kind: 'scheduled', at: now } }
    return late.length
  }

  async nextDue(): Promise<number | undefined> {
    const times = this.#places('scheduled').map(({ place }) => place.at)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  async waitingLanes(): Promise<readonly string[]> {
    return [...new Set(this.#places('waiting').map(({ held, index }) => held.message.deliveries[index]?.lane ?? ''))].sort()
  }

  body(message: QueuedMessage): MessageSource {
    return memorySource([this.#memory.messages.get(message.id)?.octets ?? Buffer.alloc(0)])
  }

  async get(id: string): Promise<QueueEntry | undefined> {
    const held = this.#memory.messages.get(id)
    return held && { message: held.message, states: [...held.states] }
  }

  async getFinished(id: string): Promise<FinishedMessage | undefined> {
    return this.#memory.finished.get(id)
  }

  async *list({ after = '' }: { readonly after?: string } = {}): AsyncGenerator<QueueEntry> {
    for (const { message, states } of sorted(this.#memory.messages)) if (message.id > after) yield { message, states: [...states] }
  }

  async *finished({ after = '' }: { readonly after?: string } = {}): AsyncGenerator<FinishedMessage> {
    for (const message of sorted(this.#memory.finished)) if (message.id > after) yield message
  }

  async operate(id: string, operation: Operation, now: number): Promise<number> {
    const held = this.#memory.messages.get(id)
    if (!held) return 0
    if (operation.kind === 'delete') return this.#delete(held, now)
    let changed = 0
    for (const [index, state] of held.states.entries()) {
      const next = operated(state, operation, now)
      if (next) held.states[index] = next
      if (next) changed++
    }
    return changed
  }

  async suspend(suspension: Suspension): Promise<void> {
    this.#memory.suspensions.set(suspension.target, suspension)
  }

  async resume(target: string): Promise<boolean> {
    return this.#memory.suspensions.delete(target)
  }

  async suspensions(): Promise<readonly Suspension[]> {
    return [...this.#memory.suspensions.values()]
  }

  async beat(now: number): Promise<number> {
    this.#claimed()
    return this.#giveBack(({ owner }) => this.#memory.dead.has(owner), now)
  }

  async stats() {
    const count = (kind: Place['kind']): number => this.#places(kind).length
    const { size: messages } = this.#memory.messages
    return {
      messages,
      scheduled: count('scheduled'),
      waiting: count('waiting'),
      claimed: count('claimed'),
      held: count('held'),
      corrupt: 0,
      unreturned: this.#memory.unreturned,
      freeBytes: undefined,
    }
  }

  async *corrupt() {}

  async close(): Promise<void> {
    this.#giveBack(({ owner }) => owner === this.owner, 0)
  }

  #insert({ message }: NewMessage, octets: Buffer): Claim[] {
    const place = this.#claimed()
    const states = message.deliveries.map((delivery) => initialState(delivery, place))
    this.#memory.messages.set(message.id, { message, octets, states })
    return states.map((state, index) => ({ message, index, state }))
  }

  #claim(held: Held, index: number): Claim {
    const state: DeliveryState = { ...(held.states[index] as DeliveryState), place: this.#claimed() } // the index comes from the states
    held.states[index] = state
    return { message: held.message, index, state }
  }

  /** Who was taken for dead goes on under another name. */
  #claimed(): Place {
    if (this.#memory.dead.has(this.#owner)) this.#owner = this.#memory.name()
    return { kind: 'claimed', owner: this.#owner }
  }

  #mine(id: string, index: number): Held | undefined {
    const held = this.#memory.messages.get(id)
    const place = held?.states[index]?.place
    return place?.kind === 'claimed' && place.owner === this.owner ? held : undefined
  }

  #places<K extends Place['kind']>(
    kind: K,
    matches: (place: Extract<Place, { kind: K }>, held: Held, index: number) => boolean = () => true,
  ) {
    type Found = { held: Held; index: number; state: DeliveryState; place: Extract<Place, { kind: K }> }
    return sorted(this.#memory.messages).flatMap((held): Found[] =>
      held.states.flatMap((state, index): Found[] => {
        const place = state.place as Extract<Place, { kind: K }> // checked by its kind in the next line
        return place.kind === kind && matches(place, held, index) ? [{ held, index, state, place }] : []
      }),
    )
  }

  #giveBack(isLost: (place: { readonly owner: string }) => boolean, now: number): number {
    const lost = this.#places('claimed', isLost)
    for (const { held, index, state } of lost)
      held.states[index] = withWish({ ...state, place: { kind: 'scheduled', at: now } }, state.wish, now)
    return lost.length
  }

  #delete(held: Held, now: number): number {
    for (const [index, state] of held.states.entries()) held.states[index] = withdrawn(state, now)
    this.#finish(held, now)
    return held.states.length
  }

  #finish({ message, states }: Held, now: number): void {
    const recipients = message.deliveries.flatMap((delivery, at) =>
      delivery.recipients.flatMap(({ address }, which) => {
        const state = states[at]?.recipients[which]
        return state ? [{ address: address.toString(), state }] : []
      }),
    )
    const { id, queuedAt, size } = message
    this.#memory.messages.delete(id)
    this.#memory.finished.set(id, {
      id,
      from: message.from?.toString() ?? '',
      queuedAt,
      finishedAt: now,
      size,
      recipients,
      recipientCount: recipients.length,
    })
  }
}

function sorted<T>(map: ReadonlyMap<string, T>): T[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)
}

async function exactly(source: MessageSource): Promise<Buffer> {
  const octets = await readAll(source)
  if (octets.length !== source.size) throw new QueueError('ERR_QUEUE_IO', 'The message is not as long as it says')
  return octets
}
