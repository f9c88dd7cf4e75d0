/** Events: written with what they tell of, in order, and kept until they are removed. */
import assert from 'node:assert/strict'
import { type Outbox, parsePosition } from '@postroad/queue-engine'
import { comparePositions } from '../memory-outbox.ts'
import { at, type Check, done, makeMessage, octetsOf, scheduled, sourceOf } from './queue-fixture.ts'

const ALL = 1_000

async function eventsOf(outbox: Outbox): Promise<string[]> {
  return (await outbox.read({ limit: ALL })).map(({ event }) => event)
}

/** Events in the order of commits, with positions in that order. */
export function outbox(checked: Check): void {
  checked(
    'an event is there with the message it tells of, and with the end of an attempt, for any process',
    async (store, queue) => {
      const message = makeMessage()
      const [lease] = await store.add(message, sourceOf(octetsOf(message.size)), ['taken {"ü":1}'])
      assert.ok(lease)
      const other = await queue.store()
      assert.deepEqual(await eventsOf(other.outbox), ['taken {"ü":1}'])
      const end = { lease, state: done(lease), events: ['one', 'two'], now: at(1) }
      assert.equal(await store.record(end), 'finished')
      assert.deepEqual(await eventsOf(other.outbox), ['taken {"ü":1}', 'one', 'two'])
      // The lease is gone: nothing has happened, and nothing is told.
      assert.equal(await store.record(end), 'lost')
      assert.deepEqual(await eventsOf(other.outbox), ['taken {"ü":1}', 'one', 'two'])
    },
  )

  checked('an end that spawns a notification has its events, too', async (store) => {
    const message = makeMessage()
    const [lease] = await store.add(message, sourceOf(octetsOf(message.size)))
    assert.ok(lease)
    const notice = makeMessage()
    const spawn = [{ message: notice, source: sourceOf(octetsOf(notice.size)) }]
    await store.record({ lease, state: done(lease), spawn, events: ['bounced'], now: at(1) })
    assert.deepEqual(await eventsOf(store.outbox), ['bounced'])
    assert.ok(await store.get(notice.id))
  })

  checked('without events nothing is written', async (store) => {
    await scheduled(store, at(10))
    const { events, first, last } = await store.outbox.size()
    assert.deepEqual([events, first, last], [0, undefined, undefined])
  })

  checked('positions rise, pages follow each other, and what is told is removed up to the newest', async (store) => {
    const { outbox } = store
    for (let page = 0; page < 3; page++) await outbox.append([`${page}a`, `${page}b`, `${page}c`])
    const read: { readonly position: string; readonly event: string }[] = []
    for (let after: string | undefined; ; after = read.at(-1)?.position) {
      const page = await outbox.read({ after, limit: 2 })
      read.push(...page)
      if (page.length === 0) break
    }
    assert.equal(read.map(({ event }) => event).join(' '), '0a 0b 0c 1a 1b 1c 2a 2b 2c')
    const positions = read.map(({ position }) => position)
    assert.deepEqual(positions, positions.toSorted(comparePositions))
    const { events, octets, first, last } = await outbox.size()
    assert.deepEqual([events, first, last, octets > 0], [9, positions[0], positions[8], true])
    // A moment is a position as well.
    const [ms] = parsePosition(positions[0] ?? '')
    assert.equal((await outbox.read({ after: `${ms - 1}-0`, limit: ALL })).length, 9)
    assert.equal(await outbox.trim(positions[4] ?? '', 2), 2)
    assert.equal(await outbox.trim(positions[4] ?? '', ALL), 3)
    assert.equal(await outbox.trim(positions[8] ?? '', ALL), 3)
    assert.deepEqual(await eventsOf(outbox), ['2c'])
    await outbox.append(['3a'])
    assert.deepEqual(await eventsOf(outbox), ['2c', '3a'])
  })

  checked('notes are written and removed in one step, and listed by prefix', async (store, queue) => {
    const { outbox } = store
    await outbox.note([
      ['a:2', 'two'],
      ['a:1', 'öne'],
      ['b:1', 'other'],
    ])
    await outbox.note([
      ['a:3', 'three'],
      ['b:1', undefined],
    ])
    const other = (await queue.store()).outbox
    assert.deepEqual(await other.notes('a:'), [
      ['a:1', 'öne'],
      ['a:2', 'two'],
      ['a:3', 'three'],
    ])
    assert.deepEqual(await other.notes('a:', { after: 'a:1', limit: 1 }), [['a:2', 'two']])
    assert.deepEqual(await other.notes('b:'), [])
  })
}
