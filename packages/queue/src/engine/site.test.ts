import assert from 'node:assert/strict'
import { test } from 'node:test'
import { healthOf, Site } from './site.ts'

const DOWN = { code: 451, status: '4.4.1', text: 'Connection refused' }
const BACKOFF = { failures: 3, firstMs: 1_000, maxMs: 8_000 }
const site = (concurrency = 20) => new Site<string>({ name: 'smtp:example.com', limits: { concurrency } }, BACKOFF)

function fail(it: Site<string>, now: number): void {
  it.started(now)
  it.ended(DOWN, now, 0.5)
}

test('a new destination gets five transactions at once, and one more for each that works', () => {
  const it = site(7)
  let started = 0
  for (; it.readyAt(0) <= 0; started++) it.started(0)
  assert.equal(started, 5)
  for (let done = 0; done < 5; done++) it.ended(undefined, 0)
  for (started = 0; it.readyAt(0) <= 0; started++) it.started(0)
  assert.equal(started, 7)
})

test('a site closes after failures in a row, opens for a probe, and closes for twice as long when it fails', () => {
  const it = site()
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
  const it = site()
  let now = 0
  for (let count = 0; count < 30; count++) {
    fail(it, now)
    now = Math.max(now, it.blockedUntil(now))
  }
  fail(it, now)
  assert.equal(it.blockedUntil(now) - now, 8_000)
})

test('a rate spreads transactions, and lets no burst follow a pause', () => {
  const it = new Site<string>({ name: 'x', limits: { concurrency: 100, perSecond: 10 } }, BACKOFF)
  let started = 0
  for (let now = 10_000; now <= 12_000; now += 10)
    for (; it.readyAt(now) <= now && started < 1_000; started++) {
      it.started(now)
      it.ended(undefined, now)
    }
  assert.ok(started >= 20 && started <= 31, `${started} in two seconds at ten a second`)
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
