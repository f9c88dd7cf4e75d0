/** Permits from the service `Limiter`: exact over all processes of a machine with the embedded one, over all nodes with a shared one. */
import { createHash } from 'node:crypto'
import type { Limiter } from '@postroad/plugin'
import type { LanePermits, PermitAnswer } from './permits.ts'
import type { LaneLimits } from './site.ts'

/** Longest transaction there is, in milliseconds. A process that is gone loses its places long before. */
const HELD_MS = 2 * 3_600_000
/** Milliseconds between questions while all places are taken. */
const FULL_PAUSE_MS = 100

type Place = NonNullable<Awaited<ReturnType<Limiter['acquire']>>>

/** Permits that count in the buckets and places of a limiter. */
export function limiterPermits(limiter: Limiter): LanePermits {
  const held = new Map<string, Place>()
  let count = 0
  const enter = async (site: string, { concurrency, perSecond }: LaneLimits): Promise<PermitAnswer> => {
    const key = keyOf(site)
    const place = await limiter.acquire(`queue:${key}`, concurrency, HELD_MS)
    if (!place) return { kind: 'wait', ms: spread(FULL_PAUSE_MS) }
    const waitMs = perSecond === undefined ? 0 : await start(limiter, key, perSecond)
    if (waitMs > 0) {
      await place.release()
      return { kind: 'wait', ms: spread(waitMs) }
    }
    const permit = String(++count)
    held.set(permit, place)
    return { kind: 'enter', permit }
  }
  return {
    enter,
    async leave(_, permit) {
      const place = held.get(permit)
      held.delete(permit)
      // What cannot be given back becomes free with this process.
      await place?.release().catch(() => {})
    },
  }
}

/**
 * Begins a transaction, or says how long to wait: a start is a place that nobody gives back before its time, so that in no
 * second there are more of them than allowed, whoever asks. The limiter's buckets are exchanged between processes too seldom.
 */
async function start(limiter: Limiter, key: string, perSecond: number): Promise<number> {
  const starts = Math.ceil(perSecond)
  const windowMs = (starts * 1_000) / perSecond
  const place = await limiter.acquire(`queue-start:${key}`, starts, windowMs)
  if (!place) return windowMs / starts
  setTimeout(() => void place.release().catch(() => {}), windowMs).unref() // it has expired by itself
  return 0
}

/** A site of many hosts has a longer name than a key may have. */
function keyOf(site: string): string {
  return site.length < 256 ? site : createHash('sha256').update(site).digest('hex')
}

/** Not all at once. */
function spread(ms: number): number {
  return ms * (0.5 + Math.random())
}
