/** A replica becomes the primary while mail comes in: what a replica has confirmed before 250 is still there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Link } from '../../plugins/redis/src/link.ts'
import { redisStore } from '../../plugins/redis/src/store.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { describe, prove } from './proof.ts'
import { DURABLE, type RedisServer, startRedis } from './redis.ts'

const skip = requires('redis-server')
const isLong = process.env['POSTROAD_CLUSTER'] === 'long'
const MESSAGES = isLong ? 20_000 : 500
const PROMOTION_LIMIT_MS = 60_000

test('a replica is promoted by Sentinel: nothing acknowledged is lost', { skip }, async (t) => {
  await using primary = await startRedis(DURABLE)
  await using replica = await startRedis({
    ...DURABLE,
    replicaof: `127.0.0.1 ${primary.port}`,
    'repl-diskless-sync-delay': '0',
  })
  await using sentinel = await startRedis({
    'sentinel#1': `monitor mail 127.0.0.1 ${primary.port} 1`,
    // A machine that is full does not answer for a second, and the new primary would be replaced as well.
    'sentinel#2': 'down-after-milliseconds mail 3000',
    'sentinel#3': 'failover-timeout mail 10000',
  })
  await until(async () => String(await primary.command('info', 'replication')).includes('state=online'))
  await until(async () => String(await sentinel.command('info', 'sentinel')).includes('slaves=1'))
  let isPromoted = false
  const proof = await prove({
    messages: MESSAGES,
    domains: 40,
    redis: { sentinel: { name: 'mail', nodes: [{ host: '127.0.0.1', port: sentinel.port }] } },
    queue: { replicas: 1 },
    roles: ['all', 'all'],
    concurrency: 3,
    drainMs: 90_000,
    chaos: async () => {
      await promote(primary, replica)
      isPromoted = true
    },
  })
  for (const line of describe(proof).split('\n')) t.diagnostic(line)
  assert.ok(isPromoted)
  assert.equal(proof.sent.acknowledged.size, MESSAGES, 'all of it was taken in the end')
  assert.deepEqual(proof.lost, [])
  assert.equal(proof.left, 0, 'messages still in the queue')
})

test('a Sentinel that takes questions and answers none: the next one is asked', { skip }, async () => {
  await using primary = await startRedis()
  const monitor = { 'sentinel#1': `monitor mail 127.0.0.1 ${primary.port} 1` }
  await using silentOne = await startRedis(monitor)
  await using other = await startRedis(monitor)
  silentOne.freeze()
  const nodes = [silentOne, other].map(({ port }) => ({ host: '127.0.0.1', port }))
  const link = new Link(linkOptions({ sentinel: { name: 'mail', nodes }, deadline: 500 }), silent)
  const store = redisStore(link)
  await until(() =>
    store.get('a').then(
      () => true,
      () => false,
    ),
  )
  await link.close()
})

/** Kills the primary; when the replica has taken its place, it comes back as the replica of its replica. */
async function promote(primary: RedisServer, replica: RedisServer): Promise<void> {
  await sleep(1_000)
  await primary.kill()
  await until(async () => String(await replica.command('info', 'replication')).includes('role:master'))
  await primary.start()
}

/** A server that Sentinel promotes closes the connections of its clients, this one's too: who cannot ask asks again. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PROMOTION_LIMIT_MS
  while (!(await holds().catch(() => false))) {
    if (performance.now() > end) throw new Error('it did not come about in time')
    await sleep(50)
  }
}
