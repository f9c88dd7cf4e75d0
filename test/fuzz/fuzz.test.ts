import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from './session.ts'

test('three seconds of random sessions: nothing is thrown, hangs, leaks or comes back malformed', async () => {
  assert.ok((await fuzz({ limitMs: 3000 })) > 20)
})
