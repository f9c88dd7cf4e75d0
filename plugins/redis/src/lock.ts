/** The `Lock` service on Redis: between machines; ends with its owner. */

import { randomUUID } from 'node:crypto'
import type { Lock } from '@postroad/plugin'
import { type RedisLink, script } from '@postroad/redis-link'

const prolong = script(`return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 0`)
const release = script(`return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0`)

/**
 * A {@link Lock} for every process that has the same Redis and prefix. While `work` runs the lock is prolonged every third of
 * `ttlMs`; when that fails for so long that another may have it, the signal of `work` aborts.
 */
export function redisLock(link: RedisLink): Lock {
  return {
    async tryWith(name, ttlMs, work) {
      const held: HeldLock = {
        link,
        key: `${link.prefix}:lock:${name}`,
        owner: randomUUID(),
        ttlMs: Math.max(1, Math.ceil(ttlMs)),
      }
      // From before the question: the answer may have taken its time.
      const since = performance.now()
      if ((await link.send('set', [held.key, held.owner, 'NX', 'PX', held.ttlMs])) !== 'OK') return undefined
      const lost = new AbortController()
      const stop = keep(held, since, lost)
      try {
        return await work(lost.signal)
      } finally {
        stop()
        // What cannot be given back expires by itself.
        await link.run(release, [held.key], [held.owner]).catch(() => {})
      }
    },
  }
}

interface HeldLock {
  readonly link: RedisLink
  readonly key: string
  readonly owner: string
  readonly ttlMs: number
}

/** Prolongs until it is stopped; the result stops it. */
function keep({ link, key, owner, ttlMs }: HeldLock, since: number, lost: AbortController): () => void {
  let validUntil = since + ttlMs
  const beat = async (): Promise<void> => {
    const asked = performance.now()
    const isOurs = await link.run(prolong, [key], [owner, ttlMs]).catch(() => undefined)
    if (isOurs === 1) validUntil = asked + ttlMs
    else if (isOurs === 0 || performance.now() >= validUntil) give()
  }
  const give = (): void => {
    stop()
    lost.abort(new Error('The lock expired and may be somebody else’s'))
  }
  const timer = setInterval(() => {
    if (performance.now() >= validUntil) give()
    else void beat()
  }, ttlMs / 3)
  const stop = (): void => clearInterval(timer)
  return stop
}
