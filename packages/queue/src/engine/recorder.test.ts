/** What is written down with the end of an attempt, and what is left alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reply } from '@postroad/mail'
import { FakeTime, OK, overriding } from '../../../../test/contracts/queue/engine-bench.ts'
import { makeMessage, memoryStore, octetsOf, sourceOf } from '../../../../test/contracts/queue/messages.ts'
import type { Lease } from '../model.ts'
import { DEFAULT_SCHEDULE } from '../schedule.ts'
import { afterAttempt, type Transition } from '../state.ts'
import { type LeaseEnd, QueueError, type QueueStore } from '../store.ts'
import type { EngineOptions } from './options.ts'
import { PutBack } from './put-back.ts'
import { Recorder } from './recorder.ts'

const SOURCE = sourceOf(octetsOf(30))
const LATER = { code: 450, status: '4.7.1', text: 'Greylisted' }
const NEVER = { code: 550, status: '5.1.1', text: 'User unknown' }
/** Milliseconds; a delay is told after four. */
const FIVE_HOURS = 5 * 3_600_000

/** A recorder over a store, and every end that it wrote down. */
function open(
  memory: QueueStore = memoryStore(),
  { record: written = (end) => memory.record(end) }: Partial<QueueStore> = {},
) {
  const ends: LeaseEnd[] = []
  const record = (end: LeaseEnd) => {
    ends.push(end)
    return written(end)
  }
  const store = overriding(memory, { record })
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const clock = new FakeTime()
  const common = { store, clock, log, hostname: 'mx.test', returnLimit: 0 }
  const options = { ...common, scheduleOf: () => DEFAULT_SCHEDULE, routeReport: async () => ({ via: 'smtp' }) }
  const putBack = new PutBack(options, () => undefined)
  // `as`: it reads no more of them.
  return {
    memory,
    ends,
    recorder: new Recorder(options as unknown as EngineOptions, putBack, new AbortController().signal),
    clock,
  }
}

/** What an attempt comes to, five hours after the message was queued. */
function attempted({ message, index, state }: Lease, reply: Reply): Transition {
  const delivery = message.deliveries[index]
  assert.ok(delivery)
  const kind = reply.code < 300 ? 'delivered' : reply.code < 500 ? 'deferred' : 'failed'
  const outcomes = delivery.recipients.map((recipient) => ({ recipient, kind, reply }) as const)
  const now = message.queuedAt + FIVE_HOURS
  const common = { message, delivery, state, outcomes, startedAt: now, now, schedule: DEFAULT_SCHEDULE, random: 0.5 }
  return afterAttempt({ ...common, relays: true, untried: false })
}

/** A message to two destinations, its deliveries in hand. */
async function begin(memory: QueueStore): Promise<readonly [Lease, Lease]> {
  const message = makeMessage({ deliveries: 2 })
  const [one, two] = await memory.add(message, SOURCE)
  assert.ok(one && two)
  return [one, two]
}

const stateOf = async (memory: QueueStore, { message, index }: Lease) => (await memory.get(message.id))?.states[index]

test('only a delay looks for other deliveries that are late', async () => {
  for (const [reply, isWarned] of [
    [OK, false],
    [LATER, true],
  ] as const) {
    // biome-ignore format: short
    const { memory, ends, recorder, clock } = open()
    const [one, two] = await begin(memory)
    await memory.release([two], { kind: 'scheduled', at: clock.now() + 1 })
    await clock.pass(FIVE_HOURS)
    await recorder.end(one, attempted(one, reply), SOURCE)
    assert.deepEqual([ends.length, ends[0]?.also?.length], [1, isWarned ? 1 : 0])
    assert.equal((await stateOf(memory, two))?.warned, isWarned)
  }
})

test('when what is to be told cannot be written down, what was claimed for it goes back, and what was handed in stays', async () => {
  let isBroken = false
  const memory = memoryStore()
  const { recorder } = open(memory, {
    record: (end) => (isBroken ? Promise.reject(new QueueError('ERR_QUEUE_CORRUPT', 'x')) : memory.record(end)),
  })
  const leases = await begin(memory)
  for (const lease of leases) await recorder.end(lease, attempted(lease, NEVER), SOURCE)
  const { id } = leases[0].message
  const claimed = await memory.claimOne(id, 0)
  assert.ok(claimed)
  isBroken = true
  await assert.rejects(recorder.tell([claimed]), { code: 'ERR_QUEUE_CORRUPT' })
  const kinds = await Promise.all(leases.map(async (lease) => (await stateOf(memory, lease))?.status.kind))
  assert.deepEqual(kinds, ['claimed', 'scheduled'])
  isBroken = false
  const [result, spawned] = await recorder.tell([claimed])
  assert.deepEqual([result, spawned.length], ['finished', 1])
})

test('of no lease there is nothing to tell', async () => {
  const { ends, recorder } = open()
  assert.deepEqual(await recorder.tell([]), ['lost', []])
  assert.deepEqual(ends, [])
})

test('who could not be told is counted with the end, and nobody where the sender is told', async () => {
  for (const isNull of [false, true]) {
    const { memory, ends, recorder } = open()
    const message = { ...makeMessage(), ...(isNull && { from: undefined }) }
    const [lease] = await memory.add(message, SOURCE)
    assert.ok(lease)
    await recorder.end(lease, attempted(lease, NEVER), SOURCE)
    assert.deepEqual(
      ends.map((end) => ['unreturned' in end, end.unreturned]),
      [isNull ? [true, 1] : [false, undefined]],
    )
  }
})
