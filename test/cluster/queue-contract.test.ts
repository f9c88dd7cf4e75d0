/** The contract of the queue, with the same random events as the embedded store: on a real Redis, on a cluster, with content in a shared folder. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { queueContract } from '../../packages/testing/src/contract/queue.ts'
import { requires } from '../runner/requires.ts'
import { openQueue } from './queue.ts'
import { DURABLE, type RedisServer, startRedis } from './redis.ts'
import { type RedisCluster, startCluster } from './redis-cluster.ts'

const skip = requires('redis-server')

let server: RedisServer | undefined
let cluster: RedisCluster | undefined

if (skip === false) {
  before(async () => {
    server = await startRedis(DURABLE)
    cluster = await startCluster()
  })
  after(async () => {
    await server?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })
  queueContract({ name: 'redis', open: () => openQueue({ url: server?.url }), rounds: 60 })
  queueContract({ name: 'redis cluster', open: () => openQueue({ cluster: cluster?.nodes }), rounds: 5 })
  queueContract({ name: 'redis and a shared folder', open: () => openWithFolder({ url: server?.url }), rounds: 25 })
}

async function openWithFolder(where: object) {
  const folder = await mkdtemp(join(tmpdir(), 'pr-bodies-'))
  const queue = await openQueue(where, { folder, inlineLimit: 0, minFree: 0 })
  const dispose = async () => {
    await queue.dispose()
    await rm(folder, { recursive: true })
  }
  return { ...queue, dispose }
}
