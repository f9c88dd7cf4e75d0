import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { retryHint } from './retry-hint.ts'

test('what servers that greylist say about when to come back is understood, within bounds', () => {
  const table: readonly (readonly [text: string, ms: number | undefined])[] = [
    ['Greylisted, please try again in 300 seconds', 300_000],
    ['Greylisted for 5 minutes', 300_000],
    ['Try again after 1 hour', 3_600_000],
    ['please wait at least 30s', 30_000],
    ['retry in 2 min', 120_000],
    ['retry in 1 second', 10_000],
    ['come back in 99 hours', 14_400_000],
    ['Greylisting in action, please come back in 00:05:00', 300_000],
    ['Greylisted for 4m59s', 299_000],
    ['retry after 1h30m', 5_400_000],
    ['please try again in 5 minutes', 300_000],
    ['You may send 500 messages in 60 seconds', undefined],
    ['More than 20 connections opened in 1 minute, please wait 120 seconds', 120_000],
    ['at 12:05:00 the queue was full', undefined],
    ['try again later', undefined],
    ['queued in 250 mailboxes', undefined],
    ['in 0 seconds', undefined],
    ['[192.0.2.1] for 3 months', undefined],
  ]
  for (const [text, ms] of table) assert.equal(retryHint(text), ms, text)
})

test('never throws, and never answers beyond its bounds', () => {
  const words = fc.constantFrom('in ', 'for ', 'at least ', '99999', ' ', 's', 'hours', 'minutes', 'x')
  fc.assert(
    fc.property(fc.array(words, { maxLength: 200 }), (parts) => {
      const ms = retryHint(parts.join(''))
      assert.ok(ms === undefined || (ms >= 10_000 && ms <= 14_400_000))
    }),
  )
})
