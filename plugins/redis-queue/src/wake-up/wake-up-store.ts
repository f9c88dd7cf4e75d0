/** The queue's store as the engine of one node sees it: what is due comes by wake-up, not by looking. */
import type { DeliveryStatus, Gate, Lease, LeaseEnd, QueueStore, RecordResult } from '@postroad/queue-engine'
import type { RedisStore } from '../store/redis-store.ts'
import type { WakeUp } from './wake-ups.ts'

/** Milliseconds after which a delivery that is due and was not fetched by wake-up is fetched by its time. */
export const OVERDUE_MS = 10_000
/** Milliseconds between looks for those. */
const LOOK_MS = 2_000

interface OpenWakeUp extends WakeUp {
  used(): void
}

/** A {@link QueueStore} that gives out what is due when its wake-up arrives. Everything else is the store's own. */
export class WakeUpStore implements QueueStore {
  readonly owner: string
  readonly outbox: QueueStore['outbox']
  readonly #store: RedisStore
  readonly #waiting: OpenWakeUp[] = []
  /** Wake-ups whose delivery is under way, by entry. */
  readonly #held = new Map<string, OpenWakeUp>()
  /** By a clock that never jumps. */
  #nextLook = 0
  /** Called when a wake-up has come. */
  onWakeUp: () => void = () => {}

  constructor(store: RedisStore) {
    this.#store = store
    this.owner = store.owner
    this.outbox = store.outbox
    this.admit = store.admit.bind(store)
    this.add = store.add.bind(store)
    this.waitingDestinations = store.waitingDestinations.bind(store)
    this.content = store.content.bind(store)
    this.get = store.get.bind(store)
    this.getFinished = store.getFinished.bind(store)
    this.list = store.list.bind(store)
    this.finished = store.finished.bind(store)
    this.operate = store.operate.bind(store)
    this.suspend = store.suspend.bind(store)
    this.resume = store.resume.bind(store)
    this.suspensions = store.suspensions.bind(store)
    this.beat = store.beat.bind(store)
    this.stats = store.stats.bind(store)
    this.corrupt = store.corrupt.bind(store)
    this.claimWaiting = store.claimWaiting.bind(store)
    this.claimOne = store.claimOne.bind(store)
  }

  readonly admit: QueueStore['admit']
  readonly add: QueueStore['add']
  readonly waitingDestinations: QueueStore['waitingDestinations']
  readonly content: QueueStore['content']
  readonly get: QueueStore['get']
  readonly getFinished: QueueStore['getFinished']
  readonly list: QueueStore['list']
  readonly finished: QueueStore['finished']
  readonly operate: QueueStore['operate']
  readonly suspend: QueueStore['suspend']
  readonly resume: QueueStore['resume']
  readonly suspensions: QueueStore['suspensions']
  readonly beat: QueueStore['beat']
  readonly stats: QueueStore['stats']
  readonly corrupt: QueueStore['corrupt']
  readonly claimWaiting: QueueStore['claimWaiting']
  readonly claimOne: QueueStore['claimOne']

  /** Resolves when the delivery of the wake-up has ended here, or there is none. */
  use(wakeUp: WakeUp): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ ...wakeUp, used: resolve })
      this.onWakeUp()
    })
  }

  async nextDue(): Promise<number | undefined> {
    const [first] = this.#waiting
    if (first) return 0
    const now = Date.now()
    const elapsed = performance.now()
    if (elapsed < this.#nextLook) return undefined
    const due = await this.#store.nextDue()
    if (due !== undefined && due < now - OVERDUE_MS) return due
    this.#nextLook = elapsed + LOOK_MS
    return undefined
  }

  async claimDue(options: {
    readonly now: number
    readonly limit: number
    readonly gate: Gate
  }): Promise<{ leases: Lease[]; moved: number }> {
    if (this.#waiting.length === 0) return this.#store.claimDue({ ...options, now: options.now - OVERDUE_MS })
    const wakeUps = this.#waiting.splice(0, options.limit)
    try {
      const found = await this.#store.claimEntries(wakeUps, options)
      this.#keep(wakeUps, found.leases)
      return { leases: found.leases, moved: wakeUps.length }
    } catch (error) {
      for (const { used } of wakeUps) used()
      throw error
    }
  }

  /** Nodes write with clocks of their own: one that is slow would find the times of all others too late, if the server did not think so too. */
  async hasten({ now, latest }: { readonly now: number; readonly latest: number }): Promise<number> {
    const ahead = Math.max(0, (await this.#store.serverTime()) - now)
    return this.#store.hasten({ now, latest: latest + ahead })
  }

  async release(leases: readonly Lease[], status: DeliveryStatus): Promise<void> {
    await this.#store.release(leases, status)
    for (const lease of leases) this.#end(lease)
  }

  async record(end: LeaseEnd): Promise<RecordResult> {
    const result = await this.#store.record(end)
    for (const { lease } of [end, ...(end.also ?? [])]) this.#end(lease)
    return result
  }

  /** Gives back what is claimed; the store itself stays open for who opened it. */
  async close(): Promise<void> {
    for (const { used } of [...this.#waiting.splice(0), ...this.#held.values()]) used()
    this.#held.clear()
    await this.#store.close()
  }

  #keep(wakeUps: readonly OpenWakeUp[], leases: readonly Lease[]): void {
    const claimed = new Set(leases.map(entryOf))
    for (const wakeUp of wakeUps) {
      if (claimed.has(wakeUp.entry)) this.#held.set(wakeUp.entry, wakeUp)
      else wakeUp.used()
    }
  }

  #end(lease: Lease): void {
    const entry = entryOf(lease)
    this.#held.get(entry)?.used()
    this.#held.delete(entry)
  }
}

function entryOf({ message, index }: Lease): string {
  return `${message.id} ${index}`
}
