/**
 * What every queue store must keep, as tests for `node --test`. An adapter that passes may mint receipts.
 *
 * @example queueContract({ name: 'redis', open: async () => myQueueUnderTest() })
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { readAll } from '@postroad/mail'
import type { Gate, Lease } from '@postroad/queue-engine'
import { differential } from './queue-differential.ts'
import {
  at,
  type Check,
  counts,
  done,
  gateOpen,
  makeMessage,
  octetsOf,
  plain,
  type QueueUnderTest,
  scheduled,
  sourceOf,
  stored,
  subset,
} from './queue-fixture.ts'
import { hastening } from './queue-hasten.ts'
import { onceAndLater } from './queue-once.ts'
import { dying, operating } from './queue-operating.ts'
import { outbox } from './queue-outbox.ts'

export type { QueueUnderTest } from './queue-fixture.ts'

/** Who is tested. */
export interface QueueContractOptions {
  readonly name: string
  /** A fresh, empty queue. */
  open(): Promise<QueueUnderTest>
  /** Rounds of the random part. Default 25. */
  readonly rounds?: number
}

/** Registers the contract with `node:test`. */
export function queueContract(options: QueueContractOptions): void {
  describe(`queue contract: ${options.name}`, () => {
    const checked: Check = (name, check) => {
      test(name, async (t) => {
        const queue = await options.open()
        t.after(() => queue.dispose())
        await check(await queue.store(), queue, t)
      })
    }
    keeping(checked)
    claiming(checked)
    hastening(checked)
    onceAndLater(checked)
    settling(checked)
    operating(checked)
    outbox(checked)
    dying(checked)
    test('behaves as the model does under random events, also of several processes', async () => {
      await differential(options.open, options.rounds ?? 25)
    })
  })
}

function keeping(checked: Check): void {
  checked(
    'RFC 5321 §4.2.5: what was added is there for another process, envelope and octets as they came',
    async (store, queue) => {
      const message = makeMessage({
        recipients: [
          ['a b', 'example.com'],
          ['üser', 'xn--bcher-kva.example'],
          ['x', '[192.0.2.1]'],
        ],
      })
      const octets = Buffer.from('Subject: x\r\n\r\n\xff\x00body', 'latin1')
      await store.add({ ...message, size: octets.length }, sourceOf(octets))
      const other = await queue.store()
      const entry = await stored(other, message.id)
      assert.deepEqual(plain(entry.message), plain({ ...message, size: octets.length }))
      assert.deepEqual(await readAll(other.content(entry.message)), octets)
    },
  )
  checked('octets come back whole at any size: none, a few, and too many for one piece', async (store) => {
    for (const size of [0, 1, 65_535, 65_536, 65_537, 3_000_000]) {
      const octets = randomBytes(size)
      const message = makeMessage({ size })
      await store.add(message, sourceOf(octets, { chunked: 70_000 }))
      assert.ok((await readAll(store.content(message))).equals(octets), `${size} octets`)
    }
  })
  checked('a source that is shorter or longer than it says is refused, and leaves nothing', async (store) => {
    for (const [size, real] of [
      [10, 9],
      [10, 11],
      [200_000, 199_999],
      [200_000, 200_001],
    ] as const) {
      const message = makeMessage({ size })
      await assert.rejects(store.add(message, { size, raw: () => sourceOf(randomBytes(real)).raw() }))
      assert.equal(await store.get(message.id), undefined)
    }
  })
  checked('300 messages added at once are all there', async (store, queue) => {
    const messages = Array.from({ length: 300 }, () => makeMessage({ size: 100 }))
    await Promise.all(messages.map((message) => store.add(message, sourceOf(octetsOf(100)))))
    const other = await queue.store()
    const ids: string[] = []
    for await (const { message } of other.list()) ids.push(message.id)
    assert.deepEqual(ids, messages.map(({ id }) => id).sort())
    assert.equal((await other.stats()).messages, 300)
  })
  checked('a list goes on behind an id', async (store) => {
    const messages = Array.from({ length: 5 }, () => makeMessage())
    for (const message of messages) await store.add(message, sourceOf(octetsOf(message.size)))
    const ids = messages.map(({ id }) => id).sort()
    const rest: string[] = []
    for await (const { message } of store.list({ after: ids[1] ?? '' })) rest.push(message.id)
    assert.deepEqual(rest, ids.slice(2))
  })
}

function claiming(checked: Check): void {
  checked('a message is born claimed by who added it: nobody else gets it', async (store, queue) => {
    const message = makeMessage({ deliveries: 3 })
    const leases = await store.add(message, sourceOf(octetsOf(message.size)))
    assert.deepEqual(
      leases.map(({ index }) => index),
      [0, 1, 2],
    )
    const other = await queue.store()
    assert.deepEqual((await other.claimDue({ now: at(1e9), limit: 10, gate: gateOpen })).leases, [])
    assert.equal(await other.claimOne(message.id, 0), undefined)
    const { states } = await stored(other, message.id)
    assert.deepEqual(
      states.map(({ status }) => status),
      [0, 1, 2].map(() => ({ kind: 'claimed', owner: store.owner })),
    )
  })
  checked('what is scheduled is not due before its time, comes oldest first, and only once', async (store, queue) => {
    const late = await scheduled(store, at(20))
    const early = await scheduled(store, at(10))
    assert.equal(await store.nextDue(), at(10))
    assert.equal((await store.claimDue({ now: at(9), limit: 10, gate: gateOpen })).moved, 0)
    const other = await queue.store()
    const [mine, theirs] = await Promise.all(
      [store, other].map((each) => each.claimDue({ now: at(30), limit: 10, gate: gateOpen })),
    )
    const ids = [...(mine?.leases ?? []), ...(theirs?.leases ?? [])].map(({ message }) => message.id)
    assert.deepEqual(ids, [early, late])
    assert.equal(await store.nextDue(), undefined)
  })
  checked(
    'the gate sends entries to their destination or to a later time, without a lease or an attempt',
    async (store) => {
      const first = await scheduled(store, at(1), 'smtp:constructor')
      const second = await scheduled(store, at(2), 'smtp:__proto__')
      const seen: string[] = []
      const result = await store.claimDue({
        now: at(5),
        limit: 10,
        gate: (destination, { attempts, queuedAt }) => {
          seen.push(`${destination} ${attempts} ${queuedAt === at(0)}`)
          return destination === 'smtp:constructor' ? 'wait' : at(50)
        },
      })
      assert.deepEqual(
        [result.leases, result.moved, seen],
        [[], 2, ['smtp:constructor 1 true', 'smtp:__proto__ 1 true']],
      )
      assert.deepEqual(await store.waitingDestinations(), ['smtp:constructor'])
      assert.equal(await store.nextDue(), at(50))
      assert.deepEqual(await store.claimWaiting('smtp:__proto__', 10), [])
      const leases = await store.claimWaiting('smtp:constructor', 10)
      assert.deepEqual(
        leases.map(({ message, state }) => [message.id, state.attempts]),
        [[first, 1]],
      )
      assert.deepEqual((await stored(store, second)).states[0]?.status, { kind: 'scheduled', at: at(50) })
      assert.deepEqual(await store.waitingDestinations(), [])
    },
  )
  checked('leases given back wait or are scheduled again, and count no attempt', async (store) => {
    const message = makeMessage({ deliveries: 2 })
    const leases = await store.add(message, sourceOf(octetsOf(message.size)))
    await store.release(leases.slice(0, 1), { kind: 'waiting', since: at(1) })
    await store.release(leases.slice(1), { kind: 'scheduled', at: at(2) })
    const { states } = await stored(store, message.id)
    assert.deepEqual(
      states.map(({ status, attempts }) => [status, attempts]),
      [
        [{ kind: 'waiting', since: at(1) }, 0],
        [{ kind: 'scheduled', at: at(2) }, 0],
      ],
    )
    await store.release(leases, { kind: 'scheduled', at: at(9) })
    assert.deepEqual(
      (await stored(store, message.id)).states,
      states,
      'a lease that is not ours any more changes nothing',
    )
  })
}

function settling(checked: Check): void {
  checked('a message ends with its last delivery, in a recorded final state', async (store) => {
    const message = makeMessage({ deliveries: 2 })
    const [first, second] = await store.add(message, sourceOf(octetsOf(message.size)))
    assert.ok(first && second)
    assert.equal(await store.record({ lease: first, state: done(first), now: at(5) }), 'recorded')
    assert.equal((await stored(store, message.id)).states[0]?.status.kind, 'done')
    assert.equal(await store.getFinished(message.id), undefined)
    assert.equal(await store.record({ lease: second, state: done(second), now: at(6) }), 'finished')
    assert.equal(await store.get(message.id), undefined)
    const finished = await store.getFinished(message.id)
    assert.deepEqual(
      finished?.recipients.map(({ state }) => state.fate),
      ['delivered', 'delivered'],
    )
    assert.deepEqual([finished?.finishedAt, finished?.recipientCount, finished?.from], [at(6), 2, 'sender@example.org'])
    assert.deepEqual(await counts(store), {
      messages: 0,
      scheduled: 0,
      waiting: 0,
      claimed: 0,
      held: 0,
      corrupt: 0,
      unreturned: 0,
    })
  })
  checked('many deliveries of one message may end at once', async (store) => {
    const message = makeMessage({ deliveries: 20 })
    const leases = await store.add(message, sourceOf(octetsOf(message.size)))
    const results = await Promise.all(leases.map((lease) => store.record({ lease, state: done(lease), now: at(1) })))
    assert.deepEqual(results.filter((result) => result === 'finished').length, 1)
    assert.equal(await store.get(message.id), undefined)
  })
  checked('a lease ends once', async (store) => {
    const message = makeMessage({ deliveries: 2 })
    const [lease] = await store.add(message, sourceOf(octetsOf(message.size)))
    assert.ok(lease)
    await store.record({ lease, state: done(lease), now: at(1) })
    assert.equal(await store.record({ lease, state: { ...done(lease), attempts: 9 }, now: at(1) }), 'lost')
    assert.equal((await stored(store, message.id)).states[0]?.attempts, 1)
  })
  checked('a notification becomes durable in the same step that ends its cause, or not at all', async (store) => {
    const message = makeMessage({ deliveries: 1 })
    const [lease] = await store.add(message, sourceOf(octetsOf(message.size)))
    assert.ok(lease)
    const report = { ...makeMessage({ size: 100_000 }), from: undefined, reportOn: message.id }
    const spawn = [{ message: report, source: sourceOf(octetsOf(100_000)) }]
    assert.equal(await store.record({ lease, state: done(lease), spawn, now: at(1) }), 'finished')
    const { message: kept, states } = await stored(store, report.id)
    assert.deepEqual(
      [kept.from, kept.reportOn, states[0]?.status],
      [undefined, message.id, { kind: 'claimed', owner: store.owner }],
    )
    assert.equal((await readAll(store.content(kept))).length, 100_000)
    const again = { ...makeMessage({ size: 10 }), from: undefined }
    assert.equal(
      await store.record({
        lease,
        state: done(lease),
        spawn: [{ message: again, source: sourceOf(octetsOf(10)) }],
        now: at(1),
      }),
      'lost',
    )
    assert.equal(await store.get(again.id), undefined)
  })
  checked('deliveries of one message may end in one step, or none of them does', async (store, queue) => {
    const message = makeMessage({ deliveries: 3 })
    const [first, second, third] = await store.add(message, sourceOf(octetsOf(message.size)))
    assert.ok(first && second && third)
    const later = (lease: Lease) => ({
      lease,
      state: { ...lease.state, status: { kind: 'scheduled', at: at(9) } } as const,
    })
    assert.equal(await store.record({ ...later(first), also: [later(second)], now: at(1) }), 'recorded')
    const report = { ...makeMessage({ size: 10 }), from: undefined }
    const spawn = [{ message: report, source: sourceOf(octetsOf(10)) }]
    const also = [{ lease: first, state: done(first) }]
    assert.equal(
      await store.record({ lease: third, state: done(third), also, spawn, unreturned: 5, now: at(2) }),
      'lost',
    )
    const { states } = await stored(store, message.id)
    assert.deepEqual([states[2]?.status.kind, await store.get(report.id)], ['claimed', undefined])
    const other = await queue.store()
    const { leases } = await other.claimDue({ now: at(9), limit: 9, gate: gateOpen })
    const [one, ...rest] = leases.map((lease) => ({ lease, state: done(lease) }))
    assert.ok(one && rest.length === 1)
    assert.equal(await other.record({ ...one, also: rest, now: at(10) }), 'recorded')
    assert.equal(
      await store.record({ lease: third, state: done(third), spawn, unreturned: 2, now: at(11) }),
      'finished',
    )
    assert.equal((await store.getFinished(message.id))?.recipients.length, 3)
    const { messages, unreturned } = await store.stats()
    assert.deepEqual([messages, unreturned], [1, 2], 'the notification, and those nobody can be told of')
  })
  checked('a pending report survives, and the gate sees it', async (store, queue) => {
    const message = makeMessage({ deliveries: 2 })
    const [lease, next] = await store.add(message, sourceOf(octetsOf(message.size)))
    assert.ok(lease && next)
    await store.record({
      lease,
      state: { ...done(lease), status: { kind: 'scheduled', at: at(5) }, pendingReport: [0] },
      now: at(1),
    })
    await store.record({ lease: next, state: { ...next.state, status: { kind: 'scheduled', at: at(5) } }, now: at(1) })
    const seen: [string, boolean][] = []
    const gate: Gate = (destination, view) => {
      seen.push([destination, view.hasPendingReport])
      return 'take'
    }
    const { leases } = await (await queue.store()).claimDue({ now: at(5), limit: 9, gate })
    assert.deepEqual(seen.sort(), [['smtp:lane-0.example.com', true], ['smtp:lane-1.example.com', false]]) // biome-ignore format: a table
    assert.deepEqual(leases.map(({ index, state }) => [index, state.pendingReport]).sort(), [[0, [0]], [1, undefined]]) // biome-ignore format: a table
  })
  checked('state survives: recipients, history, warning', async (store, queue) => {
    const message = makeMessage({
      recipients: [
        ['a', 'example.com'],
        ['b', 'example.com'],
      ],
    })
    const [lease] = await store.add(message, sourceOf(octetsOf(message.size)))
    assert.ok(lease)
    const reply = { code: 450, status: '4.2.0', text: 'Greylisted ✓\nsecond line' }
    const state = {
      status: { kind: 'scheduled', at: at(60) },
      attempts: 1,
      recipients: [
        { fate: 'delivered', at: at(1) },
        { fate: 'pending', reply, remote: 'mx.example.com', class: 'greylist', at: at(1) },
      ],
      history: [
        { at: at(0), tookMs: 12, outcomes: [{ kind: 'deferred', recipients: 1, reply, remote: 'mx.example.com' }] },
      ],
      warned: true,
    } as const
    assert.equal(await store.record({ lease, state, now: at(1) }), 'recorded')
    const other = await queue.store()
    const { leases } = await other.claimDue({ now: at(60), limit: 1, gate: gateOpen })
    assert.deepEqual(
      leases.map((each) => subset(each.state, state)),
      [{ ...state, status: { kind: 'claimed', owner: other.owner } }],
    )
  })
}
