import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DirectorySync } from './directory-sync.ts'

/** Counts, and ends when the test says so. */
function gated() {
  const ends: ((error?: Error) => void)[] = []
  const run = () => new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())))
  return { ends, sync: new DirectorySync(run) }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('who comes while a directory is being synced shares the next sync, and no change is told to be durable before it', async () => {
  const { ends, sync } = gated()
  const done: string[] = []
  const wait = (name: string) => sync.sync('/x').then(() => done.push(name))
  const all = [wait('first'), wait('second'), wait('third')]
  await settled()
  assert.equal(ends.length, 1)
  ends[0]?.()
  await settled()
  assert.deepEqual([done, ends.length], [['first'], 2])
  all.push(wait('fourth'))
  ends[1]?.()
  await settled()
  assert.deepEqual([done, ends.length], [['first', 'second', 'third'], 3])
  ends[2]?.()
  await Promise.all(all)
  assert.equal(done.length, 4)
})

test('a sync that fails fails those who waited for it, and not the next', async () => {
  const { ends, sync } = gated()
  const first = sync.sync('/x')
  const second = sync.sync('/x')
  ends[0]?.(new Error('EIO'))
  await assert.rejects(first, /EIO/)
  await settled()
  ends[1]?.()
  await second
})

test('a real directory is synced, and one that is not there is an error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-sync-'))
  await new DirectorySync().sync(folder)
  await rm(folder, { recursive: true })
  await assert.rejects(new DirectorySync().sync(folder), { code: 'ENOENT' })
})
