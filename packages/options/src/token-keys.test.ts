import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { TokenKeys } from './token-keys.ts'

test('keys that were looked at within a second are known without asking where they are', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-keys-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  let now = 0
  t.mock.method(performance, 'now', () => now)
  let asked = 0
  const keys = new TokenKeys(async () => {
    asked++
    return join(folder, 'keys')
  })
  const first = await keys.all()
  for (let n = 0; n < 50; n++) assert.equal(await keys.all(), first)
  assert.equal(asked, 1)
  // Another process, or an operator.
  await new TokenKeys(async () => join(folder, 'keys')).rotate()
  assert.equal((await keys.all()).length, 1)
  now = 5_000
  assert.equal((await keys.all()).length, 2)
  assert.equal(asked, 2)
})
