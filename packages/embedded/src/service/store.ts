/** The key-value store that is there without any server: one database file, shared by the processes of this machine. */
import type { Clock, Store } from '@postroad/plugin'
import { systemClock } from './clock.ts'
import { ServiceTable } from './table.ts'

/** Something that holds files or timers until it is closed. */
export interface Closable {
  close(): Promise<void>
}

/**
 * A {@link Store} in a folder. Opened on first use; expired keys are removed by later writes, so the file does not grow
 * without bound. A promise that resolves means: seen by every process of this machine, and there after the death of this
 * one, and expires after its time, whoever sets the wall clock; the last moments before a power failure may be lost, but never half of a change.
 *
 * @param clock default: the machine's
 * @throws {RangeError} (as a rejection) when a key has more than 1,024 octets of UTF-8
 * @throws {TypeError} (as a rejection) when `increment` meets something that is not an integer
 */
export function embeddedStore(folder: string, clock: Clock = systemClock()): Store & Closable {
  const table = new ServiceTable<string>({ folder, name: 'store', clock })
  const until = (ttlMs: number | undefined) => (ttlMs === undefined ? undefined : table.now() + ttlMs)
  return {
    async get(key, signal) {
      signal?.throwIfAborted()
      if (!table.isOpen) await table.open()
      return table.read(key)
    },
    async set(key, value, ttlMs, signal) {
      signal?.throwIfAborted()
      await table.transact(() => table.write(key, value, until(ttlMs)))
    },
    async setIfAbsent(key, value, ttlMs, signal) {
      signal?.throwIfAborted()
      if (!table.isOpen) await table.open()
      const present = table.read(key) // most often it is there: no transaction is needed to see it
      if (present !== undefined) return present
      return table.transact(() => {
        const earlier = table.read(key)
        if (earlier === undefined) table.write(key, value, until(ttlMs))
        return earlier ?? value
      })
    },
    async increment(key, by = 1, ttlMs, signal) {
      signal?.throwIfAborted()
      return table.transact(() => {
        const present = table.read(key)
        const sum = integer(present ?? '0') + by
        if (!Number.isSafeInteger(sum)) throw new TypeError('The sum is not an integer of up to 53 bits')
        table.write(key, String(sum), present === undefined ? until(ttlMs) : table.expiresAt(key))
        return sum
      })
    },
    async delete(key, signal) {
      signal?.throwIfAborted()
      return table.transact(() => table.remove(key))
    },
    entries: (prefix, signal) => table.entries(prefix, signal),
    close: () => table.close(),
  }
}

function integer(text: string): number {
  if (!/^-?\d{1,16}$/.test(text)) throw new TypeError('The value to increment is not an integer')
  return Number(text)
}
