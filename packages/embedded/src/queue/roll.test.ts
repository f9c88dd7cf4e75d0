import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { QueueError, QueueStore } from '@postroad/queue-engine'
import { disown } from '../../../../test/contracts/queue/disown.ts'
import { at, done, gateOpen, makeMessage, octetsOf, sourceOf } from '../../../../test/contracts/queue/messages.ts'
import { QueueDatabase } from './database.ts'
import { openLmdbStore } from './lmdb-store.ts'
import { OWNER_LIFE, thisOwner } from './owners.ts'
import type { LmdbStoreOptions } from './store-options.ts'

/** A folder, a way to open it, and hands to change it behind everybody's back. */
async function makeQueue(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-roll-'))
  const database = await QueueDatabase.open({ folder })
  t.after(async () => {
    await database.close()
    await rm(folder, { recursive: true, force: true })
  })
  const open = async (options: Partial<LmdbStoreOptions> = {}) => {
    const store = await openLmdbStore({ folder, minFreeBytes: 0, now: () => at(0), ...options })
    t.after(() => store.close().catch(() => {}))
    return store
  }
  const edit = (work: (tables: QueueDatabase['tables']) => void) => database.commit(() => work(database.tables))
  const rows = () => [...database.refresh().owners.getKeys()]
  return { folder, open, edit, rows }
}

async function add(store: QueueStore) {
  const message = makeMessage()
  const [lease] = await store.add(message, sourceOf(octetsOf(message.size)))
  assert.ok(lease)
  return { message, lease }
}

async function placeOf(store: QueueStore, id: string) {
  return (await store.get(id))?.states[0]?.status.kind
}

test('leases of an owner that nobody knows come back with the next beat, also those of mail that never moved', async (t) => {
  const { open, edit } = await makeQueue(t)
  const lost = await open()
  const { message } = await add(lost)
  await edit((tables) => void tables.owners.remove(lost.owner))
  const other = await open()
  assert.equal(await other.beat(at(1)), 1)
  assert.equal(await placeOf(other, message.id), 'scheduled')
})

test('an operator moves what a process has claimed that is surely gone or that nobody knows, and not what one has that lives', async (t) => {
  const { folder, open, edit } = await makeQueue(t)
  const [unknown, dead, alive, operator] = [await open(), await open(), await open(), await open()]
  const [first, second, third] = [await add(unknown), await add(dead), await add(alive)]
  await edit((tables) => void tables.owners.remove(unknown.owner))
  await disown(folder, dead)
  for (const { message } of [first, second])
    assert.equal(await operator.operate(message.id, { kind: 'retry' }, at(1)), 1)
  assert.equal(await operator.operate(third.message.id, { kind: 'retry' }, at(1)), 0)
  const { leases } = await operator.claimDue({ now: at(2), limit: 9, gate: gateOpen })
  assert.deepEqual(
    leases.map((lease) => lease.message.id),
    [first.message.id, second.message.id],
  )
  await edit((tables) => void tables.owners.remove(alive.owner))
  assert.equal((await operator.claimOne(third.message.id, 0))?.message.id, third.message.id)
  assert.equal(await operator.claimOne(third.message.id, 0), undefined, 'the operator lives')
  assert.equal(await operator.claimOne(third.message.id, 9), undefined)
})

test('mail that comes to its store while that ends is refused, or goes to the next: no lease stays with a name of this process', async (t) => {
  const { open } = await makeQueue(t)
  let release: (() => void) | undefined
  const onStep = (point: string) => void (point === 'commit:open' && release?.())
  const store = await open({ onStep })
  await add(store)
  const message = makeMessage()
  const octets = octetsOf(message.size)
  const held = new Promise<void>((go) => (release = go))
  const source = {
    size: octets.length,
    async *raw() {
      await held
      yield octets
    },
  }
  const added = store.add(message, source).then(
    () => true,
    () => false,
  )
  await store.close()
  const next = await open()
  await next.beat(at(1))
  assert.equal((await next.get(message.id))?.states[0]?.status.kind, (await added) ? 'scheduled' : undefined)
})

test('a process that was buried alive notices it with its next step and takes a new name; mail it was writing is its own', async (t) => {
  const { open, edit, rows } = await makeQueue(t)
  const problems: QueueError[] = []
  const store = await open({ onProblem: (problem) => problems.push(problem) })
  const { message, lease } = await add(store)
  const before = store.owner
  await edit((tables) => void tables.owners.remove(before))
  // The record of this one is made under the old name.
  const second = await add(store)
  assert.notEqual(store.owner, before)
  assert.deepEqual(second.lease.state.status, { kind: 'claimed', owner: store.owner })
  assert.deepEqual([rows(), problems.length], [[store.owner], 1])
  const other = await open()
  assert.equal(await other.beat(at(1)), 1, 'what stood under the old name')
  assert.equal(await store.record({ lease, state: done(lease), now: at(2) }), 'lost')
  assert.equal(await placeOf(other, message.id), 'scheduled')
  assert.equal(await store.record({ lease: second.lease, state: done(second.lease), now: at(2) }), 'finished')
  assert.equal((await store.stats()).claimed, 0)
})

test('what a buried process has in hand and nobody has taken yet it may still end', async (t) => {
  const { open, edit } = await makeQueue(t)
  const store = await open()
  const { lease } = await add(store)
  await edit((tables) => void tables.owners.remove(store.owner))
  await add(store)
  assert.equal(await store.record({ lease, state: done(lease), now: at(2) }), 'finished')
})

test('a first step whose commit fails leaves nobody without a row: what is acknowledged next is known to the others', async (t) => {
  const { open, rows } = await makeQueue(t)
  let failures = 1
  const store = await open({
    onStep: (point) => {
      if (point === 'commit:open' && failures-- > 0) throw new Error('EIO')
    },
  })
  await assert.rejects(store.beat(at(0)), { code: 'ERR_QUEUE_IO' })
  assert.deepEqual(rows(), [])
  await add(store)
  assert.deepEqual(rows(), [store.owner])
})

test('an owner that cannot be seen is gone when its beat has not changed for a minute in which we looked all the time', async (t) => {
  const { open, edit } = await makeQueue(t)
  let elapsed = 5_000_000
  const judge = await open({ elapsed: () => elapsed })
  const foreign = await open()
  await add(foreign)
  const beat = (turn: number) =>
    edit(
      (tables) =>
        void tables.owners.put(foreign.owner, Buffer.from(JSON.stringify({ ...thisOwner(0, turn), space: 'pid:[1]' }))),
    )
  const look = async (ms: number): Promise<number> => {
    let taken = 0
    for (let left = ms; left > 0; left -= 5_000) {
      elapsed += 5_000
      // The wall clock goes anywhere.
      taken += await judge.beat(at(left % 2 === 0 ? 1e9 : -1e9))
    }
    return taken
  }
  await beat(1)
  assert.equal(await look(OWNER_LIFE), 0)
  await beat(2)
  assert.equal(await look(OWNER_LIFE), 0, 'it beat')
  elapsed += 3_600_000
  assert.equal(await look(OWNER_LIFE), 0, 'we were stopped, or the disk was: perhaps everybody was')
  assert.equal(await look(10_000), 1)
})

test('rows of older versions are read: their beat is a time', async (t) => {
  const { open, edit } = await makeQueue(t)
  const store = await open()
  const { turn: _, ...old } = thisOwner(at(0))
  await edit((tables) => {
    tables.owners.put('alive', Buffer.from(JSON.stringify(old)))
    tables.owners.put('dead', Buffer.from(JSON.stringify({ ...old, pid: 0x7fff_ffff })))
    tables.owners.put('torn', Buffer.from('{"pid":'))
  })
  await store.beat(at(1e6))
  const kept: string[] = []
  await edit((tables) => void kept.push(...tables.owners.getKeys()))
  assert.deepEqual(kept.sort(), ['alive', 'torn', store.owner].sort())
})

test('a store that could not give back what it had when it closed does not keep it while its process lives', async (t) => {
  const { open } = await makeQueue(t)
  let isBroken = false
  const store = await open({
    onStep: (point) => {
      if (isBroken && point === 'commit:open') throw new Error('EIO')
    },
  })
  const { message } = await add(store)
  isBroken = true
  await assert.rejects(store.close(), { code: 'ERR_QUEUE_IO' })
  const next = await open()
  assert.equal(await next.beat(at(1)), 1)
  assert.equal(await placeOf(next, message.id), 'scheduled')
})

test('a lease that could not be handed out, because setting it aside failed, goes back with the next beat', async (t) => {
  const { open, edit } = await makeQueue(t)
  let failAt = Number.POSITIVE_INFINITY
  let commits = 0
  const store = await open({
    onStep: (point) => {
      if (point === 'commit:open' && ++commits === failAt) throw new Error('EIO')
    },
  })
  const [broken, healthy] = [await add(store), await add(store)]
  await store.release([broken.lease, healthy.lease], { kind: 'scheduled', at: at(0) })
  await edit((tables) => void tables.messages.put(broken.message.id, Buffer.from('garbage, and long enough')))
  failAt = commits + 2
  const { leases } = await store.claimDue({ now: at(1), limit: 9, gate: gateOpen })
  assert.deepEqual(
    leases.map((lease) => lease.message.id),
    [healthy.message.id],
  )
  assert.equal((await store.stats()).claimed, 2)
  await store.beat(at(2))
  assert.equal((await store.stats()).claimed, 1)
})
