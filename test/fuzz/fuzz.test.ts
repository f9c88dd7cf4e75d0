import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from './session.ts'

test('three seconds of random sessions: nothing is thrown, hangs, leaks or comes back malformed', async () => {
  const { sessions, messages } = await fuzz({ limitMs: 3000 })
  assert.ok(sessions > 20, `${sessions} sessions`)
  assert.ok(messages > sessions / 20, `${messages} messages in ${sessions} sessions`)
})
