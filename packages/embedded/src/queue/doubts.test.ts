import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { at, done, gateOpen, makeMessage, octetsOf, sourceOf } from '../../../../test/contracts/queue/messages.ts'
import { type LmdbStore, openLmdbStore } from './lmdb-store.ts'

/** A store whose next commit is on the disk and reported as failed, when it is told so. */
async function makeStore(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-doubts-'))
  let lies = 0
  const onStep = (point: string): void => {
    if (point === 'commit:durable' && lies-- > 0) throw new Error('EIO')
  }
  const store = await openLmdbStore({ folder, minFreeBytes: 0, onStep, now: () => at(0) })
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })
  const lie = async (work: () => Promise<unknown>): Promise<void> => {
    lies = 1
    await assert.rejects(work(), { code: 'ERR_QUEUE_IO' })
    lies = 0
  }
  return { store, lie, folder }
}

async function add(store: LmdbStore, size = 100) {
  const message = makeMessage({ size })
  const [lease] = await store.add(message, sourceOf(octetsOf(size)))
  assert.ok(lease)
  return { message, lease }
}

async function claimed(store: LmdbStore) {
  const { leases } = await store.claimDue({ now: at(1), limit: 9, gate: gateOpen })
  return leases.map(({ message }) => message.id)
}

test('mail that was refused and is in the queue all the same goes before anything else is claimed, with its file', async (t) => {
  const { store, lie, folder } = await makeStore(t)
  await lie(() => add(store, 100))
  await lie(() => add(store, 100_000))
  assert.equal((await store.stats()).messages, 1, 'the second, which took away the first')
  const kept = await add(store)
  const { messages, claimed } = await store.stats()
  assert.deepEqual([messages, claimed], [1, 1])
  await t.waitFor(async () => {
    const files = await readdir(join(folder, 'bodies'), { recursive: true, withFileTypes: true })
    assert.deepEqual(files.filter((file) => file.isFile()).length, 0)
  })
  assert.equal(await store.record({ lease: kept.lease, state: done(kept.lease), now: at(1) }), 'finished')
})

test('deliveries that were claimed by a commit reported as failed come back with the next claim, and no others', async (t) => {
  const { store, lie } = await makeStore(t)
  const [first, second] = [await add(store), await add(store)]
  await store.release([first.lease], { kind: 'scheduled', at: at(0) })
  await lie(() => claimed(store))
  assert.deepEqual(await claimed(store), [first.message.id])
  assert.deepEqual(await claimed(store), [], 'it is claimed now')
  await store.beat(at(1))
  assert.deepEqual([await claimed(store), (await store.stats()).claimed], [[], 2])
  assert.equal(await store.record({ lease: second.lease, state: done(second.lease), now: at(1) }), 'finished')
})

test('what is undone in a commit that is reported as failed, too, is undone again', async (t) => {
  const { store, lie } = await makeStore(t)
  const { lease, message } = await add(store)
  await store.release([lease], { kind: 'scheduled', at: at(0) })
  await lie(() => store.claimOne(message.id, 0))
  await lie(() => claimed(store))
  await store.beat(at(1))
  assert.deepEqual(await claimed(store), [message.id])
})

test('notifications of an end that was reported as failed are sent, whoever hears that the lease is lost', async (t) => {
  const { store, lie } = await makeStore(t)
  const { lease } = await add(store)
  const bounce = makeMessage({ size: 50 })
  const spawn = [{ message: bounce, source: sourceOf(octetsOf(50)) }]
  const end = () => store.record({ lease, state: done(lease), spawn, now: at(1) })
  await lie(end)
  assert.equal(await end(), 'lost')
  await store.beat(at(1))
  assert.deepEqual(await claimed(store), [bounce.id])
})

test('an end that failed and is tried again keeps the leases of its notifications', async (t) => {
  const { store, lie } = await makeStore(t)
  const { lease } = await add(store)
  await lie(() => add(store))
  const bounce = makeMessage({ size: 50 })
  const spawn = [{ message: bounce, source: sourceOf(octetsOf(50)) }]
  assert.equal(await store.record({ lease, state: done(lease), spawn, now: at(1) }), 'finished')
  await store.beat(at(1))
  assert.deepEqual([await claimed(store), (await store.stats()).claimed], [[], 1])
})

test('mail for later that was refused and is in the queue all the same goes, and gives its idempotency key back', async (t) => {
  const { store, lie } = await makeStore(t)
  const parameters = { holdUntil: at(500), idempotency: { key: 'k', until: at(1000) } }
  const first = { ...makeMessage(), parameters }
  await lie(() => store.add(first, sourceOf(octetsOf(first.size))))
  assert.equal((await store.stats()).scheduled, 1, 'it is there')
  await add(store)
  assert.deepEqual([(await store.stats()).messages, (await store.stats()).scheduled], [1, 0])
  const again = { ...makeMessage(), parameters }
  await store.add(again, sourceOf(octetsOf(again.size)))
  assert.equal((await store.stats()).scheduled, 1)
})
