/** Redis away, silent or full: who asks is told in time, nothing piles up, and all is well again by itself. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { definePlugin, Store } from '@postroad/plugin'
import { createTestServer, sessionOn } from '@postroad/testing'
import { makeMessage, octetsOf, sourceOf } from '../../packages/testing/src/contract/queue-fixture.ts'
import { redisLimiter } from '../../plugins/redis/src/limiter.ts'
import { Link, RedisAwayError } from '../../plugins/redis/src/link.ts'
import { redisLock } from '../../plugins/redis/src/lock.ts'
import { redis as redisPlugin } from '../../plugins/redis/src/redis.ts'
import { redisStore } from '../../plugins/redis/src/store.ts'
import { inspect } from '../../plugins/redis-queue/src/durability.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { fresh, startNode } from './queue-node.ts'
import { DURABLE, startRedis } from './redis.ts'

const skip = requires('redis-server')
const DEADLINE = 300
/** Without a deadline it would be for ever; on a busy machine a deadline is late. */
const LATE = 20 * DEADLINE

function open(url: string): Link {
  return new Link(linkOptions({ url, deadline: DEADLINE, maxInFlight: 50 }), silent)
}

async function msOf(work: Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work.catch(() => {})
  return performance.now() - started
}

test('a server that was never there: commands fail within the deadline, later ones at once', { skip }, async () => {
  const link = open('redis://127.0.0.1:1')
  const store = redisStore(link)
  assert.ok((await msOf(store.get('a'))) < LATE)
  await sleep(DEADLINE)
  const later = []
  for (let turn = 0; turn < 5; turn++) later.push(await msOf(store.get('a')))
  assert.ok(Math.min(...later) < DEADLINE / 4, `${later} ms`)
  await assert.rejects(store.get('a'), RedisAwayError)
  await link.close()
})

test('a server that is killed and comes back: reconnected without a word, and nothing was sent twice', {
  skip,
}, async () => {
  await using redis = await startRedis(DURABLE)
  const link = open(redis.url)
  const store = redisStore(link)
  assert.equal(await store.increment('n'), 1)
  await redis.kill()
  await assert.rejects(store.increment('n'))
  await redis.start()
  await works(() => store.get('n'))
  assert.equal(await store.get('n'), '1')
  await link.close()
})

test('a server that answers nothing: the deadline holds, what waits is bounded, and it works again once it wakes', {
  skip,
}, async () => {
  await using redis = await startRedis()
  const link = open(redis.url)
  const store = redisStore(link)
  await store.set('a', '1')
  redis.freeze()
  const asked = Array.from({ length: 200 }, () => msOf(store.get('a')))
  const slowest = Math.max(...(await Promise.all(asked)))
  assert.ok(slowest < LATE, `${slowest} ms`)
  assert.ok((await msOf(redisLimiter(link).take('k', { amount: 1, perMs: 1_000 }))) < LATE)
  redis.thaw()
  await works(() => store.get('a'))
  await link.close()
})

test('more commands than may wait fail at once', { skip }, async () => {
  await using redis = await startRedis()
  const link = open(redis.url)
  const store = redisStore(link)
  await store.set('a', '1')
  redis.freeze()
  const results = await Promise.allSettled(Array.from({ length: 60 }, () => store.get('a')))
  const refused = results.filter((result) => result.status === 'rejected' && result.reason instanceof RedisAwayError)
  assert.ok(refused.length >= 10, `${refused.length} were refused`)
  redis.thaw()
  await link.close()
})

test('who holds a lock while Redis is silent for too long is told', { skip }, async () => {
  await using redis = await startRedis()
  const link = open(redis.url)
  const told = redisLock(link).tryWith('k', 600, async (signal) => {
    redis.freeze()
    for (let turn = 0; turn < 40 && !signal.aborted; turn++) await sleep(50)
    return signal.aborted
  })
  assert.equal(await told, true)
  redis.thaw()
  await link.close()
})

test('a full Redis: mail is refused before anything is taken, and what is there can still end', { skip }, async () => {
  await using redis = await startRedis({ maxmemory: '8mb', 'maxmemory-policy': 'noeviction' })
  const link = new Link(linkOptions({ url: redis.url }), silent)
  const store = new RedisStore({ link, name: 'mail' })
  const taken = []
  for (let at = 0; at < 40; at++) {
    const octets = randomBytes(400_000)
    const message = makeMessage({ size: octets.length })
    const leases = await store.add(message, sourceOf(octets)).catch(() => undefined)
    if (!leases) break
    taken.push(...leases)
  }
  assert.ok(taken.length > 5 && taken.length < 40, `${taken.length} messages fit`)
  await sleep(1_100)
  await store.memory.look()
  assert.equal(store.admit(1_000)?.code, 452)
  assert.equal((await store.stats()).messages, taken.length, 'what was refused is not there')
  for (const lease of taken) {
    const state = { ...lease.state, status: { kind: 'done' } as const }
    assert.equal(await store.record({ lease, state, now: Date.now() }), 'finished')
  }
  await sleep(1_100)
  await store.memory.look()
  assert.equal(store.admit(1_000), undefined)
  await link.close()
})

test('a node that starts without Redis refuses mail, and takes and delivers it when Redis is there', {
  skip,
}, async () => {
  await using redis = await startRedis(DURABLE)
  await redis.kill()
  let delivered = 0
  const { node, close } = await startNode({ url: redis.url, deadline: DEADLINE }, 'early', {
    deliver: () => (++delivered ? 'delivered' : 'deferred'),
  })
  const send = () => {
    const message = fresh()
    return node.accept(message, sourceOf(octetsOf(message.size)))
  }
  try {
    assert.equal(node.store.admit(1)?.code, 451, 'MAIL is refused already')
    assert.ok((await msOf(send())) < LATE)
    await assert.rejects(send(), /Redis is away/)
    await redis.start()
    await works(send)
    await works(async () => assert.ok(delivered > 0))
  } finally {
    await close()
  }
})

test('plugins that use Redis fail as their operator says: deferred, passed or refused', { skip }, async (t) => {
  const away = { url: 'redis://127.0.0.1:1', deadline: DEADLINE }
  const keeper = definePlugin({
    name: 'keeper',
    needs: { store: Store },
    setup: ({ store }) => ({
      async rcpt() {
        await store.increment('seen')
      },
    }),
  })
  for (const [onError, code] of [
    [undefined, 451],
    ['pass', 250],
    ['reject', 554],
  ] as const) {
    const server = await createTestServer([
      redisPlugin(away),
      onError === undefined ? keeper() : [keeper(), { onError }],
    ])
    t.after(() => server.close())
    const started = performance.now()
    await sessionOn(server).mail('s@client.test').rcpt('a@mx.test').expectCode(code)
    assert.ok(performance.now() - started < LATE)
  }
})

test('what a server may lose is read from it and said in sentences', { skip }, async () => {
  await using redis = await startRedis()
  const link = open(redis.url)
  const dangers = async () => (await inspect(link, 0)).dangers.join(' ')
  assert.match(await dangers(), /appendonly to yes/)
  await redis.command('config', 'set', 'appendonly', 'yes')
  assert.match(await dangers(), /appendfsync to always/)
  await redis.command('config', 'set', 'appendfsync', 'always')
  assert.equal(await dangers(), '')
  await redis.command('config', 'set', 'maxmemory-policy', 'allkeys-lru')
  assert.match(await dangers(), /noeviction/)
  assert.match(
    (await inspect(link, 1)).dangers.join(' '),
    /1 replicas must confirm each message and only 0 are connected/,
  )
  await link.close()
})

async function works(ask: () => Promise<unknown>): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    const isFine = await ask().then(
      () => true,
      () => false,
    )
    if (isFine) return
    await sleep(50)
  }
  throw new Error('it does not work again')
}
