/** The services of `redis`: the same contracts as the embedded ones, on a real server and on a cluster. */
import { after, before } from 'node:test'
import { limiterContract } from '../../packages/testing/src/contract/limiter.ts'
import { lockContract } from '../../packages/testing/src/contract/lock.ts'
import { storeContract } from '../../packages/testing/src/contract/store.ts'
import { redisLimiter } from '../../plugins/redis/src/limiter.ts'
import { redisLock } from '../../plugins/redis/src/lock.ts'
import { redisStore } from '../../plugins/redis/src/store.ts'
import { requires } from '../runner/requires.ts'
import { fixture } from './fixture.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { type RedisCluster, startCluster } from './redis-cluster.ts'

const skip = requires('redis-server')
const isLong = process.env['POSTROAD_CLUSTER'] === 'long'

let server: RedisServer | undefined
let cluster: RedisCluster | undefined

if (skip === false) {
  before(async () => {
    server = await startRedis()
    cluster = await startCluster()
  })
  after(async () => {
    await server?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })
  for (const [name, where] of [
    ['redis', () => ({ url: server?.url })],
    ['redis cluster', () => ({ cluster: cluster?.nodes })],
  ] as const) {
    storeContract(name, fixture(where, redisStore))
    // Its seconds are real ones: on a cluster not in every run.
    if (name === 'redis' || isLong) limiterContract(name, fixture(where, redisLimiter))
    lockContract(name, fixture(where, redisLock))
  }
}
