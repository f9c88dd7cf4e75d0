/** Deferred mail comes back by wake-up, on whichever node is free; BullMQ's own tools see it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { octetsOf, sourceOf } from '../../packages/testing/src/contract/queue-fixture.ts'
import { WAKE_UP_QUEUE } from '../../plugins/redis-queue/src/wake-up/wake-ups.ts'
import { requires } from '../runner/requires.ts'
import { type Deliver, fresh, startNode } from './queue-node.ts'
import { DURABLE, startRedis } from './redis.ts'

const skip = requires('redis-server')
const isLong = process.env['POSTROAD_CLUSTER'] === 'long'

async function until(holds: () => boolean | Promise<boolean>, limitMs: number): Promise<number> {
  const started = performance.now()
  while (!(await holds())) {
    assert.ok(performance.now() - started < limitMs, `not within ${limitMs} ms`)
    await sleep(20)
  }
  return performance.now() - started
}

test('a deferred delivery has a job that is due with it, which the dashboards see; a node that was restarted meanwhile changes nothing', {
  skip,
}, async () => {
  await using redis = await startRedis(DURABLE)
  const attempts: string[] = []
  const deliver: Deliver = (name) => (attempts.push(name) === 1 ? 'deferred' : 'delivered')
  const first = await startNode({ url: redis.url }, 'first', { deliver })
  const message = fresh()
  await first.node.accept(message, sourceOf(octetsOf(message.size)))
  await until(() => attempts.length === 1, 30_000)
  const board = new Queue(WAKE_UP_QUEUE, {
    connection: { host: '127.0.0.1', port: redis.port },
    prefix: '{postroad:queue:mail}',
  })
  await until(async () => (await board.getJobCounts('delayed'))['delayed'] === 1, 30_000)
  assert.match(await board.exportPrometheusMetrics(), /bullmq_job_count\{queue="deliveries", state="delayed"\} 1/)
  const [job] = await board.getDelayed()
  assert.equal(job?.data.entry, `${message.id} 0`)
  await first.close()
  const second = await startNode({ url: redis.url }, 'second', { deliver })
  await until(() => attempts.length === 2, 30_000)
  assert.deepEqual(attempts, ['first', 'second'])
  await until(async () => (await second.store.getFinished(message.id)) !== undefined, 30_000)
  await until(
    async () =>
      Object.values(await board.getJobCounts('delayed', 'active', 'waiting', 'failed')).every((count) => count === 0),
    30_000,
  )
  await board.close()
  await second.close()
})

test('without its wake-up a delivery is found by its time', { skip }, async () => {
  await using redis = await startRedis(DURABLE)
  let delivered = 0
  const { node, store, close } = await startNode({ url: redis.url }, 'only', {
    deliver: () => (++delivered ? 'delivered' : 'deferred'),
  })
  const message = fresh()
  // As a process would leave it that died between the step and the wake-up.
  const leases = await store.add(message, sourceOf(octetsOf(message.size)))
  await store.release(leases, { kind: 'scheduled', at: Date.now() - 9_000 })
  await until(() => delivered === 1, 30_000)
  assert.equal(node.store.admit(1), undefined)
  await close()
})

test('a node that takes and does not deliver hands over at once', { skip }, async () => {
  await using redis = await startRedis(DURABLE)
  const attempts: string[] = []
  const deliver: Deliver = (name) => (attempts.push(name) ? 'delivered' : 'deferred')
  const taker = await startNode({ url: redis.url }, 'taker', { role: 'smtp', deliver })
  const worker = await startNode({ url: redis.url }, 'worker', { role: 'delivery', deliver })
  const message = fresh()
  await taker.node.accept(message, sourceOf(octetsOf(message.size)))
  assert.ok((await until(() => attempts.length === 1, 30_000)) < 4_000, 'not by its time, as without a wake-up')
  assert.deepEqual(attempts, ['worker'])
  await taker.close()
  await worker.close()
})

// 45 seconds: not for every run.
if (isLong) test('the mail of a node that dies is taken over within 25 seconds', { skip }, takenOver)

async function takenOver(t: TestContext): Promise<void> {
  await using redis = await startRedis(DURABLE)
  let delivered = 0
  const { store, close } = await startNode({ url: redis.url }, 'survivor', {
    deliver: () => (++delivered ? 'delivered' : 'deferred'),
  })
  await sleep(21_000)
  const message = fresh()
  // Claimed by a store that never beats again.
  await store.add(message, sourceOf(octetsOf(message.size)))
  const ms = await until(() => delivered === 1, 30_000)
  t.diagnostic(`taken over after ${Math.round(ms)} ms`)
  assert.ok(ms > 19_000 && ms < 26_000, `${ms} ms`)
  await close()
}
