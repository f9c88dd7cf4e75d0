import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeBench, OK, overriding } from '../../../../test/contracts/queue/engine-bench.ts'
import { makeMessage, memoryStore, octetsOf, sourceOf } from '../../../../test/contracts/queue/messages.ts'
import { DEFAULT_SCHEDULE, longestPause } from '../schedule.ts'
import { WallWatch } from './wall-watch.ts'

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR
const LATER = { code: 450, status: '4.2.0', text: 'Later' }

/** A message that is to be tried at a time. */
async function scheduledAt(store: ReturnType<typeof memoryStore>, queuedAt: number, at: number): Promise<string> {
  const message = { ...makeMessage(), queuedAt }
  await store.release(await store.add(message, sourceOf(octetsOf(message.size))), { kind: 'scheduled', at })
  return message.id
}

test('a clock that is set back by a year lets a retry wait no longer than the rules do', async () => {
  const { engine, send, jobs, time } = makeBench((_, attempt) => (attempt === 1 ? LATER : OK))
  engine.start()
  await send()
  await time.pass(2_000)
  time.step(-YEAR)
  await time.pass(3_000)
  assert.equal(jobs.length, 2)
})

test('a clock that was set back while nobody looked: what is behind any rule is due at the start, all else stays', async () => {
  const store = memoryStore()
  const { engine, jobs, time } = makeBench(() => OK, { store })
  const now = time.now()
  const late = await scheduledAt(store, now, now + YEAR)
  const soon = await scheduledAt(store, now, now + longestPause(DEFAULT_SCHEDULE))
  const held = await scheduledAt(store, now, now + YEAR)
  await store.operate(held, { kind: 'hold', reason: 'x' }, now)
  engine.start()
  await time.pass(2_000)
  assert.deepEqual(
    jobs.map(({ id }) => id),
    [late],
  )
  assert.deepEqual((await store.get(soon))?.states[0]?.status, {
    kind: 'scheduled',
    at: now + longestPause(DEFAULT_SCHEDULE),
  })
  assert.equal((await store.get(held))?.states[0]?.status.kind, 'held')
})

test('the longest pause is that of the longest rule, and the schedule is asked for at the start, after a step back, and once an hour', async () => {
  const memory = memoryStore()
  const asked: number[] = []
  let failures = 1
  const hasten = async (times: { readonly now: number; readonly latest: number }) => {
    if (failures-- > 0) throw new Error('the disk is away')
    asked.push(times.latest - times.now)
    return memory.hasten(times)
  }
  const { engine, time } = makeBench(() => OK, {
    store: overriding(memory, { hasten }),
    lookMs: 60_000,
    longestPauseMs: 7 * 24 * HOUR,
  })
  engine.start()
  await time.pass(61_000)
  assert.deepEqual(asked, [7 * 24 * HOUR + 600_000], 'once more when it failed')
  await time.pass(HOUR / 2)
  time.step(HOUR)
  await time.pass(61_000)
  assert.equal(asked.length, 1, 'a step forth lets nothing wait')
  time.step(-HOUR)
  await time.pass(61_000)
  assert.equal(asked.length, 2)
  await time.pass(HOUR + 61_000)
  assert.equal(asked.length, 3)
})

test('what is due is carried though nobody can say what was scheduled for too late', async () => {
  const memory = memoryStore()
  const hasten = async () => {
    throw new Error('not now')
  }
  const { engine, jobs, time } = makeBench(() => OK, { store: overriding(memory, { hasten }) })
  await scheduledAt(memory, time.now(), time.now())
  engine.start()
  await time.pass(2_000)
  assert.equal(jobs.length, 1)
})

test('a clock that is slowed down is not set back', () => {
  const watch = new WallWatch()
  assert.equal(watch.isDoubtful(1_000, 0), true)
  watch.looked(0)
  for (let look = 1; look < 3_000; look++) assert.equal(watch.isDoubtful(1_000 + look * 999, look * 1_000), false)
  assert.equal(watch.isDoubtful(0, 3_000_000), true)
})

test('a message from the future is given up when its life has passed by today’s clock, not before and not in a year', async () => {
  const store = memoryStore()
  const scheduleOf = () => ({
    ...DEFAULT_SCHEDULE,
    lifeMs: 2 * HOUR,
    warnAfterMs: HOUR,
    waits: [600_000],
    classWaits: {},
  })
  const { engine, jobs, time } = makeBench((job) => (job.from === undefined ? OK : LATER), {
    store,
    scheduleOf,
    lookMs: 60_000,
  })
  const id = await scheduledAt(store, time.now() + YEAR, time.now() + YEAR + 300_000)
  engine.start()
  const reports = (): number => jobs.filter(({ from }) => from === undefined).length
  await time.pass(0.9 * HOUR)
  assert.equal(reports(), 0)
  await time.pass(0.9 * HOUR)
  assert.equal(reports(), 1, 'the warning')
  assert.ok(await store.get(id))
  await time.pass(HOUR / 2)
  assert.equal(reports(), 2, 'the failure')
  assert.equal((await store.getFinished(id))?.recipients[0]?.state.fate, 'expired')
})

test('a message that is seen from a past that was none does not age by it: the clock is right again', async () => {
  const { engine, send, jobs, time, store } = makeBench(() => LATER)
  engine.start()
  await time.pass(2_000)
  const { id } = await send()
  time.step(-20 * YEAR)
  await time.pass(400_000)
  time.step(20 * YEAR)
  await time.pass(2_000_000)
  const [state] = (await store.get(id))?.states ?? []
  assert.ok(jobs.length >= 3)
  assert.deepEqual([state?.recipients[0]?.fate, state?.warned, state?.countedFrom], ['pending', false, undefined])
})

test('a clock that was years behind when the mail came, and is set right, ends no life and warns nobody; the life goes on from there', async () => {
  const scheduleOf = () => ({ ...DEFAULT_SCHEDULE, lifeMs: 2 * HOUR, warnAfterMs: 0, waits: [600_000], classWaits: {} })
  const { engine, send, time, store } = makeBench(() => LATER, { scheduleOf, lookMs: 60_000 })
  engine.start()
  await time.pass(61_000)
  const { id, queuedAt } = await send()
  await time.pass(HOUR)
  time.step(6 * YEAR)
  await time.pass(0.8 * HOUR)
  const [state] = (await store.get(id))?.states ?? []
  assert.deepEqual([state?.recipients[0]?.fate, state?.countedFrom], ['pending', queuedAt + 6 * YEAR])
  await time.pass(0.6 * HOUR)
  assert.equal((await store.getFinished(id))?.recipients[0]?.state.fate, 'expired')
})

test('what was queued after the clock was set forth, or by a clock that was right before, is as old as it says', () => {
  const watch = new WallWatch()
  watch.isDoubtful(1_000_000, 0)
  watch.isDoubtful(1_001_000 + YEAR, 1_000)
  watch.isDoubtful(1_002_000 + 2 * YEAR, 2_000)
  const [first, between, after] = [999_000, 1_001_500 + YEAR, 1_002_500 + 2 * YEAR]
  assert.deepEqual([first, between, after].map((time) => watch.today(time)), [first + 2 * YEAR, between + YEAR, after]) // biome-ignore format: a table
  assert.equal(watch.today(5_000_000), 5_000_000, 'it was in the future before')
})
