/** The filter of several nodes: all learn what one was taught. */
import { Clock, definePlugin, Lock } from '@postroad/plugin'
import { RedisLink } from '@postroad/redis-link'
import { setUpJunk } from './junk.ts'
import { options } from './options.ts'
import { redisJournal, redisSecret } from './redis-journal.ts'

/**
 * The plugin `junk` with its journal in the Redis that the plugin `redis` knows: lessons are a stream there, which each node applies in its order.
 *
 * @example mx.use(redis({ url: 'redis://10.0.0.1' })).use(redisJunk({ budget: '1 in 2000' }))
 */
export const redisJunk = definePlugin({
  name: 'redis-junk',
  options,
  needs: { clock: Clock, lock: Lock, redis: RedisLink },
  setup: (given) => {
    const { redis } = given
    return setUpJunk(given, { journal: () => redisJournal(redis), secret: () => redisSecret(redis) })
  },
})
