import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NotTried } from '@postroad/mail'
import { makeBench, OK, overriding, rest } from '../../../../test/contracts/queue/engine-bench.ts'
import { makeMessage, memoryStore } from '../../../../test/contracts/queue/messages.ts'
import type { QueueStore } from '../store.ts'

/** A store whose methods reject while `state.isBroken`, and what was logged. */
function failing(methods: readonly ('release' | 'claimOne' | 'record')[]) {
  const memory = memoryStore()
  const state = { isBroken: false, failures: 0 }
  const broken = (name: (typeof methods)[number]) => async (given: unknown, more: unknown) => {
    if (!state.isBroken) return (memory[name] as (a: unknown, b: unknown) => unknown).call(memory, given, more)
    state.failures++
    throw new Error('EIO')
  }
  const store = overriding(
    memory,
    Object.fromEntries(methods.map((name) => [name, broken(name)])) as Partial<QueueStore>,
  )
  return { memory, store, state }
}

test('what could not be put back while a destination was suspended is put back when the disk is well again, and is delivered after resume', async () => {
  const { memory, store, state } = failing(['release'])
  const { engine, send, jobs, time } = makeBench(() => OK, { store })
  engine.start()
  await memory.suspend({ target: 'smtp:lane-0.example.com', since: 0, reason: '' })
  await time.pass(1_100)
  state.isBroken = true
  const { id } = await send()
  await time.pass(3_000)
  assert.ok(state.failures >= 2, 'it was tried again')
  assert.equal((await memory.get(id))?.states[0]?.status.kind, 'claimed')
  state.isBroken = false
  await time.pass(30_000)
  assert.equal((await memory.get(id))?.states[0]?.status.kind, 'waiting')
  await memory.resume('smtp:lane-0.example.com')
  await time.pass(5_000)
  assert.equal(jobs.length, 1)
})

test('a delivery that was not tried, and one whose end was not written before the engine closed, are put back when they can be', async () => {
  const { memory, store, state } = failing(['release'])
  let isClosed = true
  const { engine, send, jobs, time } = makeBench(
    () => {
      if (isClosed) throw new NotTried()
      return OK
    },
    { store },
  )
  engine.start()
  state.isBroken = true
  const { id } = await send()
  await time.pass(10_000)
  assert.deepEqual([jobs.length, (await memory.get(id))?.states[0]?.status.kind], [1, 'claimed'])
  state.isBroken = false
  isClosed = false
  await time.pass(60_000)
  assert.equal(jobs.length, 2)
  assert.equal(await memory.get(id), undefined)
})

test('an engine closes while nothing can be put back: nothing keeps the process', async () => {
  const { store, state } = failing(['release'])
  const { engine, send, time } = makeBench(() => OK, { store })
  await store.suspend({ target: 'smtp:lane-0.example.com', since: 0, reason: '' })
  engine.start()
  await time.pass(1_100)
  state.isBroken = true
  await send()
  await engine.close()
  const { failures } = state
  await time.pass(600_000)
  assert.equal(state.failures, failures)
})

test('a notification that cannot be made at once does not undo a delivery: it is not carried again', async () => {
  const memory = memoryStore()
  let failures = 2
  const message = makeMessage()
  const [delivery] = message.deliveries
  const recipients =
    delivery?.recipients.map((each) => ({ ...each, parameters: { notify: ['SUCCESS'] as const } })) ?? []
  const { engine, send, jobs, time } = makeBench(() => OK, {
    store: memory,
    routeReport: async () => {
      if (failures-- > 0) throw new Error('EMFILE')
      return { via: 'smtp' }
    },
  })
  engine.start()
  await send({ ...message, deliveries: [{ ...delivery, recipients } as never] })
  await time.pass(600_000)
  assert.deepEqual(
    jobs.map(({ from }) => from === undefined),
    [false, true],
  )
})

test('when one of several late deliveries cannot be claimed, the others are not kept from their mail', async () => {
  const memory = memoryStore()
  const store = overriding(memory, {
    claimOne: async (id, index) => {
      if (index === 2) throw new Error('EIO')
      return memory.claimOne(id, index)
    },
  })
  const { engine, send, time } = makeBench(
    ({ from }) => (from === undefined ? OK : { code: 450, status: '4.7.1', text: 'Greylisted' }),
    {
      store,
    },
  )
  engine.start()
  const { id } = await send(makeMessage({ deliveries: 3 }))
  await time.pass(5 * 3_600_000)
  await rest()
  const { states } = (await memory.get(id)) ?? { states: [] }
  assert.deepEqual(
    states.map(({ status }) => status.kind),
    ['scheduled', 'scheduled', 'scheduled'],
  )
})
