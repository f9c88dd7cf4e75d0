/** Mutual exclusion between the processes of this machine; a holder that dies is forgotten after a while. */
import { randomUUID } from 'node:crypto'
import type { Clock, Lock } from '@postroad/plugin'
import { systemClock } from './clock.ts'
import type { Closable } from './store.ts'
import { ServiceTable } from './table.ts'

/**
 * A {@link Lock} in a folder. While `work` runs the lock is prolonged every third of `ttlMs`, so it outlives its time only
 * with its owner alive, whoever sets the wall clock; when it is lost all the same (the process was stopped for too long) the signal of `work` aborts.
 *
 * @param clock default: the machine's
 */
export function embeddedLock(folder: string, clock: Clock = systemClock()): Lock & Closable {
  const table = new ServiceTable<string>({ folder, name: 'lock', clock })
  return {
    async tryWith(key, ttlMs, work) {
      const owner = randomUUID()
      const taken = await table.transact(() => {
        if (table.read(key) !== undefined) return false
        table.write(key, owner, table.now() + ttlMs)
        return true
      })
      if (!taken) return undefined
      const done = new AbortController()
      const lost = new AbortController()
      const prolonging = prolong({ table, clock, key, owner, ttlMs, done: done.signal }).catch((error) =>
        lost.abort(error),
      )
      try {
        return await work(lost.signal)
      } finally {
        done.abort()
        await prolonging
        await table.transact(() => table.read(key) === owner && table.remove(key))
      }
    },
    close: () => table.close(),
  }
}

interface HeldLock {
  readonly table: ServiceTable<string>
  readonly clock: Clock
  readonly key: string
  readonly owner: string
  readonly ttlMs: number
  readonly done: AbortSignal
}

/** Runs until `done`. @throws {Error} when somebody else has the lock by now */
async function prolong({ table, clock, key, owner, ttlMs, done }: HeldLock): Promise<void> {
  while (!done.aborted) {
    const slept = await clock.sleep(ttlMs / 3, done).then(
      () => true,
      () => false, // only the end of the work aborts the sleep
    )
    if (!slept) return
    const held = await table.transact(() => {
      if (table.read(key) !== owner) return false
      table.write(key, owner, table.now() + ttlMs)
      return true
    })
    if (!held) throw new Error('The lock expired and was given to somebody else')
  }
}
