import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryQueue } from '@postroad/testing/queue'
import { trim } from './trim.ts'

const HOUR = 3_600_000

/** Events of a hundred octets, one a minute; `e0` is the oldest. */
async function written(count: number) {
  let now = HOUR
  const { outbox } = memoryQueue(() => now).open()
  for (let at = 0; at < count; at++) {
    now += 60_000
    await outbox.append([`e${at} `.padEnd(100, '.')])
  }
  const entries = await outbox.read({ limit: count })
  const place = (at: number): string => entries[at]?.position ?? ''
  const left = async () => (await outbox.read({ limit: count })).map(({ event }) => event.replace(/ .*/, ''))
  const run = (kept: Partial<Parameters<typeof trim>[1]>) =>
    trim(outbox, { keep: 0, keepSize: 1e9, limit: 1e9, canDrop: false, held: [], now, ...kept })
  return { left, place, run }
}

test('what everybody was told of goes when it is old, and nothing that somebody was not told of', async () => {
  const { left, place, run } = await written(100)
  assert.deepEqual(await run({ held: [place(29), place(59)], keep: 10 * 60_000 }), { removed: 30, dropped: 0 })
  assert.equal((await left())[0], 'e30')
  assert.deepEqual(await run({ held: [place(29), place(59)], keep: 10 * 60_000 }), { removed: 0, dropped: 0 })
  // From 90 on they are not old.
  assert.deepEqual(await run({ held: [], keep: 10 * 60_000 }), { removed: 60, dropped: 0 })
  assert.equal((await left())[0], 'e90')
})

test('what is kept to be told again has its size, and the oldest goes first', async () => {
  const { left, place, run } = await written(100)
  const { removed } = await run({ held: [place(99)], keep: 24 * HOUR, keepSize: 4_000 })
  assert.equal(removed, 60)
  assert.equal((await left())[0], 'e60')
  // Nobody takes away what was not told for the sake of this size.
  await run({ held: [place(69)], keep: 24 * HOUR, keepSize: 100 })
  assert.equal((await left())[0], 'e70')
})

test('at the limit the oldest are dropped where mail goes first, no more than is needed, and counted; else never', async () => {
  const { left, place, run } = await written(100)
  const full = { held: [place(0)], keep: 24 * HOUR, keepSize: 2_000, limit: 8_000 }
  assert.deepEqual(await run(full), { removed: 1, dropped: 0 })
  assert.equal((await left()).length, 99)
  const { dropped } = await run({ ...full, canDrop: true })
  const rest = await left()
  assert.equal(dropped, 99 - rest.length)
  assert.ok(rest.length <= 80 && rest.length > 70, `${rest.length} are left`)
  assert.equal(rest.at(-1), 'e99')
  assert.deepEqual(await run({ ...full, canDrop: true }), { removed: 0, dropped: 0 })
})

test('the newest stays, so that a place is never given twice', async () => {
  const { left, run } = await written(5)
  await run({ keep: 0, keepSize: 0, limit: 0, canDrop: true })
  assert.deepEqual(await left(), ['e4'])
})
