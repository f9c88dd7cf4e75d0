/** The contract of the queue, with the same random events as the embedded store: on a real Redis, on a cluster, with bodies in a shared folder. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { queueContract } from '../../packages/queue/src/contract.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import type { BodyFolder } from '../../plugins/redis-queue/src/store/bodies.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
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
  queueContract({ name: 'redis', open: () => open({ url: server?.url }), rounds: 60 })
  queueContract({ name: 'redis cluster', open: () => open({ cluster: cluster?.nodes }), rounds: 5 })
  queueContract({ name: 'redis and a shared folder', open: () => openWithFolder({ url: server?.url }), rounds: 25 })
}

async function openWithFolder(where: object) {
  const folder = await mkdtemp(join(tmpdir(), 'pr-bodies-'))
  const queue = await open(where, { folder, inlineLimit: 0, minFree: 0 })
  const dispose = async () => {
    await queue.dispose()
    await rm(folder, { recursive: true })
  }
  return { ...queue, dispose }
}

/** Every process is a store with a connection of its own. */
async function open(where: object, files?: BodyFolder) {
  const name = randomUUID()
  const opened: { link: Link; store: RedisStore }[] = []
  return {
    async store() {
      const link = new Link(linkOptions(where), silent)
      const store = new RedisStore({ link, name, files })
      opened.push({ link, store })
      return store
    },
    async kill(store: { readonly owner: string }) {
      const found = opened.find((each) => each.store.owner === store.owner)
      await found?.store.disown()
    },
    async dispose() {
      for (const { link } of opened) await link.close()
    },
  }
}
