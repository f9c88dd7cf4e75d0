/**
 * The `Limiter` service on Redis, exact between machines. A bucket is one number, the time at which it will be full again
 * (generic cell rate algorithm, ITU-T I.371 §A.1); the time is the server's, so clocks of the nodes do not matter. When the server's
 * is set back nothing lasts longer than from empty to full, or than a slot was asked for.
 */

import { randomUUID } from 'node:crypto'
import type { Allowance, Limiter, Rate } from '@postroad/plugin'
import { type RedisLink, script } from '@postroad/redis-link'

/** KEYS: bucket. ARGV: milliseconds a unit, burst, cost, take (1) or look (0). Replies: allowed, units left. */
const bucket = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local perUnit, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local fullAt, window = tonumber(redis.call('GET', KEYS[1]) or 0), burst * perUnit
-- The clock was set back: written down, or the bucket would stay empty until the clock is there again.
if fullAt - now > window + 1 then
  fullAt = now + window
  redis.call('SET', KEYS[1], string.format('%.3f', fullAt), 'PX', math.max(1, math.ceil(window)))
end
local left = burst - math.max(0, fullAt - now) / perUnit
local allowed = left + 1e-6 >= cost
if allowed and ARGV[4] == '1' and cost > 0 then
  fullAt = math.max(fullAt, now) + cost * perUnit
  redis.call('SET', KEYS[1], string.format('%.3f', fullAt), 'PX', math.max(1, math.ceil(fullAt - now)))
end
return { allowed and 1 or 0, string.format('%.6f', left) }
`)

/** KEYS: bucket. ARGV: milliseconds of refill, and from empty to full. */
const giveBack = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local fullAt = math.min(tonumber(redis.call('GET', KEYS[1]) or 0), now + ARGV[2]) - ARGV[1]
if fullAt <= now then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], string.format('%.3f', fullAt), 'PX', math.ceil(fullAt - now))
`)

/** KEYS: slots. ARGV: id, how many there are, milliseconds. A slot is its id and how long it lasts. */
const acquire = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  -- Those that last longer than they were asked for: the clock was set back.
  for _, slot in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
    local ms = string.match(slot, ' ([%d.]+)$')
    local latest = ms and now + ms
    if latest and tonumber(redis.call('ZSCORE', KEYS[1], slot)) > latest then redis.call('ZADD', KEYS[1], latest, slot) end
  end
  return 0
end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], math.ceil(last[2] - now) + 1)
return 1
`)

/** A {@link Limiter} for every process that has the same Redis and prefix. */
export function redisLimiter(link: RedisLink): Limiter {
  const bucketOf = (key: string): string => `${link.prefix}:bucket:${key}`
  const slotsOf = (key: string): string => `${link.prefix}:places:${key}`
  const ask = async (
    key: string,
    rate: Rate,
    step: { cost: number; take: boolean; signal: AbortSignal | undefined },
  ): Promise<Allowance> => {
    const { amount, perMs, burst = amount } = rate
    const args = [perMs / amount, burst, step.take ? step.cost : 1, step.take ? 1 : 0]
    const [allowed, left] = (await link.run(bucket, [bucketOf(key)], args, { signal: step.signal })) as [number, string] // see the script
    return allowance({ isAllowed: allowed === 1, left: Number(left), perUnit: perMs / amount, burst, cost: step.cost })
  }
  return {
    take: (key, rate, cost = 1, signal) => ask(key, rate, { cost, take: true, signal }),
    async giveBack(key, { perMs, amount, burst = amount }, cost = 1, signal) {
      await link.run(giveBack, [bucketOf(key)], [(cost * perMs) / amount, (burst * perMs) / amount], { signal })
    },
    peek: (key, rate, signal) => ask(key, rate, { cost: 0, take: false, signal }),
    async acquire(key, max, ttlMs, signal) {
      const id = `${randomUUID()} ${ttlMs}`
      if ((await link.run(acquire, [slotsOf(key)], [id, max, ttlMs], { signal })) !== 1) return undefined
      return {
        async release() {
          await link.send('zrem', [slotsOf(key), id])
        },
      }
    },
    async reset(key, signal) {
      await Promise.all([link.send('del', [bucketOf(key)], { signal }), link.send('del', [slotsOf(key)], { signal })])
    },
  }
}

function allowance(said: {
  isAllowed: boolean
  left: number
  perUnit: number
  burst: number
  cost: number
}): Allowance {
  const { isAllowed, perUnit, burst, cost } = said
  // A hair of tolerance: times are fractions of milliseconds in floating point.
  const left = said.left + 1e-6
  if (isAllowed) return { ok: true, remaining: Math.max(0, Math.floor(left - cost)), retryAfterMs: 0 }
  const needed = Math.max(cost, 1)
  const retryAfterMs = needed > burst ? Number.POSITIVE_INFINITY : Math.ceil((needed - left) * perUnit)
  return { ok: false, remaining: Math.max(0, Math.floor(left)), retryAfterMs }
}
