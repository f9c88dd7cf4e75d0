/** Store, limiter and lock in memory: the services of a plugin under test. */
import { messageFromBytes } from '@postroad/message'
import type { Allowance, Clock, Limiter, Lock, Rate, Spool, Store } from '@postroad/plugin'
import { fakeClock } from './fake-clock.ts'

/** Durations are not the wall clock's. */
function elapsed(clock: Clock): number {
  return clock.monotonic?.() ?? clock.now()
}

interface Row {
  readonly value: string
  readonly expiresAt: number
}

/**
 * A {@link Store} that forgets when it is gone.
 *
 * @param clock default: one that stands still
 */
export function memoryStore(clock: Clock = fakeClock()): Store {
  const rows = new Map<string, Row>()
  const read = (key: string): Row | undefined => {
    const row = rows.get(key)
    return row && row.expiresAt > elapsed(clock) ? row : undefined
  }
  const until = (ttlMs: number | undefined) => (ttlMs === undefined ? Number.POSITIVE_INFINITY : elapsed(clock) + ttlMs)
  return {
    async get(key, signal) {
      signal?.throwIfAborted()
      return read(key)?.value
    },
    async set(key, value, ttlMs, signal) {
      signal?.throwIfAborted()
      rows.set(key, { value, expiresAt: until(ttlMs) })
    },
    async setIfAbsent(key, value, ttlMs, signal) {
      signal?.throwIfAborted()
      const present = read(key)
      if (!present) rows.set(key, { value, expiresAt: until(ttlMs) })
      return present?.value ?? value
    },
    async increment(key, by = 1, ttlMs, signal) {
      signal?.throwIfAborted()
      const present = read(key)
      if (present && !/^-?\d{1,16}$/.test(present.value))
        throw new TypeError('The value to increment is not an integer')
      const sum = Number(present?.value ?? 0) + by
      rows.set(key, { value: String(sum), expiresAt: present?.expiresAt ?? until(ttlMs) })
      return sum
    },
    async delete(key, signal) {
      signal?.throwIfAborted()
      const present = read(key)
      rows.delete(key)
      return present !== undefined
    },
    async *entries(prefix, signal) {
      signal?.throwIfAborted()
      const keys = [...rows.keys()].filter((key) => key.startsWith(prefix))
      for (const key of keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
        signal?.throwIfAborted()
        const row = read(key)
        if (row) yield [key, row.value]
      }
    },
  }
}

interface Bucket {
  left: number
  at: number
}

/**
 * A {@link Limiter} that forgets when it is gone; written as buckets that fill, so that it checks the others, which count time.
 *
 * @param clock default: one that stands still
 */
export function memoryLimiter(clock: Clock = fakeClock()): Limiter {
  const buckets = new Map<string, Bucket>()
  const places = new Map<string, Map<symbol, number>>()
  const fill = (key: string, rate: Rate): Bucket => {
    const burst = rate.burst ?? rate.amount
    const bucket = buckets.get(key) ?? { left: burst, at: elapsed(clock) }
    const left = Math.min(burst, bucket.left + ((elapsed(clock) - bucket.at) * rate.amount) / rate.perMs)
    return { left, at: elapsed(clock) }
  }
  const say = (bucket: Bucket, rate: Rate, needed: number): Allowance => {
    const ok = bucket.left + 1e-6 >= needed
    const wait =
      needed > (rate.burst ?? rate.amount)
        ? Number.POSITIVE_INFINITY
        : Math.ceil(((needed - bucket.left) * rate.perMs) / rate.amount - 1e-6)
    return { ok, remaining: Math.floor(bucket.left + 1e-6), retryAfterMs: ok ? 0 : wait }
  }
  return {
    async take(key, rate, cost = 1, signal) {
      signal?.throwIfAborted()
      const bucket = fill(key, rate)
      const allowed = say(bucket, rate, cost)
      if (!allowed.ok) return allowed
      bucket.left -= cost
      buckets.set(key, bucket)
      return { ...allowed, remaining: Math.floor(bucket.left + 1e-6) }
    },
    async giveBack(key, rate, cost = 1, signal) {
      signal?.throwIfAborted()
      const { left, at } = fill(key, rate)
      buckets.set(key, { left: Math.min(rate.burst ?? rate.amount, left + cost), at })
    },
    async peek(key, rate, signal) {
      signal?.throwIfAborted()
      return say(fill(key, rate), rate, 1)
    },
    async acquire(key, max, ttlMs, signal) {
      signal?.throwIfAborted()
      const held = places.get(key) ?? new Map<symbol, number>()
      places.set(key, held)
      for (const [id, expiresAt] of held) if (expiresAt <= elapsed(clock)) held.delete(id)
      if (held.size >= max) return undefined
      const id = Symbol()
      held.set(id, elapsed(clock) + ttlMs)
      return { release: async () => void held.delete(id) }
    },
    async reset(key, signal) {
      signal?.throwIfAborted()
      buckets.delete(key)
      places.delete(key)
    },
  }
}

/**
 * A {@link Lock} for one process; a lock that is held does not expire.
 */
export function memoryLock(): Lock {
  const held = new Set<string>()
  return {
    async tryWith(key, _ttlMs, work) {
      if (held.has(key)) return undefined
      held.add(key)
      try {
        return await work(new AbortController().signal)
      } finally {
        held.delete(key)
      }
    },
  }
}

/** A {@link Spool} that forgets when it is gone. */
export function memorySpool(): Spool {
  const kept = new Map<string, { readonly bytes: Uint8Array; readonly meta: string }>()
  return {
    async put(id, message, meta) {
      const chunks: Uint8Array[] = []
      for await (const chunk of message.raw()) chunks.push(Uint8Array.from(chunk))
      kept.set(id, { bytes: Buffer.concat(chunks), meta: JSON.stringify(meta) })
    },
    async get(id) {
      const entry = kept.get(id)
      return (
        entry && { message: messageFromBytes(entry.bytes), meta: JSON.parse(entry.meta) as Record<string, unknown> }
      ) // written by put
    },
    async delete(id) {
      return kept.delete(id)
    },
    async *list() {
      yield* [...kept.keys()].sort()
    },
  }
}
