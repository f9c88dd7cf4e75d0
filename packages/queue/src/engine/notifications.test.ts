import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAll } from '@postroad/mail'
import { type Answer, type Bench, makeBench, OK, overriding } from '../../../../test/contracts/queue/engine-bench.ts'
import { makeMessage, memoryQueue } from '../../../../test/contracts/queue/messages.ts'
import { giveUp } from '../give-up.ts'
import type { QueuedMessage } from '../model.ts'

const HOUR = 3_600_000
const GREYLISTED = { code: 450, status: '4.7.1', text: 'Greylisted' }
const UNKNOWN = { code: 550, status: '5.1.1', text: 'User unknown' }

/** A message to `count` domains. */
function toMany(count: number): QueuedMessage {
  const message = makeMessage({ deliveries: count })
  const [only] = message.deliveries
  assert.ok(only)
  const deliveries = Array.from({ length: count }, (_, at) => {
    const { recipients } = makeMessage({ recipients: [['x', `lane-${at}.test`]] }).deliveries[0] ?? only
    return { ...only, destination: `smtp:lane-${at}.test`, recipients }
  })
  return { ...message, deliveries }
}

/** What the sender got: for each notification its actions and recipients. */
async function mailOf({ jobs }: Bench): Promise<string[]> {
  const texts = await Promise.all(
    jobs.filter(({ from }) => from === undefined).map(async ({ message }) => (await readAll(message)).toString()),
  )
  return texts.map((text) => {
    const found = [...text.matchAll(/^Final-Recipient: rfc822; x@lane-(\d+)\.test\r\nAction: (\w+)/gm)]
    return found.map(([, at, action]) => `${action} ${at}`).sort().join(', ') // biome-ignore format: short
  })
}

/** Fails for some, after a time that differs, and is greylisted or fine for others. */
const failing =
  (bad: (at: number) => boolean, otherwise: typeof OK): Answer =>
  ({ from, recipients: [to] }) =>
    from === undefined ? OK : bad(Number(/\d+/.exec(to?.address.domain ?? '')?.[0])) ? UNKNOWN : otherwise

test('failures of one message are told in one notification, while the rest of it goes on', async () => {
  const bench = makeBench(failing((at) => at % 3 !== 0, GREYLISTED))
  bench.engine.start()
  const { id } = await bench.send(toMany(9))
  assert.deepEqual(await mailOf(bench), [])
  await bench.time.pass(30_000)
  assert.deepEqual(await mailOf(bench), ['failed 1, failed 2, failed 4, failed 5, failed 7, failed 8'])
  const { states } = (await bench.store.get(id)) ?? { states: [] }
  assert.equal(states.filter(({ status }) => status.kind === 'done').length, 6)
})

test('a message ends with its notification, and not before', async () => {
  const bench = makeBench(failing(() => true, OK))
  bench.engine.start()
  const { id } = await bench.send(toMany(30))
  await bench.time.pass(10_000)
  assert.ok(await bench.store.get(id))
  await bench.time.pass(20_000)
  assert.equal((await bench.store.getFinished(id))?.recipientCount, 30)
  assert.equal((await mailOf(bench)).join().split(', ').length, 30)
  assert.equal((await mailOf(bench)).length, 1)
})

test('a pending report is made by the next process when the one that had it dies', async () => {
  const queue = memoryQueue()
  const first = makeBench(
    failing(() => true, OK),
    { store: queue.open() },
  )
  await first.send(toMany(5))
  queue.kill(first.store)
  const second = makeBench(
    failing(() => true, OK),
    { store: queue.open() },
  )
  second.engine.start()
  await second.time.pass(60_000)
  assert.deepEqual(await mailOf(second), ['failed 0, failed 1, failed 2, failed 3, failed 4'])
  assert.deepEqual([(await mailOf(first)).length, (await second.store.stats()).messages], [0, 0])
})

test('a suspended destination does not hold back a pending report', async () => {
  const bench = makeBench(failing(() => true, OK))
  bench.engine.start()
  await bench.send(toMany(3))
  for (const destination of [0, 1, 2])
    await bench.store.suspend({ target: `lane-${destination}.test`, since: 0, reason: '' })
  await bench.time.pass(30_000)
  assert.deepEqual(await mailOf(bench), ['failed 0, failed 1, failed 2'])
})

test('a store that fails while the sender is told is asked again: told once', async () => {
  const store = memoryQueue().open()
  let failures = 3
  const flaky = overriding(store, {
    record: (end) => (end.also?.length && failures-- > 0 ? Promise.reject(new Error('EIO')) : store.record(end)),
  })
  const bench = makeBench(
    failing(() => true, OK),
    { store: flaky },
  )
  bench.engine.start()
  await bench.send(toMany(4))
  await bench.time.pass(60_000)
  assert.deepEqual([await mailOf(bench), failures < 0], [['failed 0, failed 1, failed 2, failed 3'], true])
})

test('RFC 3461 §4.1: a message that is late is told of once, with all its late recipients; and once that it was given up', async () => {
  const bench = makeBench(
    failing((at) => at === 0, GREYLISTED),
    { lookMs: HOUR },
  )
  bench.engine.start()
  const { id } = await bench.send(toMany(6))
  await bench.time.pass(10 * HOUR)
  assert.deepEqual(await mailOf(bench), ['failed 0', 'delayed 1, delayed 2, delayed 3, delayed 4, delayed 5'])
  const { states } = (await bench.store.get(id)) ?? { states: [] }
  assert.deepEqual(
    states.slice(1).map(({ warned, status }) => [warned, status.kind]),
    Array(5).fill([true, 'scheduled']),
  )
  await bench.time.pass(5 * 24 * HOUR)
  const [, , ...last] = await mailOf(bench)
  assert.deepEqual(last.join(', ').split(', ').sort(), [1, 2, 3, 4, 5].map((at) => `failed ${at}`)) // biome-ignore format: short
  assert.equal(last.length, 1)
})

test('when one of several late deliveries is another’s by now, the rest are given back, and each is told by itself', async () => {
  const store = memoryQueue().open()
  const lossy = overriding(store, { record: async (end) => (end.also?.length ? 'lost' : store.record(end)) })
  const bench = makeBench(
    failing(() => false, GREYLISTED),
    { lookMs: HOUR, store: lossy },
  )
  bench.engine.start()
  const { id } = await bench.send(toMany(3))
  await bench.time.pass(10 * HOUR)
  assert.deepEqual((await mailOf(bench)).sort(), ['delayed 0', 'delayed 1', 'delayed 2'])
  const { states } = (await store.get(id)) ?? { states: [] }
  assert.deepEqual(
    states.map(({ warned, status }) => [warned, status.kind]),
    Array(3).fill([true, 'scheduled']),
  )
})

test('an operator who gives a message up makes one notification, with the report that was pending', async () => {
  const bench = makeBench(failing((at) => at === 0, GREYLISTED))
  const { id } = await bench.send(toMany(4))
  const reply = { code: 550, status: '5.7.0', text: 'Enough' }
  const reporter = { hostname: 'mx.example.net', returnLimit: 0, route: async () => ({ via: 'smtp' }) }
  assert.deepEqual(await giveUp(bench.store, { id, reply, now: bench.time.now() }, reporter), [0, 1, 2, 3])
  assert.deepEqual(await giveUp(bench.store, { id, reply, now: bench.time.now() }, reporter), [])
  bench.engine.start()
  await bench.time.pass(30_000)
  assert.deepEqual(await mailOf(bench), ['failed 0, failed 1, failed 2, failed 3'])
  assert.deepEqual(
    (await bench.store.getFinished(id))?.recipients.map(({ state }) => state.fate),
    ['failed', 'cancelled', 'cancelled', 'cancelled'],
  )
})
