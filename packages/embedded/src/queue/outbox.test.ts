import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makeMessage } from '../../../../test/contracts/queue/messages.ts'
import { QueueDatabase } from './database.ts'
import { LmdbOutbox, removeAccepted } from './outbox.ts'

/** One file, whose commits may be on the disk and reported as failed. */
async function makeFile(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-outbox-'))
  const state = { now: 1_000, lies: 0 }
  const onStep = (point: string): void => {
    if (point === 'commit:durable' && state.lies-- > 0) throw new Error('EIO')
  }
  const database = await QueueDatabase.open({ folder, onStep })
  t.after(async () => {
    await database.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { state, database, open: () => new LmdbOutbox(database, () => state.now) }
}

/** All that comes behind a place, by pages. */
async function follow(outbox: LmdbOutbox, after: string, limit = 3): Promise<string[]> {
  const found: string[] = []
  for (let at = after; ; ) {
    const page = await outbox.read({ after: at, limit })
    found.push(...page.map(({ event }) => event))
    const last = page.at(-1)
    if (!last) return found
    at = last.position
  }
}

test('who reads while it writes misses nothing of what others write between, and nothing comes twice', async (t) => {
  const { open, state } = await makeFile(t)
  const [one, other] = [open(), open()]
  let at = '0-0'
  const read: string[] = []
  const all: string[] = []
  for (let step = 0; step < 60; step++) {
    const writer = step % 7 === 3 ? other : one
    // A clock that is set back now and then.
    state.now += step % 5 === 0 ? -3 : 1
    const events = [`${step}a`, `${step}b`]
    await writer.append(events)
    all.push(...events)
    if (step % 3 !== 0) continue
    const page = await one.read({ after: at, limit: 4 })
    read.push(...page.map(({ event }) => event))
    at = page.at(-1)?.position ?? at
  }
  read.push(...(await follow(one, at)))
  assert.deepEqual(read, all)
  assert.deepEqual(await follow(one, '0-0'), all)
  assert.deepEqual(await follow(other, '0-0'), all)
})

test('more than is kept in memory is read all the same', async (t) => {
  const { open } = await makeFile(t)
  const outbox = open()
  await outbox.read({ after: '0-0', limit: 1 })
  const all: string[] = []
  for (let step = 0; step < 12; step++) {
    const events = Array.from({ length: 1_000 }, (_, at) => `${step}.${at}`)
    await outbox.append(events)
    all.push(...events)
  }
  assert.deepEqual(await follow(outbox, '0-0', 700), all)
})

test('what a commit has written that was reported as failed is told or not, and what comes later is told in any case', async (t) => {
  const { open, state } = await makeFile(t)
  const outbox = open()
  await outbox.append(['one'])
  assert.deepEqual(await follow(outbox, '0-0'), ['one'])
  state.lies = 1
  await assert.rejects(outbox.append(['doubtful']))
  await outbox.append(['two'])
  assert.deepEqual(await follow(outbox, '0-0'), ['one', 'doubtful', 'two'])
})

test('the place of an accepted event that is withdrawn is given to no other, lest who has passed it misses one', async (t) => {
  const { open, database } = await makeFile(t)
  const outbox = open()
  const message = makeMessage()
  const accepted = (id: string) => `evt_1 accepted key\n{"data":{"message":"${id}"}}`
  const withdrawn = { ...message, queuedAt: 0 }
  await outbox.append(['evt_0 delivered key\n{}', accepted(message.id), accepted('another')])
  await database.commit(() => removeAccepted(database.tables, withdrawn))
  const kept = async () => (await open().read({ limit: 9 })).map(({ event }) => event)
  assert.deepEqual(await kept(), ['evt_0 delivered key\n{}', accepted('another')])
  await outbox.append([accepted(message.id)])
  const { last } = await outbox.size()
  assert.ok(last)
  await database.commit(() => removeAccepted(database.tables, withdrawn))
  assert.equal((await kept()).length, 2)
  await outbox.append(['next'])
  assert.deepEqual(await follow(open(), last), ['next'])
})

test('what one commit writes is one record, whoever writes it; places, counts and trimming are those of events', async (t) => {
  const { open, database, state } = await makeFile(t)
  const [one, other] = [open(), open()]
  await Promise.all([one.append(['a', 'b']), other.append(['c']), one.append(['d'])])
  state.now++
  await one.append(Array.from({ length: 40 }, (_, at) => `e${at}`))
  const all = ['a', 'b', 'c', 'd', ...Array.from({ length: 40 }, (_, at) => `e${at}`)]
  assert.equal([...database.tables.outbox.getKeys()].length, 3)
  assert.deepEqual(await follow(open(), '0-0', 1), all)
  const { events, first, last } = await open().size()
  assert.deepEqual({ events, first, last }, { events: 44, first: '1000-0', last: '1001-39' })
  assert.equal(await one.trim('1000-2', 2), 2)
  assert.equal(await one.trim('1000-2', 100), 1)
  assert.deepEqual(await follow(open(), '0-0'), all.slice(3))
  assert.equal(await one.trim('1001-35', 100), 37)
  assert.deepEqual(await follow(open(), '0-0'), all.slice(40))
  assert.deepEqual(await follow(open(), '1001-37'), ['e38', 'e39'])
  assert.equal(await one.trim('1001-39', 100), 3)
  const left = await open().size()
  assert.deepEqual([left.events, left.first, left.last], [1, '1001-39', '1001-39'])
  assert.equal(await one.trim('1002-0', 100), 0)
})

test('records of single events, as they were before, are read, counted and trimmed', async (t) => {
  const { open, database } = await makeFile(t)
  await database.commit(() => {
    for (const at of [0, 1, 2]) database.tables.outbox.put([900, at], Buffer.from(`old${at}`))
  })
  const outbox = open()
  assert.equal((await outbox.size()).events, 3)
  await outbox.append(['new'])
  assert.deepEqual(await follow(open(), '900-0'), ['old1', 'old2', 'new'])
  assert.equal((await outbox.size()).events, 4)
  assert.equal(await outbox.trim('900-1', 100), 2)
  assert.deepEqual([(await outbox.size()).events, (await outbox.size()).first], [2, '900-2'])
})
