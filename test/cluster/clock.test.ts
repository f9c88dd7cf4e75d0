/** The clock of Redis is set back: nothing lasts longer than it was meant to, and nobody is taken for dead too early. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_BACKOFF } from '../../packages/queue/src/engine/site.ts'
import { at, makeMessage, octetsOf, sourceOf } from '../../packages/testing/src/contract/queue-fixture.ts'
import { redisLimiter } from '../../plugins/redis/src/limiter.ts'
import { Link } from '../../plugins/redis/src/link.ts'
import { SharedSlots } from '../../plugins/redis-queue/src/slot/shared-slots.ts'
import { RedisStore } from '../../plugins/redis-queue/src/store/redis-store.ts'
import { WakeUpStore } from '../../plugins/redis-queue/src/wake-up/wake-up-store.ts'
import { requires } from '../runner/requires.ts'
import { linkOptions, silent } from './link.ts'
import { type RedisServer, startRedis } from './redis.ts'

const skip = requires('redis-server')
/** Milliseconds; more than any pause here. */
const HOUR = 3_600_000

let server: RedisServer
let link: Link

if (skip === false) {
  before(async () => {
    server = await startRedis()
  })
  beforeEach(async () => {
    await server.command('flushall')
    link = new Link(linkOptions({ url: server.url, prefix: `postroad:${randomUUID()}` }), silent)
  })
  afterEach(() => link.close())
  after(() => server?.[Symbol.asyncDispose]())
}

/**
 * Sets the clock back. Only what was written shows it, so every moment that stands in Redis is moved: libfaketime and the jemalloc of
 * Redis do not go together.
 */
async function setBack(ms: number): Promise<void> {
  await server.command('eval', MOVE, '0', String(ms))
}

const MOVE = `
local function moved(value) return string.format('%.3f', value + ARGV[1]) end
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind, left = redis.call('TYPE', key).ok, redis.call('PTTL', key)
  if string.find(key, ':bucket:') then redis.call('SET', key, moved(redis.call('GET', key)), 'KEEPTTL')
  elseif kind == 'zset' and string.find(key, 'places:') or string.find(key, ':permits:') or string.find(key, ':owners$') then
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, ARGV[1], member) end
  elseif kind == 'hash' then
    for _, field in ipairs({ 'until', 'next', 'last', 'steady' }) do
      local value = redis.call('HGET', key, field)
      if value then redis.call('HSET', key, field, moved(value)) end
    end
  end
  if left > 0 then redis.call('PEXPIRE', key, math.max(1, left + ARGV[1])) end
end
`

async function time(): Promise<number> {
  const [seconds] = (await server.command('time')) as [string] // as Redis says it
  return Number(seconds) * 1_000
}

test('an empty bucket fills within its time, and a place ends within its own', { skip }, async () => {
  const limiter = redisLimiter(link)
  const rate = { amount: 4, perMs: 4_000 }
  for (let taken = 0; taken < 4; taken++) assert.equal((await limiter.take('a', rate)).ok, true)
  assert.ok(await limiter.acquire('a', 1, 1_000))
  await setBack(HOUR)
  assert.equal((await limiter.take('a', rate)).ok, false)
  assert.equal(await limiter.acquire('a', 1, 1_000), undefined)
  await sleep(1_200)
  assert.equal((await limiter.take('a', rate)).ok, true)
  assert.ok(await limiter.acquire('a', 1, 1_000))
})

test('what is given back to a bucket of before is there at once', { skip }, async () => {
  const limiter = redisLimiter(link)
  const rate = { amount: 4, perMs: 400_000 }
  for (let taken = 0; taken < 4; taken++) assert.equal((await limiter.take('a', rate)).ok, true)
  await setBack(HOUR)
  await limiter.giveBack('a', rate, 2)
  assert.deepEqual([(await limiter.take('a', rate, 3)).ok, (await limiter.take('a', rate, 2)).ok], [false, true])
})

test('a destination waits no longer for its rate, for a destination that was left alone, or for the slots of the dead', {
  skip,
}, async () => {
  const slots = new SharedSlots(link, 'clock', { ...DEFAULT_BACKOFF, failures: 1, firstMs: 400, maxMs: 400 })
  const limits = { concurrency: 9, perSecond: 2 }
  const [paced, closed] = [await slots.enter('paced', limits), await slots.enter('closed', limits)]
  assert.deepEqual([paced.kind, closed.kind], ['enter', 'enter'])
  if (closed.kind === 'enter') await slots.leave('closed', closed.slot, { health: 'down' })
  await setBack(HOUR)
  const early = await slots.enter('paced', limits)
  assert.ok(early.kind === 'wait' && early.ms <= 501, JSON.stringify(early))
  assert.equal((await slots.enter('closed', { concurrency: 9 })).kind, 'closed')
  const [, score] = (await server.command(
    'zrange',
    `{${link.prefix}:queue:clock}:permits:paced`,
    '0',
    '-1',
    'withscores',
  )) as string[]
  assert.ok(Number(score) <= (await time()) + 31_000)
  await sleep(700)
  assert.deepEqual(
    [(await slots.enter('paced', limits)).kind, (await slots.enter('closed', limits)).kind],
    ['enter', 'enter'],
  )
  slots.close()
})

test('leases of the dead are taken over a life later, and not those of the living', { skip }, async () => {
  const name = randomUUID()
  const open = () => new RedisStore({ link, name })
  const [dead, living, judge] = [open(), open(), open()]
  for (const store of [dead, living]) {
    const message = makeMessage()
    await store.add(message, sourceOf(octetsOf(message.size)))
  }
  await judge.beat(at(1))
  await setBack(HOUR)
  const taken: number[] = []
  for (let beat = 0; beat < 6; beat++) {
    taken.push((await judge.beat(at(2))) + (await living.beat(at(2))))
    // Five seconds pass.
    await setBack(-5_000)
  }
  assert.deepEqual([taken.slice(0, 4), taken.reduce((sum, each) => sum + each)], [[0, 0, 0, 0], 1])
  for (const store of [living, judge]) await store.close()
})

test('what a node with a wrong clock scheduled for a year later is due, with a wake-up; what others scheduled is not, for a node whose clock is slow', {
  skip,
}, async () => {
  const issued: string[] = []
  const onScheduled = (entry: string, when: number): void => void issued.push(`${entry} ${when}`)
  const store = new RedisStore({ link, name: randomUUID(), onScheduled })
  const wakeUps = new WakeUpStore(store)
  const now = Date.now()
  const [right, wrong] = [makeMessage(), makeMessage()]
  for (const [message, from] of [[right, now], [wrong, now + 8_760 * HOUR]] as const) // biome-ignore format: a table
    await store.addScheduled({ message, source: sourceOf(octetsOf(message.size)) }, from + HOUR)
  issued.length = 0
  assert.equal(await wakeUps.hasten({ now: now - 100_000 * HOUR, latest: now - 99_990 * HOUR }), 1)
  assert.deepEqual(issued, [`${wrong.id} 0 ${now - 100_000 * HOUR}`])
  assert.equal(await wakeUps.hasten({ now, latest: now + 10 * HOUR }), 0)
  assert.equal((await store.get(right.id))?.states[0]?.status.kind, 'scheduled')
  await store.close()
})

test('deliveries whose wake-up was lost are looked for by a clock that nobody sets', { skip }, async (t) => {
  const store = new RedisStore({ link, name: randomUUID() })
  const wakeUps = new WakeUpStore(store)
  assert.equal(await wakeUps.nextDue(), undefined)
  const earlier = Date.now() - HOUR
  t.mock.timers.enable({ apis: ['Date'], now: earlier })
  const message = makeMessage()
  await store.addScheduled({ message, source: sourceOf(octetsOf(message.size)) }, earlier - 60_000)
  await sleep(2_100)
  assert.equal(await wakeUps.nextDue(), earlier - 60_000)
  await store.close()
})
