/** A queue that forgets everything with its process: for tests, and as the shortest reading of the contract. */
import { type MessageSource, memorySource, readAll } from '@postroad/mail'
import {
  birth,
  type DeliveryState,
  type DeliveryStatus,
  type FinishedMessage,
  type Lease,
  type LeaseEnd,
  type NewMessage,
  type Operation,
  type Outbox,
  operated,
  type QueuedMessage,
  type QueueEntry,
  QueueError,
  type QueueStore,
  type RecordResult,
  type Suspension,
  withdrawn,
  withPendingHold,
} from '@postroad/queue-engine'
import { MemoryOutbox } from './memory-outbox.ts'

interface Entry {
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

/** A shared memory in which stores can be opened. `now`: milliseconds since the epoch, of events that are added by themselves. */
export function memoryQueue(now: () => number = Date.now): MemoryQueue {
  const memory = new Memory(now)
  return { open: () => new MemoryStore(memory), kill: (store) => void memory.dead.add(store.owner) }
}

/** A single store in memory. */
export function memoryStore(): QueueStore {
  return memoryQueue().open()
}

class Memory {
  readonly messages = new Map<string, Entry>()
  readonly finished = new Map<string, FinishedMessage>()
  readonly suspensions = new Map<string, Suspension>()
  readonly keys = new Map<string, { readonly id: string; readonly until: number }>()
  readonly outbox: MemoryOutbox
  unreturned = 0
  readonly dead = new Set<string>()
  #owners = 0

  constructor(now: () => number) {
    this.outbox = new MemoryOutbox(now)
  }

  name(): string {
    return `memory-${++this.#owners}`
  }
}

class MemoryStore implements QueueStore {
  readonly outbox: Outbox
  readonly #memory: Memory
  #owner: string

  constructor(memory: Memory) {
    this.#memory = memory
    this.outbox = memory.outbox
    this.#owner = memory.name()
  }

  get owner(): string {
    return this.#owner
  }

  admit(): undefined {
    return undefined
  }

  async add(message: QueuedMessage, source: MessageSource, events: readonly string[] = []): Promise<readonly Lease[]> {
    const octets = await exactly(source)
    const { idempotency } = message.parameters
    const known = idempotency && this.#memory.keys.get(idempotency.key)
    if (known && known.until > message.queuedAt)
      throw new QueueError('ERR_QUEUE_DUPLICATE', `The same message is queued as ${known.id}`, {
        duplicateOf: known.id,
      })
    if (idempotency) this.#memory.keys.set(idempotency.key, { id: message.id, until: idempotency.until })
    this.#memory.outbox.write(events, message.queuedAt)
    return this.#insert({ message, source }, octets)
  }

  async claimDue({
    now,
    limit,
    gate,
  }: Parameters<QueueStore['claimDue']>[0]): Promise<{ leases: Lease[]; moved: number }> {
    const due = this.#withStatus('scheduled', ({ at }) => at <= now)
      .sort((a, b) => a.status.at - b.status.at)
      .slice(0, limit)
    const leases = due.flatMap(({ entry, index, state }) => {
      const { queuedAt, deliveries } = entry.message
      const { attempts, warned, pendingReport, countedFrom } = state
      const verdict = gate(deliveries[index]?.destination ?? '', {
        queuedAt,
        countedFrom,
        attempts,
        warned,
        hasPendingReport: pendingReport !== undefined,
      })
      if (verdict === 'take') return [this.#claim(entry, index)]
      entry.states[index] = {
        ...state,
        status:
          verdict === 'wait' ? { kind: 'waiting', since: now } : { kind: 'scheduled', at: Math.max(verdict, now + 1) },
      }
      return []
    })
    return { leases, moved: due.length }
  }

  async claimWaiting(destination: string, limit: number): Promise<readonly Lease[]> {
    const waiting = this.#withStatus(
      'waiting',
      (_, entry, index) => entry.message.deliveries[index]?.destination === destination,
    )
    return waiting
      .sort((a, b) => a.status.since - b.status.since)
      .slice(0, limit)
      .map(({ entry, index }) => this.#claim(entry, index))
  }

  async claimOne(id: string, index: number): Promise<Lease | undefined> {
    const entry = this.#memory.messages.get(id)
    const kind = entry?.states[index]?.status.kind
    return entry && kind && kind !== 'claimed' && kind !== 'done' ? this.#claim(entry, index) : undefined
  }

  async release(leases: readonly Lease[], status: DeliveryStatus): Promise<void> {
    for (const { message, index, state } of leases) {
      const entry = this.#mine(message.id, index)
      if (entry) entry.states[index] = withPendingHold({ ...state, status }, entry.states[index]?.pendingHold)
    }
  }

  async record({
    lease,
    state,
    also = [],
    spawn = [],
    events = [],
    unreturned = 0,
    now,
  }: LeaseEnd): Promise<RecordResult> {
    const contents = await Promise.all(spawn.map(({ source }) => exactly(source)))
    const ends = [{ lease, state }, ...also]
    const entry = this.#mine(lease.message.id, lease.index)
    if (!entry || !ends.every((end) => this.#mine(end.lease.message.id, end.lease.index))) return 'lost'
    this.#memory.unreturned += unreturned
    this.#memory.outbox.write(events, now)
    for (const [at, each] of spawn.entries()) this.#insert(each, contents[at] ?? Buffer.alloc(0))
    for (const end of ends)
      entry.states[end.lease.index] = withPendingHold(end.state, entry.states[end.lease.index]?.pendingHold, now)
    if (entry.states.some(({ status }) => status.kind !== 'done')) return 'recorded'
    this.#finish(entry, now)
    return 'finished'
  }

  async hasten({ now, latest }: Parameters<QueueStore['hasten']>[0]): Promise<number> {
    const late = this.#withStatus('scheduled', ({ at }) => at > latest).filter(
      ({ state }) => !birth.awaitsRelease(state),
    )
    for (const { entry, index, state } of late)
      entry.states[index] = { ...state, status: { kind: 'scheduled', at: now } }
    return late.length
  }

  async nextDue(): Promise<number | undefined> {
    const times = this.#withStatus('scheduled').map(({ status }) => status.at)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  async waitingDestinations(): Promise<readonly string[]> {
    return [
      ...new Set(
        this.#withStatus('waiting').map(({ entry, index }) => entry.message.deliveries[index]?.destination ?? ''),
      ),
    ].sort()
  }

  content(message: QueuedMessage): MessageSource {
    return memorySource([this.#memory.messages.get(message.id)?.octets ?? Buffer.alloc(0)])
  }

  async get(id: string): Promise<QueueEntry | undefined> {
    const entry = this.#memory.messages.get(id)
    return entry && { message: entry.message, states: [...entry.states] }
  }

  async getFinished(id: string): Promise<FinishedMessage | undefined> {
    return this.#memory.finished.get(id)
  }

  async *list({ after = '' }: { readonly after?: string } = {}): AsyncGenerator<QueueEntry> {
    for (const { message, states } of sorted(this.#memory.messages))
      if (message.id > after) yield { message, states: [...states] }
  }

  async *finished({ after = '' }: { readonly after?: string } = {}): AsyncGenerator<FinishedMessage> {
    for (const message of sorted(this.#memory.finished)) if (message.id > after) yield message
  }

  async operate(id: string, operation: Operation, now: number): Promise<number> {
    const entry = this.#memory.messages.get(id)
    if (!entry) return 0
    if (operation.kind === 'cancel' && !entry.states.every(birth.awaitsRelease)) return 0
    if (operation.kind === 'delete' || operation.kind === 'cancel') return this.#delete(entry, now)
    let changed = 0
    for (const [index, state] of entry.states.entries()) {
      const next = operated(state, operation, now)
      if (next) entry.states[index] = next
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
    this.#claimed()
    this.#memory.messages.set(message.id, { message, octets, states: birth.states(message, this.#owner) })
    return birth.leases(message, this.#owner)
  }

  #claim(entry: Entry, index: number): Lease {
    const state: DeliveryState = { ...(entry.states[index] as DeliveryState), status: this.#claimed() } // the index comes from the states
    entry.states[index] = state
    return { message: entry.message, index, state }
  }

  /** Who was taken for dead goes on under another name. */
  #claimed(): DeliveryStatus {
    if (this.#memory.dead.has(this.#owner)) this.#owner = this.#memory.name()
    return { kind: 'claimed', owner: this.#owner }
  }

  #mine(id: string, index: number): Entry | undefined {
    const entry = this.#memory.messages.get(id)
    const status = entry?.states[index]?.status
    return status?.kind === 'claimed' && status.owner === this.owner ? entry : undefined
  }

  #withStatus<K extends DeliveryStatus['kind']>(
    kind: K,
    matches: (status: Extract<DeliveryStatus, { kind: K }>, entry: Entry, index: number) => boolean = () => true,
  ) {
    type Found = { entry: Entry; index: number; state: DeliveryState; status: Extract<DeliveryStatus, { kind: K }> }
    return sorted(this.#memory.messages).flatMap((entry): Found[] =>
      entry.states.flatMap((state, index): Found[] => {
        const status = state.status as Extract<DeliveryStatus, { kind: K }> // checked by its kind in the next line
        return status.kind === kind && matches(status, entry, index) ? [{ entry, index, state, status }] : []
      }),
    )
  }

  #giveBack(isLost: (status: { readonly owner: string }) => boolean, now: number): number {
    const lost = this.#withStatus('claimed', isLost)
    for (const { entry, index, state } of lost)
      entry.states[index] = withPendingHold(
        { ...state, status: { kind: 'scheduled', at: now } },
        state.pendingHold,
        now,
      )
    return lost.length
  }

  #delete(entry: Entry, now: number): number {
    for (const [index, state] of entry.states.entries()) entry.states[index] = withdrawn(state, now)
    this.#finish(entry, now)
    return entry.states.length
  }

  #finish({ message, states }: Entry, now: number): void {
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
