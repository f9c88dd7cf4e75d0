import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type LmdbFile, openLmdb } from './file.ts'

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-file-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function openIn(t: TestContext, folder: string): Promise<LmdbFile> {
  const file = await openLmdb({ folder, isDurable: false, isBinary: true })
  t.after(() => file.close())
  await file.prepare(['words'])
  return file
}

async function say(file: LmdbFile, word: string): Promise<void> {
  await file.write(() => file.table('words').put(word, Buffer.alloc(1)))
}

function words(file: LmdbFile): unknown[] {
  file.refresh()
  return [...file.table('words').getKeys()]
}

test('who opens a folder whose files are others by now gets those, and not what this process still has open of before', async (t) => {
  const folder = await makeFolder(t)
  const before = await openIn(t, folder)
  await say(before, 'old')
  await mkdir(join(folder, 'away'))
  for (const name of ['data.mdb', 'lock.mdb']) await rename(join(folder, name), join(folder, 'away', name))
  const after = await openIn(t, folder)
  await say(after, 'new')
  assert.deepEqual([words(before), words(after)], [['old'], ['new']])
  await before.close()
  const third = await openIn(t, folder)
  await say(third, 'newer')
  assert.deepEqual(words(after), ['new', 'newer'], 'they share it')
})

test('a data.mdb that was replaced beside its lock.mdb is refused while the old one is open, and used afterwards', async (t) => {
  const folder = await makeFolder(t)
  const before = await openIn(t, folder)
  await say(before, 'old')
  await rename(join(folder, 'data.mdb'), join(folder, 'data.old'))
  await assert.rejects(openIn(t, folder), { code: 'ERR_EMBEDDED_BUSY', message: /was replaced, or removed/ })
  await say(before, 'older')
  await before.close()
  assert.deepEqual(words(await openIn(t, folder)), [])
})
