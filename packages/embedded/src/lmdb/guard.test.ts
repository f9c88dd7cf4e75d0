import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type LmdbFile, openLmdb } from './file.ts'

const PAGE = 4096
/** A pid that is never given out. */
const NOBODY = 2 ** 22 + 1

async function openIn(folder: string): Promise<LmdbFile> {
  const file = await openLmdb({ folder, isDurable: false, isBinary: true })
  await file.prepare(['words'])
  return file
}

/** A database of some pages. */
async function makeDatabase(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-guard-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = await openIn(folder)
  await file.write(() => {
    for (let at = 0; at < 200; at++) file.table('words').put(`key ${at}`, Buffer.alloc(200, at))
  })
  await file.close()
  return folder
}

async function marks(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('opening'))
}

/** Every entry of every page is said to be behind the end of the file, where it is mapped all the same: who follows it is killed. */
async function poison(folder: string): Promise<void> {
  const path = join(folder, 'data.mdb')
  const content = await readFile(path)
  for (let page = 2 * PAGE; page < content.length; page += PAGE)
    for (let at = 24; at < 60; at += 2) content.writeUInt16LE(Math.min(content.length - page, 0xffff), page + at)
  await writeFile(path, content)
}

test('marks of processes that live, and of many that are gone, condemn nothing: a sound file is opened, and the marks are gone', async (t) => {
  const folder = await makeDatabase(t)
  const stat = await readFile('/proc/self/stat', 'latin1')
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  const living = `opening.${process.pid}.${start}`
  for (let at = 0; at < 10; at++) await writeFile(join(folder, `opening.${NOBODY + at}.1`), '')
  await writeFile(join(folder, 'opening'), '3') // of a version that counted
  await writeFile(join(folder, `opening.${process.ppid}.`), '')
  const file = await openIn(folder)
  assert.equal(file.table('words').get('key 7')?.[0], 7)
  await file.close()
  assert.deepEqual(await marks(folder), [`opening.${process.ppid}.`], `${living} is taken away by who made it`)
})

test('a file that kills who reads it kills one process; who comes after it says so, with the path, and a file put in its place is used', async (t) => {
  const folder = await makeDatabase(t)
  const sound = await readFile(join(folder, 'data.mdb'))
  await poison(folder)
  const script = `import { openLmdb } from ${JSON.stringify(fileURLToPath(new URL('./file.ts', import.meta.url)))}
    const file = await openLmdb({ folder: ${JSON.stringify(folder)}, isDurable: false, isBinary: true })
    await file.prepare(['words'])`
  const first = spawnSync(process.execPath, ['--input-type=module', '-e', script])
  assert.match(first.signal ?? '', /SIGBUS/)
  assert.equal((await marks(folder)).length, 1)
  for (let round = 0; round < 2; round++)
    await assert.rejects(openIn(folder), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_EMBEDDED_UNSAFE')
      assert.ok(error.message.includes(join(folder, 'data.mdb')))
      return /killed by SIGBUS/.test(error.message)
    })
  await writeFile(join(folder, 'data.mdb'), sound)
  const file = await openIn(folder)
  assert.equal(file.table('words').get('key 7')?.[0], 7)
  await file.close()
  assert.deepEqual(await marks(folder), [])
})

test('a file that was cut anywhere, or is something else, is an error with its path, or opens; it never kills', async (t) => {
  const folder = await makeDatabase(t)
  const path = join(folder, 'data.mdb')
  const whole = await readFile(path)
  for (const size of [
    1,
    100,
    PAGE,
    PAGE + 1,
    2 * PAGE,
    2 * PAGE + 1,
    5 * PAGE,
    Math.floor(whole.length / 2),
    whole.length - 1,
  ]) {
    await writeFile(path, whole)
    await truncate(path, size)
    const outcome = await openIn(folder).then(
      (file) => file.close(),
      (error: Error & { code?: string }) => error,
    )
    if (!outcome) continue
    assert.match(outcome.code ?? '', /ERR_EMBEDDED_(?:FOREIGN|DAMAGED)/, `${size} octets: ${outcome.message}`)
    assert.ok(outcome.message.includes(path))
  }
  await writeFile(path, 'something else, and no database at all')
  await assert.rejects(openIn(folder), { code: 'ERR_EMBEDDED_FOREIGN' })
})
