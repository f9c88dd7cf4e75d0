/** Slots from the service `Limiter`: exact over all processes of a machine with the embedded one, over all nodes with a shared one. */
import { createHash } from 'node:crypto'
import type { Limiter } from '@postroad/plugin'
import type { SiteLimits } from './site.ts'
import type { SiteSlots, SlotAnswer } from './slots.ts'

/** Longest transaction there is, in milliseconds. A process that is gone loses its slots long before. */
const HELD_MS = 2 * 3_600_000
/** Milliseconds between questions while all slots are taken. */
const FULL_PAUSE_MS = 100

type Acquired = NonNullable<Awaited<ReturnType<Limiter['acquire']>>>

/** Slots that count in the buckets and slots of a limiter. */
export function limiterSlots(limiter: Limiter): SiteSlots {
  const held = new Map<string, Acquired>()
  let count = 0
  const enter = async (site: string, { concurrency, perSecond }: SiteLimits): Promise<SlotAnswer> => {
    const key = keyOf(site)
    const acquired = await limiter.acquire(`queue:${key}`, concurrency, HELD_MS)
    if (!acquired) return { kind: 'wait', ms: spread(FULL_PAUSE_MS) }
    const waitMs = perSecond === undefined ? 0 : await start(limiter, key, perSecond)
    if (waitMs > 0) {
      await acquired.release()
      return { kind: 'wait', ms: spread(waitMs) }
    }
    const slot = String(++count)
    held.set(slot, acquired)
    return { kind: 'enter', slot }
  }
  return {
    enter,
    async leave(_, slot) {
      const acquired = held.get(slot)
      held.delete(slot)
      // What cannot be given back becomes free with this process.
      await acquired?.release().catch(() => {})
    },
  }
}

/**
 * Begins a transaction, or says how long to wait: a start is a slot that nobody gives back before its time, so that in no
 * second there are more of them than allowed, whoever asks. The limiter's buckets are exchanged between processes too seldom.
 */
async function start(limiter: Limiter, key: string, perSecond: number): Promise<number> {
  const starts = Math.ceil(perSecond)
  const windowMs = (starts * 1_000) / perSecond
  const acquired = await limiter.acquire(`queue-start:${key}`, starts, windowMs)
  if (!acquired) return windowMs / starts
  setTimeout(() => void acquired.release().catch(() => {}), windowMs).unref() // it has expired by itself
  return 0
}

/** A site of many hosts has a longer name than a key may have. */
function keyOf(site: string): string {
  return site.length < 256 ? site : createHash('sha256').update(site).digest('hex')
}

/** Spreads the waiting, so that not all come back at once. */
function spread(ms: number): number {
  return ms * (0.5 + Math.random())
}
