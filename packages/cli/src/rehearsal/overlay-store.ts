/** A store that reads what is there and writes nowhere: what is written is seen by who reads here, and gone at the end. */
import type { Store } from '@postroad/plugin'

/**
 * `real` under what is written into `memory`. A key that is written to is taken over first: it has then no time of expiry but
 * the one it is given here.
 */
export function overlayStore(real: Store, memory: Store): Store {
  const taken = new Set<string>()
  const take = async (key: string, signal?: AbortSignal): Promise<void> => {
    if (taken.has(key)) return
    const value = await real.get(key, signal)
    // Another may have been faster; its value is the newer one.
    if (taken.has(key)) return
    taken.add(key)
    if (value !== undefined) await memory.set(key, value)
  }
  return {
    get: (key, signal) => (taken.has(key) ? memory : real).get(key, signal),
    async set(key, value, ttlMs, signal) {
      signal?.throwIfAborted()
      taken.add(key)
      await memory.set(key, value, ttlMs, signal)
    },
    async setIfAbsent(key, value, ttlMs, signal) {
      await take(key, signal)
      return memory.setIfAbsent(key, value, ttlMs, signal)
    },
    async increment(key, by, ttlMs, signal) {
      await take(key, signal)
      return memory.increment(key, by, ttlMs, signal)
    },
    async delete(key, signal) {
      await take(key, signal)
      return memory.delete(key, signal)
    },
    async *entries(prefix, signal) {
      const own: (readonly [string, string])[] = []
      for await (const entry of memory.entries(prefix, signal)) own.push(entry)
      for await (const entry of real.entries(prefix, signal)) {
        while (own[0] && before(own[0][0], entry[0])) yield own.shift() ?? entry
        if (!taken.has(entry[0])) yield entry
      }
      yield* own
    },
  }
}

/** Octets, as every store has them. */
function before(one: string, other: string): boolean {
  return Buffer.compare(Buffer.from(one), Buffer.from(other)) <= 0
}
