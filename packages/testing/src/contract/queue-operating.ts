/** What operators do to a queue, and what a process leaves that dies or closes: a part of the contract. */
import assert from 'node:assert/strict'
import { readAll } from '@postroad/mail'
import {
  at,
  type Check,
  counts,
  done,
  gateOpen,
  makeMessage,
  octetsOf,
  scheduled,
  sourceOf,
  stored,
} from './queue-fixture.ts'

/** Hold, release, retry, reroute and suspend. */
export function operating(checked: Check): void {
  checked(
    'hold sets aside what is free at once and what is claimed when its attempt ends; release brings it back',
    async (store) => {
      const id = await scheduled(store, at(10))
      assert.equal(await store.operate(id, { kind: 'hold', reason: 'looks odd' }, at(1)), 1)
      assert.deepEqual((await stored(store, id)).states[0]?.status, { kind: 'held', since: at(1), reason: 'looks odd' })
      assert.equal((await store.claimDue({ now: at(99), limit: 9, gate: gateOpen })).moved, 0)
      assert.equal(await store.operate(id, { kind: 'release' }, at(2)), 1)
      const { leases } = await store.claimDue({ now: at(2), limit: 9, gate: gateOpen })
      const [lease] = leases
      assert.ok(lease)
      assert.equal(await store.operate(id, { kind: 'hold', reason: 'again' }, at(3)), 1)
      assert.equal(
        await store.record({ lease, state: { ...lease.state, status: { kind: 'scheduled', at: at(50) } }, now: at(4) }),
        'recorded',
      )
      assert.equal((await stored(store, id)).states[0]?.status.kind, 'held')
    },
  )
  checked(
    'retry makes due at once, delete ends at once and leaves a record; a lease on it is then lost',
    async (store) => {
      const id = await scheduled(store, at(1_000))
      assert.equal(await store.operate(id, { kind: 'retry' }, at(5)), 1)
      const [lease] = (await store.claimDue({ now: at(5), limit: 9, gate: gateOpen })).leases
      assert.ok(lease)
      assert.equal(await store.operate(id, { kind: 'delete' }, at(6)), 1)
      assert.equal(await store.get(id), undefined)
      assert.deepEqual(
        (await store.getFinished(id))?.recipients.map(({ state }) => state.fate),
        ['cancelled'],
      )
      assert.equal(await store.record({ lease, state: done(lease), now: at(7) }), 'lost')
      assert.equal(await store.operate(id, { kind: 'retry' }, at(8)), 0)
      assert.deepEqual(await counts(store), {
        messages: 0,
        scheduled: 0,
        waiting: 0,
        claimed: 0,
        held: 0,
        corrupt: 0,
        unreturned: 0,
      })
    },
  )
  checked('one delivery can be claimed out of turn, from wherever it is', async (store) => {
    const id = await scheduled(store, at(1_000))
    await store.operate(id, { kind: 'hold', reason: 'x' }, at(1))
    const lease = await store.claimOne(id, 0)
    assert.equal(lease?.message.id, id)
    assert.equal(await store.claimOne(id, 0), undefined)
    assert.equal(await store.claimOne(id, 7), undefined)
  })
  checked('suspensions are shared and survive', async (store, queue) => {
    const suspension = { target: 'example.com', since: at(1), reason: 'maintenance' }
    await store.suspend(suspension)
    const other = await queue.store()
    assert.deepEqual(await other.suspensions(), [suspension])
    assert.equal(await other.resume('example.com'), true)
    assert.equal(await other.resume('example.com'), false)
    assert.deepEqual(await store.suspensions(), [])
  })
}

/** What a dead process had comes back, once; one that closes leaves nothing claimed. */
export function dying(checked: Check): void {
  checked(
    'the leases of a process that died go to the next, whole; what the dead still says is lost',
    async (store, queue) => {
      const message = makeMessage({ deliveries: 2 })
      const [first] = await store.add(message, sourceOf(octetsOf(message.size)))
      assert.ok(first)
      const other = await queue.store()
      assert.equal(await other.beat(at(1)), 0)
      await queue.kill(store)
      assert.equal(await other.beat(at(2)), 2)
      assert.equal(await other.beat(at(2)), 0)
      const { leases } = await other.claimDue({ now: at(2), limit: 9, gate: gateOpen })
      assert.deepEqual(
        leases.map(({ index }) => index),
        [0, 1],
      )
      assert.equal(await store.record({ lease: first, state: done(first), now: at(3) }), 'lost')
      assert.deepEqual(await readAll(other.content(message)), octetsOf(message.size))
    },
  )
  checked(
    'a process that was taken for dead while it lived goes on: what it takes then is its own',
    async (store, queue) => {
      const [before, after] = [makeMessage(), makeMessage()]
      const [lost] = await store.add(before, sourceOf(octetsOf(before.size)))
      const other = await queue.store()
      await queue.kill(store)
      assert.equal(await other.beat(at(1)), 1)
      const [lease] = await store.add(after, sourceOf(octetsOf(after.size)))
      assert.ok(lost && lease)
      await store.beat(at(2))
      assert.equal(await other.beat(at(2)), 0)
      assert.equal(await store.record({ lease: lost, state: done(lost), now: at(3) }), 'lost')
      assert.equal(await store.record({ lease, state: done(lease), now: at(3) }), 'finished')
    },
  )
  checked('a process that closes gives back what it has', async (store, queue) => {
    const message = makeMessage()
    await store.add(message, sourceOf(octetsOf(message.size)))
    await store.close()
    const other = await queue.store()
    const { leases } = await other.claimDue({ now: Date.now() + 1_000, limit: 9, gate: gateOpen })
    assert.deepEqual(
      leases.map((lease) => lease.message.id),
      [message.id],
    )
  })
}
