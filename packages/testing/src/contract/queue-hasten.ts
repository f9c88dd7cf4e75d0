/** The part of the queue contract that is about clocks that were set back. */
import assert from 'node:assert/strict'
import type { Gate } from '@postroad/queue-engine'
import {
  at,
  type Check,
  gateOpen,
  makeMessage,
  octetsOf,
  scheduled,
  sourceOf,
  stored,
  subset,
} from './queue-fixture.ts'

/** Registers them. */
export function hastening(checked: Check): void {
  checked(
    'times from behind the latest that is allowed are due now, in every process; all others stay, and what is held is held',
    async (store, queue) => {
      const [near, edge, far] = [
        await scheduled(store, at(10)),
        await scheduled(store, at(100)),
        await scheduled(store, at(101)),
      ]
      const [farther, held] = [await scheduled(store, at(1e9)), await scheduled(store, at(1e9))]
      await store.operate(held, { kind: 'hold', reason: 'x' }, at(1e9))
      const waiting = await store.claimOne(await scheduled(store, at(1e9)), 0)
      assert.ok(waiting)
      await store.release([waiting], { kind: 'waiting', since: at(1e9) })
      const other = await queue.store()
      assert.equal(await other.hasten({ now: at(1), latest: at(100) }), 2)
      assert.equal(await store.hasten({ now: at(2), latest: at(100) }), 0)
      const statusOf = async (id: string) => (await stored(store, id)).states[0]?.status
      assert.deepEqual(await Promise.all([near, edge, far, farther].map(statusOf)), [at(10), at(100), at(1), at(1)].map((when) => ({ kind: 'scheduled', at: when }))) // biome-ignore format: a table
      assert.deepEqual(await statusOf(held), { kind: 'held', since: at(1e9), reason: 'x' })
      assert.deepEqual(await statusOf(waiting.message.id), { kind: 'waiting', since: at(1e9) })
      const { leases } = await store.claimDue({ now: at(1), limit: 9, gate: gateOpen })
      assert.deepEqual(leases.map(({ message, state }) => [message.id, state.attempts]).sort(), [far, farther].map((id) => [id, 1]).sort()) // biome-ignore format: a table
    },
  )
  checked('more than a page of them are all due', async (store) => {
    const message = makeMessage({ deliveries: 1_100 })
    await store.release(await store.add(message, sourceOf(octetsOf(message.size))), { kind: 'scheduled', at: at(1e9) })
    assert.equal(await store.hasten({ now: at(1), latest: at(100) }), 1_100)
    assert.equal(await store.nextDue(), at(1))
  })
  checked('from when a life counts survives, and the gate sees it', async (store, queue) => {
    const message = makeMessage()
    const [lease] = await store.add(message, sourceOf(octetsOf(message.size)))
    assert.ok(lease)
    const status = { kind: 'scheduled', at: at(5) } as const
    await store.record({
      lease,
      state: { ...lease.state, status, attempts: 12, warned: true, countedFrom: at(-60) },
      now: at(1),
    })
    const seen: object[] = []
    const gate: Gate = (_, view) => {
      seen.push(subset(view, EXPECTED_VIEW))
      return 'take'
    }
    const { leases } = await (await queue.store()).claimDue({ now: at(5), limit: 9, gate })
    assert.deepEqual([seen, leases[0]?.state.countedFrom], [[EXPECTED_VIEW], at(-60)])
  })
}

const EXPECTED_VIEW = { queuedAt: at(0), countedFrom: at(-60), attempts: 12, warned: true, hasPendingReport: false }
