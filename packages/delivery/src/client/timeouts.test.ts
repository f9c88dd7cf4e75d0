import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TIMEOUTS } from './timeouts.ts'

test('RFC 5321 §4.5.3.2: no stage is given less time than the standard says', () => {
  const minutes = { greeting: 5, mail: 5, rcpt: 5, data: 2, block: 3, final: 10 } as const
  for (const stage of Object.keys(minutes) as (keyof typeof minutes)[])
    assert.ok(TIMEOUTS[stage] >= minutes[stage] * 60_000, stage) // `as`: its own keys
})
