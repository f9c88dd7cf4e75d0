import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_LIMITS } from '../config/limits.ts'
import { Deadlines } from './deadline.ts'

/** Half an octet a millisecond, from thirty seconds on; nothing else is in the way. */
const LIMITS = { ...DEFAULT_LIMITS, minDataRate: 500, dataGraceMs: 30_000 }

test('the time that we take over a message is not held against the client', () => {
  const deadlines = new Deadlines(0)
  deadlines.startContent(1000)
  // Octets come until 11,000; then the disk is slow for a minute.
  deadlines.touch(11_000)
  for (let now = 12_000; now <= 71_000; now += 1000) deadlines.hold(now)
  // The client has had ten seconds, and now eleven.
  assert.equal(deadlines.expired(72_000, LIMITS, 10), undefined)
  // Until it has had thirty of its own.
  assert.equal(deadlines.expired(91_000, LIMITS, 10), undefined)
  assert.equal(deadlines.expired(91_001, LIMITS, 10)?.status, '4.4.2')
  assert.match(String(deadlines.expired(91_001, LIMITS, 10)?.text), /too slowly/)
  assert.equal(deadlines.expired(91_001, LIMITS, 15_001), undefined)
})

test('RFC 5321 §4.5.3.2: the time that a command may take begins when we have answered', () => {
  const deadlines = new Deadlines(0)
  deadlines.hold(600_000)
  assert.equal(deadlines.expired(900_000, LIMITS, undefined), undefined)
  assert.match(String(deadlines.expired(900_001, LIMITS, undefined)?.text), /Timeout/)
})

test('a connection has its whole time from its begin, whoever waits for whom', () => {
  const deadlines = new Deadlines(0)
  deadlines.hold(7_200_001)
  assert.match(String(deadlines.expired(7_200_001, LIMITS, undefined)?.text), /open for too long/)
})
