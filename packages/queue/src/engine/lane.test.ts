import assert from 'node:assert/strict'
import { test } from 'node:test'
import { healthOf, Lane } from './lane.ts'

const DOWN = { code: 451, status: '4.4.1', text: 'Connection refused' }
const BACKOFF = { failures: 3, firstMs: 1_000, maxMs: 8_000 }
const lane = (concurrency = 20) => new Lane<string>('smtp:example.com', { concurrency }, BACKOFF)

function fail(it: Lane<string>, now: number): void {
  it.started(now)
  it.ended(DOWN, now, 0.5)
}

test('a new destination gets five transactions at once, and one more for each that works', () => {
  const it = lane(7)
  let started = 0
  for (; it.readyAt(0) <= 0; started++) it.started(0)
  assert.equal(started, 5)
  for (let done = 0; done < 5; done++) it.ended(undefined, 0)
  for (started = 0; it.readyAt(0) <= 0; started++) it.started(0)
  assert.equal(started, 7)
})

test('a lane closes after failures in a row, opens for a probe, and closes for twice as long when it fails', () => {
  const it = lane()
  for (let count = 0; count < 2; count++) fail(it, 0)
  assert.equal(it.blockedUntil(0), 0)
  fail(it, 0)
  assert.equal(it.blockedUntil(0), 1_000)
  assert.equal(it.lastFailure, DOWN)
  assert.equal(it.blockedUntil(1_000), 0)
  fail(it, 1_000)
  assert.equal(it.blockedUntil(1_000), 3_000)
  it.started(3_000)
  it.ended(undefined, 3_000)
  fail(it, 3_000)
  assert.equal(it.blockedUntil(3_000), 0, 'a success makes it forget')
})

test('the wait never grows beyond its limit', () => {
  const it = lane()
  let now = 0
  for (let count = 0; count < 30; count++) {
    fail(it, now)
    now = Math.max(now, it.blockedUntil(now))
  }
  fail(it, now)
  assert.equal(it.blockedUntil(now) - now, 8_000)
})

test('a rate spreads transactions, and lets no burst follow a pause', () => {
  const it = new Lane<string>('x', { concurrency: 100, perSecond: 10 }, BACKOFF)
  let started = 0
  for (let now = 10_000; now <= 12_000; now += 10)
    for (; it.readyAt(now) <= now && started < 1_000; started++) {
      it.started(now)
      it.ended(undefined, now)
    }
  assert.ok(started >= 20 && started <= 31, `${started} in two seconds at ten a second`)
})

test('fresh mail goes first, and old mail gets every fourth turn', () => {
  const it = lane()
  it.fresh.push('f1', 'f2', 'f3', 'f4', 'f5')
  it.backlog.push('b1', 'b2')
  assert.deepEqual(
    Array.from({ length: 7 }, () => it.shift(true)),
    ['f1', 'f2', 'f3', 'b1', 'f4', 'f5', 'b2'],
  )
  it.backlog.push('b3')
  assert.equal(it.shift(false), undefined)
})

test('greylisting and unknown users say nothing of a destination; refused connections and 421 do', () => {
  assert.deepEqual(
    [
      { code: 450, text: 'Greylisted' },
      { code: 550, status: '5.1.1', text: '' },
      { code: 421, text: '' },
      DOWN,
      { code: 450, text: 'Too many messages' },
    ].map(healthOf),
    ['up', 'up', 'down', 'down', 'slow'],
  )
})
