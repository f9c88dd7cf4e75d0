/** Puts the services of all nodes into one Redis: `Store`, `Limiter`, `Lock`, and by choice the DNS cache. */

import { Asker } from '@postroad/dns'
import { Dns, definePlugin, Limiter, Lock, Store } from '@postroad/plugin'
import { RedisLink } from '@postroad/redis-link'
import { redisLimiter } from './limiter.ts'
import { Link } from './link.ts'
import { redisLock } from './lock.ts'
import { options as schema } from './options.ts'
import { persistence } from './persistence.ts'
import { SharedDns } from './shared-dns.ts'
import { redisStore } from './store.ts'

/**
 * Redis for whatever plugins keep, count and lock.
 *
 * @example app.use(redis({ url: process.env.REDIS_URL }))
 */
export const redis = definePlugin({
  name: 'redis',
  options: schema,
  provides: { store: Store, limiter: Limiter, lock: Lock, link: RedisLink },
  setup: ({ options, log }) => {
    const link = new Link(options, log)
    return {
      services: { store: redisStore(link), limiter: redisLimiter(link), lock: redisLock(link), link },
      async start() {
        // A server that comes later is waited for by who needs it; to refuse to start would make two outages of one.
        await link.send('ping', []).catch((error: unknown) => log.warn({ error }, 'Redis is away'))
      },
      checks: [persistence(link)],
      close: () => link.close(),
    }
  },
})

/**
 * A DNS cache that the nodes share, on top of each node's own. Needs `redis` in the same scope or one around it.
 *
 * @example app.use(redis()).use(redisDns())
 */
export const redisDns = definePlugin({
  name: 'redis-dns',
  needs: { dns: Dns, link: RedisLink },
  provides: { dns: Dns },
  setup: ({ dns, link, log, rehearsal }) => {
    if (rehearsal) return { services: { dns } }
    if (dns instanceof Asker) return { services: { dns: new SharedDns(dns, link) } }
    log.warn({}, 'the DNS service is not of @postroad/dns: its answers are not shared')
    return { services: { dns } }
  },
})
