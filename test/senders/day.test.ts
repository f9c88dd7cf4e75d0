/** A short day; `npm run senders` runs a long one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runDay } from './day.ts'

test('1,000 mails to 50 receivers that answer what real servers do: suppressed are those who are not there, and nobody else', async () => {
  const report = await runDay({ mails: 1_000 })
  assert.deepEqual([report.missed, report.wronged], [[], []])
  assert.deepEqual(report.reasons, { address: 140, complaint: 20, unsubscribe: 10 })
  assert.deepEqual(report.forged, [120, 120])
  assert.ok(report.complaintMs < 60_000)
  assert.equal(report.counted.complaints, 20)
  assert.deepEqual(report.again.refused, [170, 170])
  assert.deepEqual(report.again.taken, [830, 830])
})
