/** Postroad with the queue in a Redis of its own: durable there before 250, then delivered to the sink. */
import { redis } from '@postroad/redis'
import { redisQueue } from '@postroad/redis-queue'
import { routing } from '@postroad/routing'
import { DURABLE, startRedis } from '../../cluster/redis.ts'
import { requires } from '../../runner/requires.ts'
import { startPostroad } from '../postroad.ts'
import { usageOfTree } from '../process-tree.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad with the queue in Redis (its CPU included): queue durably, then deliver to the sink',
  async start(place) {
    const absent = requires('redis-server')
    if (absent !== false) throw new Error(absent)
    const server = await startRedis(DURABLE)
    const postroad = await startPostroad(place, [
      routing({ domains: { 'postroad.test': { via: 'smtp', host: '127.0.0.1', port: place.sinkPort } } }),
      redis({ url: server.url }),
      redisQueue({ smtp: { tls: { mode: 'none' } } }),
    ])
    return {
      usage: () => usageOfTree(process.pid),
      async close() {
        await postroad.close()
        await server[Symbol.asyncDispose]()
      },
    }
  },
}
