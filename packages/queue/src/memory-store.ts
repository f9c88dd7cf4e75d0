/** A queue that forgets everything with its process: for tests, and as the shortest reading of the contract. */
import { type MessageSource, memorySource, readAll } from '@postroad/mail'
import { type DeliveryState, type DeliveryStatus, type FinishedMessage, initialState, type Lease, type QueuedMessage } from './model.ts'
import { operated, withdrawn, withPendingHold } from './state.ts'
import {
  type LeaseEnd,
  type NewMessage,
  type Operation,
  type QueueEntry,
  QueueError,
  type QueueStore,
  type RecordResult,
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
  /** The process of this store has died: nothing it says counts any more, and `beat` of another takes its leases. */
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

  async add(message: QueuedMessage, source: MessageSource): Promise<readonly Lease[]> {
    return this.#insert({ message, source }, await exactly(source))
  }

  async claimDue({ now, limit, gate }: Parameters<QueueStore['claimDue']>[0]): Promise<{ leases: Lease[]; moved: number }> {
    const due = this.#withStatus('scheduled', ({ at }) => at <= now)
      .sort((a, b) => a.status.at - b.status.at)
      .slice(0, limit)
    const leases = due.flatMap(({ held, index, state }) => {
      const { queuedAt, deliveries } = held.message
      const { attempts, warned, pendingReport, countedFrom } = state
      const verdict = gate(deliveries[index]?.destination ?? '', {
        queuedAt,
        countedFrom,
        attempts,
        warned,
        hasPendingReport: pendingReport !== undefined,
      })
      if (verdict === 'take') return [this.#claim(held, index)]
      held.states[index] = {
        ...state,
        status: verdict === 'wait' ? { kind: 'waiting', since: now } : { kind: 'scheduled', at: Math.max(verdict, now + 1) },
      }
      return []
    })
    return { leases, moved: due.length }
  }

  async claimWaiting(destination: string, limit: number): Promise<readonly Lease[]> {
    const waiting = this.#withStatus('waiting', (_, held, index) => held.message.deliveries[index]?.destination === destination)
    return waiting
      .sort((a, b) => a.status.since - b.status.since)
      .slice(0, limit)
      .map(({ held, index }) => this.#claim(held, index))
  }

  async claimOne(id: string, index: number): Promise<Lease | undefined> {
    const held = this.#memory.messages.get(id)
    const kind = held?.states[index]?.status.kind
    return held && kind && kind !== 'claimed' && kind !== 'done' ? this.#claim(held, index) : undefined
  }

  async release(leases: readonly Lease[], status: DeliveryStatus): Promise<void> {
    for (const { message, index, state } of leases) {
      const held = this.#mine(message.id, index)
      if (held) held.states[index] = withPendingHold({ ...state, status }, held.states[index]?.pendingHold)
    }
  }

  async record({ lease, state, also = [], spawn = [], unreturned = 0, now }: LeaseEnd): Promise<RecordResult> {
    const contents = await Promise.all(spawn.map(({ source }) => exactly(source)))
    const ends = [{ lease, state }, ...also]
    const held = this.#mine(lease.message.id, lease.index)
    if (!held || !ends.every((end) => this.#mine(end.lease.message.id, end.lease.index))) return 'lost'
    this.#memory.unreturned += unreturned
    for (const [at, each] of spawn.entries()) this.#insert(each, contents[at] ?? Buffer.alloc(0))
    for (const end of ends) held.states[end.lease.index] = withPendingHold(end.state, held.states[end.lease.index]?.pendingHold, now)
    if (held.states.some(({ status }) => status.kind !== 'done')) return 'recorded'
    this.#finish(held, now)
    return 'finished'
  }

  async hasten({ now, latest }: Parameters<QueueStore['hasten']>[0]): Promise<number> {
    const late = this.#withStatus('scheduled', ({ at }) => at > latest)
    for (const { held, index, state } of late) held.states[index] = { ...state, status: { kind: 'scheduled', at: now } }
    return late.length
  }

  async nextDue(): Promise<number | undefined> {
    const times = this.#withStatus('scheduled').map(({ status }) => status.at)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  async waitingDestinations(): Promise<readonly string[]> {
    return [...new Set(this.#withStatus('waiting').map(({ held, index }) => held.message.deliveries[index]?.destination ?? ''))].sort()
  }

  content(message: QueuedMessage): MessageSource {
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
    const count = (kind: DeliveryStatus['kind']): number => this.#withStatus(kind).length
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

  #insert({ message }: NewMessage, octets: Buffer): Lease[] {
    const status = this.#claimed()
    const states = message.deliveries.map((delivery) => initialState(delivery, status))
    this.#memory.messages.set(message.id, { message, octets, states })
    return states.map((state, index) => ({ message, index, state }))
  }

  #claim(held: Held, index: number): Lease {
    const state: DeliveryState = { ...(held.states[index] as DeliveryState), status: this.#claimed() } // the index comes from the states
    held.states[index] = state
    return { message: held.message, index, state }
  }

  /** Who was taken for dead goes on under another name. */
  #claimed(): DeliveryStatus {
    if (this.#memory.dead.has(this.#owner)) this.#owner = this.#memory.name()
    return { kind: 'claimed', owner: this.#owner }
  }

  #mine(id: string, index: number): Held | undefined {
    const held = this.#memory.messages.get(id)
    const status = held?.states[index]?.status
    return status?.kind === 'claimed' && status.owner === this.owner ? held : undefined
  }

  #withStatus<K extends DeliveryStatus['kind']>(
    kind: K,
    matches: (status: Extract<DeliveryStatus, { kind: K }>, held: Held, index: number) => boolean = () => true,
  ) {
    type Found = { held: Held; index: number; state: DeliveryState; status: Extract<DeliveryStatus, { kind: K }> }
    return sorted(this.#memory.messages).flatMap((held): Found[] =>
      held.states.flatMap((state, index): Found[] => {
        const status = state.status as Extract<DeliveryStatus, { kind: K }> // checked by its kind in the next line
        return status.kind === kind && matches(status, held, index) ? [{ held, index, state, status }] : []
      }),
    )
  }

  #giveBack(isLost: (status: { readonly owner: string }) => boolean, now: number): number {
    const lost = this.#withStatus('claimed', isLost)
    for (const { held, index, state } of lost)
      held.states[index] = withPendingHold({ ...state, status: { kind: 'scheduled', at: now } }, state.pendingHold, now)
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
