import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { FeedWatcher } from '@postroad/plugin'
import type { Circle } from './circle.ts'
import { Hub, type LiveEvent } from './hub.ts'

const end = (recorded: FeedWatcher['recorded'], id: string, more: object) => {
  const record = { event: 'transaction', id, time: '2026-11-30T12:00:00Z', ...more }
  recorded?.(record, { line: `${JSON.stringify(record)}\n` })
}
const ACCEPTED = { reply: '250 Ok', receipt: 'q' }
const REFUSED = { reply: '550 No' }

/** A hub alone, with a feed by hand. */
function alone(context: TestContext) {
  context.mock.timers.enable({ apis: ['setInterval'] })
  const watchers = new Set<FeedWatcher>()
  const feed = {
    watch(watcher: FeedWatcher) {
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
  }
  const circle = { follow: async () => undefined } as unknown as Circle // nobody else is there
  const hub = new Hub(feed, () => circle)
  const told: LiveEvent[] = []
  const add = hub.ring.add.bind(hub.ring)
  context.mock.method(hub.ring, 'add', (event: LiveEvent) => {
    told.push(event)
    add(event)
  })
  return {
    hub,
    told,
    watchers,
    tick: () => context.mock.timers.tick(1_000),
    /** All of them are under way at the same time. */
    mails(count: number, from = 0) {
      const ids = Array.from({ length: count }, (_, n) => `S${from + n}.1`)
      for (const { ran } of watchers)
        for (const id of ids) ran?.({ id, hook: 'rcpt', at: 0, plugin: 'p', shadow: false, ms: 1, opinions: [] })
      for (const { recorded } of watchers) for (const id of ids) end(recorded, id, ACCEPTED)
    },
  }
}

const count = (told: readonly LiveEvent[], event: string) => told.filter((one) => one.event === event).length

test('where a sample is enough nothing is told of runs while there is too much, and what has no row is counted', (context) => {
  const { hub, told, watchers, mails, tick } = alone(context)
  const stop = hub.view(true)
  mails(20)
  assert.deepEqual([count(told, 'hook'), count(told, 'end')], [20, 20])
  tick()
  // Those that were begun have an end.
  mails(150)
  assert.equal(count(told, 'end'), 170)
  for (const { recorded } of watchers) for (let n = 0; n < 30; n++) end(recorded, `T${n}.1`, REFUSED)
  assert.equal(count(told, 'end'), 170)
  tick()
  const [sampled] = told.filter(({ event }) => event === 'sampled')
  assert.deepEqual(JSON.parse(sampled?.data ?? ''), { count: 30, outcomes: { refused: 30 } })
  assert.deepEqual([...watchers].map(({ ran }) => ran !== undefined), [false]) // biome-ignore format: one line
  mails(250, 1_000)
  assert.deepEqual([count(told, 'hook'), count(told, 'end')], [170, 220])
  for (let second = 0; second < 4; second++) tick()
  assert.deepEqual([...watchers].map(({ ran }) => ran !== undefined), [true]) // biome-ignore format: one line
  assert.equal(count(told, 'sampled'), 2)
  stop()
  assert.equal(watchers.size, 0)
})

test('as many mails, one after the other, are more than can be read, too', (context) => {
  const { hub, told, mails, tick } = alone(context)
  const stop = hub.view(true)
  for (let second = 0; second < 3; second++) {
    for (let n = 0; n < 200; n++) mails(1, second * 200 + n)
    tick()
  }
  assert.deepEqual([count(told, 'hook'), count(told, 'end'), count(told, 'sampled')], [51, 151, 3])
  stop()
})

test('an end has the row, and the record as it was written', (context) => {
  const { hub, told, watchers } = alone(context)
  const stop = hub.view(true)
  for (const { recorded } of watchers)
    end(recorded, 'S.1', { ...REFUSED, opinions: [{ plugin: 'p', hook: 'rcpt', kind: 'reject', text: 'No' }] })
  const [one] = told
  const { row, record } = JSON.parse(one?.data ?? '')
  assert.deepEqual([row, one?.plugins], [one?.row, ['p']])
  assert.deepEqual([row.outcome, row.stop, record.id, record.opinions[0].text], ['refused', { plugin: 'p', hook: 'rcpt' }, 'S.1', 'No']) // biome-ignore format: one line
  assert.deepEqual(JSON.parse(JSON.stringify(one)), { event: 'end', isSample: true, id: one?.id, data: one?.data, row, plugins: ['p'] }) // biome-ignore format: one line
  stop()
})

test('who wants all is told all, and those beside him a sample', (context) => {
  const { hub, told, watchers, mails, tick } = alone(context)
  const stops = [hub.view(true), hub.view(false)]
  for (let second = 0; second < 3; second++) {
    for (const { recorded } of watchers) for (let n = 0; n < 300; n++) end(recorded, `${second}T${n}.1`, REFUSED)
    tick()
  }
  const ends = told.filter(({ event }) => event === 'end')
  assert.deepEqual([ends.length, ends.filter(({ isSample }) => isSample).length], [900, 150])
  mails(10)
  // All is told while it is under way to who wants all, and to nobody else.
  assert.deepEqual([count(told, 'hook'), told.some(({ event, isSample }) => event === 'hook' && isSample)], [10, false])
  for (const stop of stops) stop()
  assert.equal(watchers.size, 0)
})
