import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, makeBench, OK, rest, siteRule } from '../../../../test/contracts/queue/engine-bench.ts'
import { makeMessage } from '../../../../test/contracts/queue/messages.ts'
import { DEFAULT_SCHEDULE } from '../schedule.ts'
import type { EngineOptions } from './options.ts'
import { FIXED_BACKOFF } from './site.ts'

const HOUR = 3_600_000
const REFUSED = { code: 451, status: '4.4.1', text: 'Connection refused' }

/** An engine whose domains all share a site, found out when `found` says so. */
function sharing(
  answer: Answer,
  { found = async () => {}, ...options }: Partial<EngineOptions> & { readonly found?: () => Promise<void> } = {},
) {
  const bench = makeBench(answer, {
    siteOf: async () => {
      await found()
      return { name: 'mx:mx.shared.test', limits: { concurrency: 2 }, hosts: ['mx.shared.test'] }
    },
    ...options,
  })
  const to = (domain: string) => bench.send(makeMessage({ recipients: [['x', domain]], destination: `smtp:${domain}` }))
  return { ...bench, to }
}

test('destinations of one site share its slots, and take turns', async () => {
  let [active, most] = [0, 0]
  const release: (() => void)[] = []
  const { engine, jobs, time, to } = sharing(async () => {
    most = Math.max(most, ++active)
    await new Promise<void>((resolve) => release.push(resolve))
    active--
    return OK
  })
  engine.start()
  for (let count = 0; count < 6; count++) void to('a.test')
  for (let count = 0; count < 3; count++) void to('b.test')
  for (let round = 0; round < 12; round++) {
    await time.pass(10)
    release.shift()?.()
  }
  assert.deepEqual([jobs.length, most], [9, 2])
  const order = jobs.map(({ recipients }) => recipients[0]?.address.domain.charAt(0)).join('')
  assert.match(order, /^aaa(?:ba){3}$/)
})

test('destinations of one site back off together, while each is suspended by itself', async () => {
  const { engine, jobs, time, store, to } = sharing(() => REFUSED, { lookMs: 20_000 })
  engine.start()
  for (let count = 0; count < 3; count++) await to('a.test')
  assert.equal(jobs.length, 3)
  await to('b.test')
  await to('c.test')
  await time.pass(10_000)
  assert.equal(jobs.length, 3, 'nobody connected to the site that refused three times')
  await store.suspend({ target: 'b.test', since: 0, reason: '' })
  await time.pass(3 * HOUR)
  const seen = new Set(jobs.slice(3).map(({ recipients }) => recipients[0]?.address.domain))
  assert.ok(seen.size > 0 && !seen.has('b.test'), [...seen].join(' '))
})

test('mail is taken and waits while nobody knows yet where its destination is counted', async () => {
  let know = () => {}
  const known = new Promise<void>((resolve) => {
    know = resolve
  })
  const { engine, jobs, to, time } = sharing(() => OK, { found: () => known })
  engine.start()
  await to('a.test')
  await time.pass(5_000)
  assert.deepEqual([jobs.length, engine.load.queued], [0, 1])
  know()
  await rest()
  assert.deepEqual([jobs.length, engine.load.queued], [1, 0])
})

test('a domain that moves is counted where it is now, after five minutes', async () => {
  let [moved, asked] = [false, 0]
  const { engine, send, jobs, time } = makeBench(
    ({ recipients: [to] }) => (to?.address.domain === 'dead.test' ? REFUSED : OK),
    {
      siteOf: async (destination) => {
        asked++
        return { name: destination === 'smtp:moving.test' && moved ? 'mx:new' : 'mx:old', limits: { concurrency: 20 } }
      },
      backoff: { failures: 1, firstMs: HOUR, maxMs: HOUR },
      scheduleOf: () => ({ ...DEFAULT_SCHEDULE, waits: [HOUR] }),
    },
  )
  const to = (domain: string) => send(makeMessage({ recipients: [['x', domain]], destination: `smtp:${domain}` }))
  engine.start()
  await to('dead.test')
  await to('moving.test')
  assert.deepEqual([jobs.length, asked], [1, 2])
  moved = true
  await time.pass(310_000)
  await to('moving.test')
  await rest()
  await to('moving.test')
  assert.ok(jobs.length > 1, 'it is not held up by its old site')
  assert.equal(asked, 3, 'asked once for many messages')
})

test('a site closes for as long as its rule says: a next hop of our own is tried again five seconds after a restart', async () => {
  let isDown = true
  const { engine, send, jobs, time } = makeBench(() => (isDown ? REFUSED : OK), {
    siteOf: (destination) =>
      destination === 'lmtp:own' ? { ...siteRule(destination), backoff: FIXED_BACKOFF } : siteRule(destination),
  })
  engine.start()
  for (const destination of ['lmtp:own', 'smtp:far.test'])
    for (let count = 0; count < 4; count++) await send(makeMessage({ destination }))
  const before = jobs.length
  isDown = false
  await time.pass(13_000)
  assert.deepEqual([before, jobs.length], [6, 7], 'the fourth message of each waited behind the closed site')
})

test('a mail host may be suspended: its domains keep nothing in memory, and come when it is resumed', async () => {
  const { engine, jobs, store, time, to } = sharing(() => OK)
  await store.suspend({ target: 'mx:*.shared.test', since: 0, reason: '' })
  engine.start()
  await time.pass(1)
  await to('a.test')
  await to('b.test')
  await time.pass(5_000)
  assert.deepEqual([jobs.length, engine.load.queued, (await store.stats()).waiting], [0, 0, 2])
  await store.resume('mx:*.shared.test')
  await time.pass(5_000)
  assert.equal(jobs.length, 2)
})

test('what was in memory when its destination was suspended takes no room from others', async () => {
  const { engine, send, store, time } = makeBench(() => new Promise<never>(() => {}), {
    maxActive: 4,
    siteOf: (destination) => siteRule(destination, { concurrency: destination === 'smtp:slow.test' ? 1 : 20 }),
  })
  for (let count = 0; count < 30; count++)
    await send(makeMessage({ destination: count < 20 ? 'smtp:slow.test' : 'smtp:other.test' }))
  assert.deepEqual([engine.load.active, engine.load.queued], [4, 26])
  engine.start()
  await store.suspend({ target: 'slow.test', since: 0, reason: '' })
  await time.pass(2_000)
  assert.deepEqual([engine.load.queued, (await store.stats()).waiting], [7, 19])
})

test('the slowest rate does not set the pace of the others', async () => {
  const { engine, send, jobs, time } = makeBench(() => OK, {
    siteOf: (destination) =>
      siteRule(destination, { concurrency: 20, perSecond: destination === 'smtp:slow.test' ? 0.1 : 10 }),
  })
  engine.start()
  for (let count = 0; count < 4; count++) await send(makeMessage({ destination: 'smtp:slow.test' }))
  for (let count = 0; count < 20; count++) await send(makeMessage({ destination: 'smtp:quick.test' }))
  await time.pass(3_000)
  assert.ok(jobs.length >= 21, `${jobs.length} in three seconds: ten a second, and one in ten`)
})

test('what had no room in memory comes when there is room, and not with the next look', async () => {
  const release: (() => void)[] = []
  const { engine, send, jobs, time, store } = makeBench(
    async () => {
      await new Promise<void>((resolve) => release.push(resolve))
      return OK
    },
    { lookMs: HOUR, destinationLimit: 1, siteOf: (destination) => siteRule(destination, { concurrency: 1 }) },
  )
  engine.start()
  await time.pass(1)
  for (let count = 0; count < 4; count++) await send()
  assert.deepEqual([jobs.length, engine.load.queued, (await store.stats()).waiting], [1, 1, 2])
  for (let round = 0; round < 4; round++) {
    release.shift()?.()
    await time.pass(500)
  }
  assert.equal(jobs.length, 4)
})

test('where a site was closed one goes first, and the others wait to see what becomes of it', async () => {
  let isDown = true
  const { engine, send, jobs, time, store } = makeBench(() => (isDown ? REFUSED : new Promise<never>(() => {})), {
    backoff: { failures: 2, firstMs: 30_000, maxMs: 30_000 },
  })
  engine.start()
  for (let count = 0; count < 4; count++) await send()
  assert.deepEqual([jobs.length, (await store.stats()).scheduled], [2, 4])
  isDown = false
  time.skip(600_000)
  await time.pass(1_000)
  assert.deepEqual([jobs.length, engine.load.active, engine.load.queued, (await store.stats()).scheduled], [3, 1, 0, 3])
})
