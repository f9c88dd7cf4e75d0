import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lastDue, nextDue, type Schedule, scheduleInWords } from './schedule.ts'

const daily: Schedule = { at: ['07:00'], days: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'], timeZone: 'UTC' }
const at = (text: string): number => Date.parse(text)
const iso = (ms: number): string => new Date(ms).toISOString()

test('a day has one time, and it has come from its very moment on', () => {
  assert.equal(iso(lastDue(at('2026-11-30T06:59:59Z'), daily)), '2026-11-29T07:00:00.000Z')
  assert.equal(iso(lastDue(at('2026-11-30T07:00:00Z'), daily)), '2026-11-30T07:00:00.000Z')
  assert.equal(iso(nextDue(at('2026-11-30T07:00:00Z'), daily)), '2026-12-01T07:00:00.000Z')
})

test('several times a day, one day a week, and another place', () => {
  const often = { ...daily, at: ['13:00', '07:00'] }
  assert.equal(iso(lastDue(at('2026-11-30T12:00:00Z'), often)), '2026-11-30T07:00:00.000Z')
  assert.equal(iso(nextDue(at('2026-11-30T12:00:00Z'), often)), '2026-11-30T13:00:00.000Z')
  const weekly: Schedule = { ...daily, days: ['mon'] }
  assert.equal(iso(lastDue(at('2026-11-30T06:00:00Z'), weekly)), '2026-11-23T07:00:00.000Z')
  assert.equal(iso(nextDue(at('2026-11-30T08:00:00Z'), weekly)), '2026-12-07T07:00:00.000Z')
  // There it is Tuesday already.
  const far: Schedule = { at: ['07:00'], days: ['tue'], timeZone: 'Pacific/Auckland' }
  assert.equal(iso(lastDue(at('2026-11-30T20:00:00Z'), far)), '2026-11-30T18:00:00.000Z')
})

test('clocks that are put forward and back: each day has each time once', () => {
  const there: Schedule = { ...daily, at: ['02:30'], timeZone: 'Europe/Berlin' }
  // 2026-03-29: from 02:00 to 03:00. What the clocks never show comes as much later.
  assert.equal(iso(nextDue(at('2026-03-28T12:00:00Z'), there)), '2026-03-29T01:30:00.000Z')
  assert.equal(iso(nextDue(at('2026-03-29T12:00:00Z'), there)), '2026-03-30T00:30:00.000Z')
  // 2026-10-25: from 03:00 to 02:00. What they show twice is meant the first time.
  assert.equal(iso(nextDue(at('2026-10-24T12:00:00Z'), there)), '2026-10-25T00:30:00.000Z')
  assert.equal(iso(nextDue(at('2026-10-25T00:30:00Z'), there)), '2026-10-26T01:30:00.000Z')
  const fixed: Schedule = { ...daily, timeZone: 'Europe/Berlin' }
  assert.equal(iso(lastDue(at('2026-07-01T12:00:00Z'), fixed)), '2026-07-01T05:00:00.000Z')
  assert.equal(iso(lastDue(at('2026-12-01T12:00:00Z'), fixed)), '2026-12-01T06:00:00.000Z')
})

test('in words', () => {
  assert.equal(scheduleInWords({ ...daily, at: ['07:00', '13:00'] }), 'at 07:00, 13:00 (UTC), every day')
  assert.equal(scheduleInWords({ ...daily, days: ['mon', 'thu'] }), 'at 07:00 (UTC), on mon, thu')
})
