import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AttemptFailure, DEFAULT_SCHEDULE, longestPause, nextAttemptAt } from './schedule.ts'

const MINUTE = 60_000
const DAY = 86_400_000
const failure = (over: Partial<AttemptFailure> = {}): AttemptFailure => ({
  attempts: 1,
  now: 0,
  expiresAt: 5 * DAY,
  class: 'other',
  ...over,
})

test('RFC 5321 §4.5.4.1: waits grow from minutes to hours, and the last one repeats', () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8, 9, 50].map(
    (attempts) => nextAttemptAt(failure({ attempts }), DEFAULT_SCHEDULE, 0.5) / MINUTE,
  )
  assert.deepEqual(waits, [5, 10, 20, 30, 60, 120, 180, 240, 240, 240])
})

test('RFC 6647 §4: greylisting is met again soon', () => {
  assert.equal(nextAttemptAt(failure({ class: 'greylist' }), DEFAULT_SCHEDULE, 0.5), 2 * MINUTE)
})

test('jitter keeps a wait within a fifth of it', () => {
  assert.deepEqual(
    [0, 0.999_999].map((random) => Math.round(nextAttemptAt(failure(), DEFAULT_SCHEDULE, random) / MINUTE)),
    [4, 6],
  )
})

test('a hint of the next hop is obeyed, within bounds, and never undercut', () => {
  const hinted = (hintMs: number) => nextAttemptAt(failure({ hintMs }), DEFAULT_SCHEDULE, 0.5)
  assert.ok(hinted(30 * MINUTE) >= 30 * MINUTE && hinted(30 * MINUTE) <= 36 * MINUTE)
  assert.equal(hinted(1), 5 * MINUTE, 'a short hint does not make us hasty')
  assert.ok(hinted(100 * DAY) <= 4.8 * 60 * MINUTE)
})

test('the last attempt falls on the end of the life of a message', () => {
  assert.equal(nextAttemptAt(failure({ attempts: 20, now: 5 * DAY - 10 * MINUTE }), DEFAULT_SCHEDULE, 0.5), 5 * DAY)
  assert.equal(nextAttemptAt(failure({ attempts: 20, now: 5 * DAY - 1 }), DEFAULT_SCHEDULE, 0.5), 5 * DAY - 1 + MINUTE)
})

test('the next attempt is always later than now, and a finite time', () => {
  const any = fc.record({
    attempts: fc.integer({ min: 1, max: 1_000 }),
    now: fc.integer({ min: 0, max: 10 * DAY }),
    expiresAt: fc.integer({ min: 0, max: 10 * DAY }),
    class: fc.constantFrom('other' as const, 'greylist' as const, 'rate' as const, 'quota' as const),
    hintMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
  })
  fc.assert(
    fc.property(any, fc.double({ min: 0, max: 0.999, noNaN: true }), (each, random) => {
      const at = nextAttemptAt(each, DEFAULT_SCHEDULE, random)
      assert.ok(Number.isInteger(at) && at > each.now && at < each.now + DAY)
    }),
  )
})

test('no attempt is further away than the longest pause', () => {
  const wait = fc.integer({ min: 1, max: 30 * DAY })
  const waits = fc.array(wait, { minLength: 1 })
  const classWaits = fc.record({ rate: waits, other: waits }, { requiredKeys: [] })
  const random = fc.double({ min: 0, max: 0.999_999, noNaN: true })
  fc.assert(
    fc.property(
      waits,
      classWaits,
      fc.nat(12),
      fc.nat(10 * DAY),
      random,
      (waits, classWaits, attempts, hintMs, chance) => {
        const options = { ...DEFAULT_SCHEDULE, waits, classWaits }
        const at = nextAttemptAt(failure({ attempts: attempts + 1, hintMs, expiresAt: 100 * DAY }), options, chance)
        assert.ok(at <= Math.ceil(longestPause(options)), `${at}`)
      },
    ),
  )
})
