import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLmdbStore } from './lmdb-store.ts'

test('a wall clock that is set back does not stop the looks at the disk: there is room again when there is', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-disk-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  let [wall, elapsed] = [1_790_000_000_000, 1_000]
  const store = await openLmdbStore({ folder, minFreeBytes: 0, now: () => wall, elapsed: () => elapsed })
  store.disk.take(Number.MAX_SAFE_INTEGER)
  assert.equal(store.admit(1)?.status, '4.3.1')
  wall -= 3_600_000
  elapsed += 2_000
  for (let turn = 0; store.admit(1) !== undefined; turn++) {
    assert.ok(turn < 1_000, 'it looks again')
    await new Promise(setImmediate)
  }
  await store.close()
})
