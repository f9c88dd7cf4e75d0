/** The `Store` service on Redis: one key an entry, spread over the slots of a cluster; expiry is the server's. */

import type { Store } from '@postroad/plugin'
import { type RedisLink, script } from '@postroad/redis-link'

/** How many values are read at once while listing. */
const PAGE = 200

/** `ttlMs` counts from creation, so only the first addition sets it. */
const increment = script(`
local isNew = redis.call('EXISTS', KEYS[1]) == 0
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if isNew and ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return sum
`)

/** A {@link Store} for every process that has the same Redis and prefix. */
export function redisStore(link: RedisLink): Store {
  const space = `${link.prefix}:store:`
  const expiry = (ttlMs: number | undefined): readonly (string | number)[] =>
    ttlMs === undefined ? [] : ['PX', wholeMs(ttlMs)]
  const get = async (key: string, signal?: AbortSignal): Promise<string | undefined> =>
    text(await link.send('get', [space + key], { signal }))
  return {
    get,
    async set(key, value, ttlMs, signal) {
      await link.send('set', [space + key, value, ...expiry(ttlMs)], { signal })
    },
    async setIfAbsent(key, value, ttlMs, signal) {
      // NX with GET, Redis 7: what was there, or nothing and it was set.
      return text(await link.send('set', [space + key, value, 'NX', 'GET', ...expiry(ttlMs)], { signal })) ?? value
    },
    async increment(key, by = 1, ttlMs, signal) {
      return Number(
        await link.run(increment, [space + key], [by, ttlMs === undefined ? '' : wholeMs(ttlMs)], { signal }),
      )
    },
    async delete(key, signal) {
      return (await link.send('del', [space + key], { signal })) === 1
    },
    async *entries(prefix, signal) {
      const keys = await keysOf(link, space + prefix, signal)
      for (let at = 0; at < keys.length; at += PAGE) {
        const page = keys.slice(at, at + PAGE).map((key) => key.slice(space.length))
        const values = await Promise.all(page.map((key) => get(key, signal)))
        for (const [index, key] of page.entries()) {
          const value = values[index]
          if (value !== undefined) yield [key, value]
        }
      }
    },
  }
}

/** Keys in order of their octets. Only keys are held in memory; to list is for operators, not for every message. */
async function keysOf(link: RedisLink, prefix: string, signal: AbortSignal | undefined): Promise<string[]> {
  const found = new Set<string>()
  for await (const page of link.scan(`${escapeGlob(prefix)}*`, signal)) for (const key of page) found.add(key)
  const sortable = [...found].map((key) => [key, Buffer.from(key)] as const)
  return sortable.sort(([, a], [, b]) => Buffer.compare(a, b)).map(([key]) => key)
}

/** A text as a glob pattern of Redis that matches only itself. */
export function escapeGlob(literal: string): string {
  return literal.replace(/[\\*?[\]^-]/g, '\\$&')
}

function wholeMs(ttlMs: number): number {
  return Math.max(1, Math.ceil(ttlMs))
}

function text(reply: unknown): string | undefined {
  return typeof reply === 'string' ? reply : undefined
}
