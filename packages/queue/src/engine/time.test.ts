import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reply } from '@postroad/mail'
import { makeBench, OK, overriding, rest, siteRule } from '../../../../test/contracts/queue/engine-bench.ts'
import {
  gateOpen,
  makeMessage,
  memoryQueue,
  memoryStore,
  octetsOf,
  sourceOf,
} from '../../../../test/contracts/queue/messages.ts'
import type { QueuedMessage } from '../model.ts'

const HOUR = 3_600_000
const DESTINATION = 'smtp:lane-0.example.com'

for (const step of [-HOUR, HOUR, -90, 90])
  test(`a clock that is set by ${step} ms stops neither beats nor suspensions, and begins no attempt twice`, async () => {
    const memory = memoryStore()
    let beats = 0
    const store = overriding(memory, {
      beat: async (now) => {
        beats++
        return memory.beat(now)
      },
    })
    const { engine, send, jobs, time } = makeBench(() => OK, { store })
    engine.start()
    await send()
    await time.pass(7_000)
    const before = beats
    time.step(step)
    await time.pass(20_000)
    assert.ok(beats - before >= 3, `${beats - before} beats in twenty seconds`)
    await memory.suspend({ target: DESTINATION, since: 0, reason: '' })
    await time.pass(2_000)
    const { id } = await send()
    await time.pass(2_000)
    assert.deepEqual([jobs.length, (await memory.get(id))?.states[0]?.status.kind], [1, 'waiting'])
    await memory.resume(DESTINATION)
    await time.pass(2_000)
    assert.equal(jobs.length, 2)
  })

test('a destination that is left alone, and the rate of one, wait by a clock that nobody sets', async () => {
  const dead = { code: 451, status: '4.4.1', text: 'Connection refused' }
  const { send, jobs, time } = makeBench(() => dead, {
    siteOf: (destination) => siteRule(destination, { concurrency: 20, perSecond: 2 }),
  })
  for (let count = 0; count < 3; count++) await send()
  await time.pass(2_000)
  assert.equal(jobs.length, 3)
  time.step(HOUR)
  await send()
  await time.pass(2_000)
  assert.equal(jobs.length, 3, 'it is still closed')
  const paced = makeBench(() => OK, {
    siteOf: (destination) => siteRule(destination, { concurrency: 20, perSecond: 1 }),
  })
  for (let count = 0; count < 4; count++) await paced.send()
  paced.time.step(-HOUR)
  await paced.time.pass(5_000)
  assert.equal(paced.jobs.length, 4)
})

test('an attempt is not overdue because the clock was set, and takes no negative time', async () => {
  const gate = new Gate()
  const { engine, send, jobs, time, store } = makeBench(() => gate.opened, { attemptMs: 60_000 })
  engine.start()
  const { id } = await send(makeMessage())
  time.step(HOUR)
  await time.pass(5_000)
  assert.equal(jobs[0]?.signal.aborted, false)
  time.step(-2 * HOUR)
  gate.open({ code: 450, status: '4.2.0', text: 'Later' })
  await rest()
  const [record] = (await store.get(id))?.states[0]?.history ?? []
  assert.equal(record?.tookMs, 5_000)
})

test('a process that was stopped for long and taken for dead carries nothing of what it had, and goes on with new mail', async () => {
  const queue = memoryQueue()
  const [store, other] = [queue.open(), queue.open()]
  const gate = new Gate()
  const siteOf = (destination: string) => siteRule(destination, { concurrency: 1 })
  const { engine, send, jobs, time } = makeBench((_, attempt) => (attempt === 1 ? gate.opened : OK), { store, siteOf })
  engine.start()
  await time.pass(1_000)
  await send()
  await send()
  assert.equal(jobs.length, 1)
  queue.kill(store)
  assert.equal(await other.beat(0), 2)
  assert.equal((await other.claimDue({ now: time.now(), limit: 9, gate: gateOpen })).leases.length, 2)
  // It wakes: the first answer comes, and the second message would be next.
  time.skip(HOUR)
  gate.open(OK)
  await time.pass(5_000)
  assert.equal(jobs.length, 1)
  const { id } = await send()
  await time.pass(2_000)
  assert.deepEqual(
    jobs.slice(1).map((job) => job.id),
    [id],
  )
})

test('what waited because a beat took long is carried when it is stored, though nothing else happens', async () => {
  const memory = memoryStore()
  let beats = 0
  const beat = async (now: number) => {
    if (++beats === 2) await new Promise<void>((resolve) => time.after(28_000, resolve))
    return memory.beat(now)
  }
  const { engine, send, jobs, time } = makeBench(() => OK, { store: overriding(memory, { beat }) })
  engine.start()
  await time.pass(32_000)
  await send()
  assert.equal(jobs.length, 0, 'it is silent')
  await time.pass(30_000)
  assert.equal(jobs.length, 1)
})

test('an attempt whose octets could not be had takes no slot at its site for good', async () => {
  const memory = memoryStore()
  let failures = 2
  const content = (message: QueuedMessage) => {
    if (failures-- > 0) throw new Error('the file is being opened anew')
    return memory.content(message)
  }
  const store = overriding(memory, { content })
  const siteOf = (destination: string) => siteRule(destination, { concurrency: 1 })
  const { engine, jobs, time } = makeBench(() => OK, { store, siteOf })
  const message = { ...makeMessage(), queuedAt: time.now() }
  await memory.release(await memory.add(message, sourceOf(octetsOf(message.size))), {
    kind: 'scheduled',
    at: time.now(),
  })
  engine.start()
  await time.pass(HOUR)
  assert.equal(jobs.length, 1)
})

/** An answer that is held back. */
class Gate {
  open: (answer: Reply) => void = () => {}
  readonly opened = new Promise<Reply>((resolve) => {
    this.open = resolve
  })
}
