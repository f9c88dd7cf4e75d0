/**
 * Token buckets and concurrency without any server. A bucket is one number, the time at which it will be full again (the
 * "theoretical arrival time" of the generic cell rate algorithm, ITU-T I.371 §A.1): nothing has to be refilled by a timer.
 */
import { randomUUID } from 'node:crypto'
import type { Allowance, Clock, Limiter, Rate } from '@postroad/plugin'
import { systemClock } from './clock.ts'
import type { Closable } from './store.ts'
import { ServiceTable } from './table.ts'

/** Milliseconds between exchanges of what was taken with other processes. */
const EXCHANGE = 1_000
/** Milliseconds after which a process that holds slots and says nothing counts as dead. */
const SILENCE = 15_000

interface Bucket {
  /** When it will be full again, by the time of the folder. */
  fullAt: number
  /** Taken here since the last exchange, in milliseconds of refill (less than nothing: given back), and when that began. */
  taken: number
  takenSince: number
  /** When `fullAt` was last compared with the other processes'. */
  comparedAt: number
}

/** One of the slots at once of a key. */
type Slot = readonly [id: string, owner: string, expiresAt: number]

/** A {@link Limiter} that can be told to exchange now what it does each second anyway. */
export interface EmbeddedLimiter extends Limiter, Closable {
  /** Writes what was taken, and takes over what other processes took. */
  flush(): Promise<void>
}

/**
 * A {@link Limiter} in a folder. Buckets live in memory and are exchanged through the folder once a second and at `close`:
 * they survive a restart (a crash forgets the last second), and with `n` processes a key may get, over what is allowed, at
 * most what the other `n - 1` gave within that second, never more than `n` bursts. Slots (`acquire`) are exact among the
 * processes of the machine; those of a dead process are free again after 15 seconds.
 *
 * @param clock default: the machine's
 */
export function embeddedLimiter(folder: string, clock: Clock = systemClock()): EmbeddedLimiter {
  const buckets = new Buckets(new ServiceTable({ folder, name: 'bucket', clock }))
  const slots = new Slots(
    new ServiceTable({ folder, name: 'place', clock }),
    new ServiceTable({ folder, name: 'owner', clock }),
  )
  return {
    async take(key, rate, cost = 1, signal) {
      signal?.throwIfAborted()
      if (!buckets.isOpen) await buckets.open()
      return buckets.take(key, rate, cost)
    },
    async giveBack(key, rate, cost = 1, signal) {
      signal?.throwIfAborted()
      if (!buckets.isOpen) await buckets.open()
      buckets.giveBack(key, rate, cost)
    },
    async peek(key, rate, signal) {
      signal?.throwIfAborted()
      if (!buckets.isOpen) await buckets.open()
      return buckets.peek(key, rate)
    },
    async acquire(key, max, ttlMs, signal) {
      signal?.throwIfAborted()
      return slots.acquire(key, max, ttlMs)
    },
    async reset(key, signal) {
      signal?.throwIfAborted()
      await Promise.all([buckets.reset(key), slots.reset(key)])
    },
    flush: () => buckets.exchange(),
    async close() {
      await buckets.close()
      await slots.close()
    },
  }
}

class Buckets {
  readonly #table: ServiceTable<number>
  readonly #buckets = new Map<string, Bucket>()
  #timer: NodeJS.Timeout | undefined

  constructor(table: ServiceTable<number>) {
    this.#table = table
  }

  get isOpen(): boolean {
    return this.#table.isOpen
  }

  open(): Promise<void> {
    return this.#table.open()
  }

  peek(key: string, rate: Rate): Allowance {
    return allowance(this.#bucket(key).fullAt, rate, this.#table.now(), 0)
  }

  take(key: string, rate: Rate, cost: number): Allowance {
    const now = this.#table.now()
    const bucket = this.#bucket(key)
    const allowed = allowance(bucket.fullAt, rate, now, cost)
    if (!allowed.ok) return allowed
    const refill = (cost * rate.perMs) / rate.amount
    bucket.fullAt = Math.max(bucket.fullAt, now) + refill
    if (bucket.taken === 0) bucket.takenSince = now
    bucket.taken += refill
    return allowed
  }

  giveBack(key: string, rate: Rate, cost: number): void {
    const bucket = this.#bucket(key)
    const refill = (cost * rate.perMs) / rate.amount
    bucket.fullAt -= refill
    if (bucket.taken === 0) bucket.takenSince = this.#table.now()
    bucket.taken -= refill
  }

  async reset(key: string): Promise<void> {
    this.#buckets.delete(key)
    await this.#table.transact(() => this.#table.remove(key))
  }

  async exchange(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const dirty: [string, Bucket][] = []
    for (const entry of this.#buckets) {
      if (entry[1].taken !== 0) dirty.push(entry)
      else this.#buckets.delete(entry[0])
    }
    if (dirty.length === 0) return
    await this.#table.transact(() => {
      for (const [key, bucket] of dirty) this.#merge(key, bucket)
    })
    if (this.#buckets.size > 0) this.#schedule()
  }

  async close(): Promise<void> {
    try {
      await this.exchange()
    } finally {
      clearTimeout(this.#timer)
      await this.#table.close()
    }
  }

  /** What others took meanwhile is in the table; what we took comes on top of it. */
  #merge(key: string, bucket: Bucket): void {
    const now = this.#table.now()
    const shared = Math.max(this.#table.read(key) ?? 0, bucket.takenSince) + bucket.taken
    bucket.fullAt = Math.max(bucket.fullAt, shared)
    bucket.taken = 0
    bucket.comparedAt = now
    if (bucket.fullAt > now) this.#table.write(key, bucket.fullAt, bucket.fullAt)
    else this.#table.remove(key)
  }

  #schedule(): void {
    // An error waits for the next exchange: what was taken is kept until it could be written.
    this.#timer ??= setTimeout(() => void this.exchange().catch(() => this.#schedule()), EXCHANGE).unref()
  }

  #bucket(key: string): Bucket {
    const now = this.#table.now()
    const known = this.#buckets.get(key)
    if (known && (known.taken !== 0 || known.comparedAt + EXCHANGE > now)) return known
    const bucket = { fullAt: this.#table.read(key) ?? 0, taken: 0, takenSince: now, comparedAt: now }
    this.#buckets.set(key, bucket)
    this.#schedule()
    return bucket
  }
}

function allowance(fullAt: number, rate: Rate, now: number, cost: number): Allowance {
  const perUnit = rate.perMs / rate.amount
  const burst = rate.burst ?? rate.amount
  // A hair of tolerance: times are fractions of milliseconds in floating point.
  const left = burst - Math.max(0, fullAt - now) / perUnit + 1e-6
  const needed = Math.max(cost, 1)
  if (left >= (cost === 0 ? 1 : cost))
    return { ok: true, remaining: Math.max(0, Math.floor(left - cost)), retryAfterMs: 0 }
  const retryAfterMs = needed > burst ? Number.POSITIVE_INFINITY : Math.ceil((needed - left) * perUnit)
  return { ok: false, remaining: Math.max(0, Math.floor(left)), retryAfterMs }
}

class Slots {
  readonly #slots: ServiceTable<readonly Slot[]>
  readonly #owners: ServiceTable<true>
  readonly #owner = randomUUID()
  #held = 0
  #pulse: NodeJS.Timeout | undefined

  constructor(slots: ServiceTable<readonly Slot[]>, owners: ServiceTable<true>) {
    this.#slots = slots
    this.#owners = owners
  }

  async acquire(key: string, max: number, ttlMs: number): Promise<{ release(): Promise<void> } | undefined> {
    const id = randomUUID()
    if (!this.#owners.isOpen) await this.#owners.open()
    const taken = await this.#slots.transact(() => {
      const now = this.#slots.now()
      const others = this.#alive(key)
      if (others.length >= max) return false
      this.#owners.write(this.#owner, true, now + SILENCE)
      this.#write(key, [...others, [id, this.#owner, now + ttlMs]])
      return true
    })
    if (!taken) return undefined
    this.#held++
    this.#pulse ??= setInterval(() => void this.#beat().catch(() => undefined), SILENCE / 3).unref() // the next beat tries again
    let released = false
    return {
      release: async () => {
        if (released) return
        released = true
        if (--this.#held === 0) this.#rest()
        await this.#slots.transact(() =>
          this.#write(
            key,
            this.#alive(key).filter((slot) => slot[0] !== id),
          ),
        )
      },
    }
  }

  async reset(key: string): Promise<void> {
    await this.#slots.transact(() => this.#slots.remove(key))
  }

  async close(): Promise<void> {
    this.#rest()
    if (this.#held > 0) await this.#owners.transact(() => this.#owners.remove(this.#owner))
    await this.#slots.close()
    await this.#owners.close()
  }

  #alive(key: string): readonly Slot[] {
    const now = this.#slots.now()
    const lives = (owner: string) => owner === this.#owner || this.#owners.read(owner) !== undefined
    return (this.#slots.read(key) ?? []).filter(([, owner, expiresAt]) => expiresAt > now && lives(owner))
  }

  #write(key: string, slots: readonly Slot[]): void {
    if (slots.length === 0) this.#slots.remove(key)
    else this.#slots.write(key, slots, Math.max(...slots.map((slot) => slot[2])))
  }

  async #beat(): Promise<void> {
    await this.#owners.transact(() => this.#owners.write(this.#owner, true, this.#owners.now() + SILENCE))
  }

  #rest(): void {
    clearInterval(this.#pulse)
    this.#pulse = undefined
  }
}
