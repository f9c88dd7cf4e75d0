import assert from 'node:assert/strict'
import { test } from 'node:test'
import { playDay } from './day.ts'

const STEADY = { messagesADay: 1_440_000, peakFactor: 1, deferred: 0, deferredAgain: 0, waits: [5] }

test('without deferrals there is one attempt a message and no backlog', () => {
  const day = playDay(STEADY)
  assert.ok(Math.abs(day.messages - 1_440_000) < 1)
  assert.ok(Math.abs(day.attempts - day.messages) < 1)
  assert.ok(Math.abs(day.peakMessagesPerSecond - 1_000 / 60) < 1e-6)
  assert.ok(day.peakBacklog < 1)
})

test('what is deferred waits: the backlog is rate times wait, and attempts are counted again', () => {
  const day = playDay({ ...STEADY, deferred: 0.1, waits: [60] })
  assert.ok(Math.abs(day.peakBacklog - 1_000 * 0.1 * 60) < 1, `${day.peakBacklog}`)
  assert.ok(Math.abs(day.attempts - 1.1 * day.messages) < 1)
})

test('an outage piles up its share of what comes, and passes', () => {
  const day = playDay({ ...STEADY, outage: { share: 0.5, fromMinute: 600, minutes: 120 }, waits: [30] })
  assert.ok(day.peakBacklog > 0.5 * 1_000 * 100 && day.peakBacklog <= 0.5 * 1_000 * 120 + 1, `${day.peakBacklog}`)
})

test('the busiest minute is the peak factor times the average', () => {
  for (const peakFactor of [1.5, 2, 3]) {
    const { peakMessagesPerSecond } = playDay({ ...STEADY, peakFactor })
    assert.ok(Math.abs(peakMessagesPerSecond / (1_000 / 60) - peakFactor) < 0.05, `${peakMessagesPerSecond}`)
  }
})
