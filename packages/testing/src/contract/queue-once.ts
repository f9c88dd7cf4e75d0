/** The part of the queue contract that is about mail which waits for its time, and which is taken once. */
import assert from 'node:assert/strict'
import { type QueuedMessage, QueueError } from '@postroad/queue-engine'
import { at, type Check, done, gateOpen, makeMessage, octetsOf, sourceOf, stored } from './queue-fixture.ts'

/** Registers them. */
export function onceAndLater(checked: Check): void {
  later(checked)
  once(checked)
}

function later(checked: Check): void {
  checked(
    'RFC 4865 §4: mail with a time goes on at that time and not before, also when who took it has died',
    async (store, queue) => {
      const message = held(makeMessage({ deliveries: 2 }), at(500))
      assert.deepEqual(await store.add(message, sourceOf(octetsOf(message.size))), [])
      await queue.kill(store)
      const other = await queue.store()
      await other.beat(at(1))
      assert.equal(await other.nextDue(), at(500))
      assert.deepEqual(await other.claimDue({ now: at(499), limit: 9, gate: gateOpen }), { leases: [], moved: 0 })
      const { leases } = await other.claimDue({ now: at(500), limit: 9, gate: gateOpen })
      assert.deepEqual(
        leases.map(({ index, state: { attempts, countedFrom } }) => [index, attempts, countedFrom]).sort(),
        [0, 1].map((index) => [index, 0, at(500)]),
      )
      for (const lease of leases) await other.record({ lease, state: done(lease), now: at(501) })
      assert.equal(await other.get(message.id), undefined)
    },
  )
  checked('a time that has passed when the mail comes is no time', async (store) => {
    const message = held(makeMessage(), at(-1))
    assert.equal((await store.add(message, sourceOf(octetsOf(message.size)))).length, 1)
  })
  checked(
    'what waits for the time that its sender wants is not brought forward as if a clock had been set back',
    async (store) => {
      const message = held(makeMessage({ deliveries: 3 }), at(1e6))
      await store.add(message, sourceOf(octetsOf(message.size)))
      const late = makeMessage()
      await store.release(await store.add(late, sourceOf(octetsOf(late.size))), { kind: 'scheduled', at: at(1e6 + 1) })
      assert.equal(await store.hasten({ now: at(1), latest: at(100) }), 1)
      assert.deepEqual(
        (await stored(store, message.id)).states.map(({ status }) => status),
        [0, 1, 2].map(() => ({ kind: 'scheduled', at: at(1e6) })),
      )
    },
  )
  checked('what waits for its time can be withdrawn, and claimed by name', async (store) => {
    const message = held(makeMessage(), at(500))
    await store.add(message, sourceOf(octetsOf(message.size)))
    const lease = await store.claimOne(message.id, 0)
    assert.equal(lease?.state.countedFrom, at(500))
    assert.equal(await store.operate(message.id, { kind: 'cancel' }, at(1)), 0, 'somebody has it')
    await store.release([lease], { kind: 'scheduled', at: at(500) })
    const other = makeMessage()
    await store.release(await store.add(other, sourceOf(octetsOf(other.size))), { kind: 'scheduled', at: at(500) })
    assert.equal(await store.operate(other.id, { kind: 'cancel' }, at(1)), 0, 'no sender has set its time')
    assert.equal(await store.operate(other.id, { kind: 'delete' }, at(1)), 1)
    assert.equal(await store.operate(message.id, { kind: 'cancel' }, at(1)), 1)
    assert.equal((await store.getFinished(message.id))?.recipients[0]?.state.fate, 'cancelled')
    assert.equal(await store.nextDue(), undefined)
  })
}

function once(checked: Check): void {
  checked(
    'of one idempotency key one message is taken, by any process, whatever became of it',
    async (store, queue) => {
      const [first, second, third] = ['k', 'k', 'k'].map((key) => keyed(makeMessage(), key, at(100)))
      assert.ok(first && second && third)
      const [lease] = await store.add(first, sourceOf(octetsOf(first.size)))
      await duplicateOf(first, store.add(second, sourceOf(octetsOf(second.size))))
      assert.ok(lease)
      await store.record({ lease, state: done(lease), now: at(1) })
      await queue.kill(store)
      const other = await queue.store()
      await duplicateOf(first, other.add(third, sourceOf(octetsOf(third.size))))
      assert.equal((await other.stats()).messages, 0)
    },
  )
  checked('at the same time, too; other keys, and none, are other mail', async (store, queue) => {
    const other = await queue.store()
    const messages = Array.from({ length: 40 }, (_, n) =>
      keyed(makeMessage({ size: n % 2 ? 100 : 100_000 }), `k${n % 4}`, at(100)),
    )
    const results = await Promise.allSettled(
      messages.map((message, n) => (n % 3 ? store : other).add(message, sourceOf(octetsOf(message.size)))),
    )
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 4)
    for (const result of results) if (result.status === 'rejected') assert.ok(isDuplicate(result.reason))
    await store.add(makeMessage(), sourceOf(octetsOf(30)))
    assert.equal((await store.stats()).messages, 5)
  })
  checked('a key is for its time', async (store) => {
    const first = keyed(makeMessage(), 'k', at(0) + 1)
    await store.add(first, sourceOf(octetsOf(first.size)))
    const later = { ...keyed(makeMessage(), 'k', at(100)), queuedAt: at(2) }
    // A store that goes by the time of its server needs that to pass.
    for (let tries = 0; tries < 500; tries++) {
      const taken = await store.add(later, sourceOf(octetsOf(later.size))).catch((error: unknown) => error)
      if (!isDuplicate(taken)) break
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    assert.equal((await store.stats()).messages, 2)
  })
  checked('a message that could not be taken does not keep its key', async (store) => {
    const short = keyed(makeMessage({ size: 10 }), 'k', at(100))
    await assert.rejects(store.add(short, { size: 10, raw: () => sourceOf(octetsOf(9)).raw() }))
    const whole = keyed(makeMessage(), 'k', at(100))
    assert.equal((await store.add(whole, sourceOf(octetsOf(whole.size)))).length, 1)
  })
}

function held(message: QueuedMessage, holdUntil: number): QueuedMessage {
  return { ...message, parameters: { ...message.parameters, holdUntil } }
}

function keyed(message: QueuedMessage, key: string, until: number): QueuedMessage {
  return { ...message, parameters: { ...message.parameters, idempotency: { key, until } } }
}

async function duplicateOf(first: QueuedMessage, adding: Promise<unknown>): Promise<void> {
  await assert.rejects(adding, (error) => isDuplicate(error) && error.duplicateOf === first.id)
}

function isDuplicate(error: unknown): error is QueueError {
  return error instanceof QueueError && error.code === 'ERR_QUEUE_DUPLICATE'
}
