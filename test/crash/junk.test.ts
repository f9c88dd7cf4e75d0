/**
 * The plugin junk, killed at every step: what was told as learned is learned, nothing is learned by half, and it goes on.
 *
 * kill -9 leaves the files of a process as they are at that moment. So the folder is copied before and after each call that changes something,
 * and in the middle of each write; each copy is what a killed process would have left. Another test kills a process.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import promises, { cp, type FileHandle, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { readSnapshot, writeSnapshot } from '@postroad/learn'
import { newId } from '../../plugins/junk/src/lesson.ts'
import { mailOf } from '../../plugins/junk/src/mail-fixture.test.ts'
import type { Mind } from '../../plugins/junk/src/mind.ts'
import { mindSlices } from '../../plugins/junk/src/state-file.ts'
import { openJunk } from './junk-worker.ts'

const DAY = 86_400_000

/** What has been told at the moment of a copy. */
interface Told {
  readonly folder: string
  readonly step: string
  /** Numbers of spam that was told as learned, and must be there. */
  readonly learned: ReadonlySet<number>
  /** What is under way: may be there or not. */
  readonly open: ReadonlySet<number>
  /** May be there still: it is being taken back. */
  readonly leaving: ReadonlySet<number>
}

test('kill -9 at every step: what was told is there, and nothing else', async (t) => {
  const top = await mkdtemp(join(tmpdir(), 'postroad-junk-kill-'))
  t.after(() => rm(top, { recursive: true, force: true }))
  const copies = await record(t, top)
  const steps = new Set(copies.map(({ step }) => step))
  for (const step of ['write', 'write:half', 'datasync', 'writeFile:half', 'sync', 'rename', 'rm', 'link'])
    assert.ok([...steps].includes(step), `${step} is among ${[...steps].join(' ')}`)
  // Many copies are alike: a sync changes nothing that a kill leaves.
  const seen = new Set<string>()
  for (const told of copies) {
    const key = await digestOf(told)
    if (!seen.has(key)) await recovers(told)
    seen.add(key)
  }
})

/** Runs through the life of a filter, and copies its folder at each step. */
async function record(t: TestContext, top: string): Promise<readonly Told[]> {
  const folder = join(top, 'live')
  const copies: Told[] = []
  const [learned, opening, leaving] = [new Set<number>(), new Set<number>(), new Set<number>()]
  const copy = async (step: string): Promise<void> => {
    const to = join(top, String(copies.length))
    await real.cp(folder, to, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error // before there is a folder
    })
    copies.push({ folder: to, step, learned: new Set(learned), open: new Set(opening), leaving: new Set(leaving) })
  }
  const real = { cp }
  const restore = await watchCalls(top, folder, copy)
  t.after(restore)
  try {
    const clock = { at: DAY * 20_000 }
    const { teacher, close } = await openJunk(folder, () => clock.at, 2_500)
    const teach = async (id: number, user?: string): Promise<void> => {
      opening.add(id)
      await teacher.teach(Buffer.from(mailOf('spam', id)), { label: 'junk', source: 'command', user })
      opening.delete(id)
      learned.add(id)
    }
    const { keeper } = teacher
    for (let id = 0; id < 4; id++) await teach(id)
    await keeper.save()
    clock.at += 200 * DAY
    for (let id = 4; id < 7; id++) await teach(id)
    await keeper.compact()
    await teach(7, 'alice@example.com')
    await keeper.save()
    clock.at += 1
    await teach(8)
    for (const id of [8]) leaving.add(id) && learned.delete(id)
    await keeper.submit({ kind: 'undo', id: newId(), at: clock.at, since: clock.at, user: undefined })
    leaving.clear()
    leaving.add(7)
    learned.delete(7)
    await keeper.erase(teacher.secret.person('alice@example.com'), { id: newId(), at: clock.at })
    leaving.clear()
    await copy('end')
    await close()
  } finally {
    restore()
  }
  return copies
}

/** The same for what a process would find the same, and must find the same in. */
async function digestOf({ folder, learned, open: opening, leaving }: Told): Promise<string> {
  const digest = createHash('sha256').update(JSON.stringify([[...learned], [...opening], [...leaving]]))
  for (const name of (await readdir(folder).catch(() => [])).sort())
    digest.update(`${name}\0`).update(await readFile(join(folder, name)))
  return digest.digest('hex')
}

/** The folder as a process that starts after the kill finds it. */
async function recovers({ folder, step, learned, open: opening, leaving }: Told): Promise<void> {
  const { teacher, close } = await openJunk(folder, () => DAY * 20_300)
  const { keeper } = teacher
  assert.equal(keeper.trouble, undefined, step)
  await isWhatTheJournalSays(folder, digestOfMind(keeper.mind), step)
  const there: number[] = []
  for (let id = 0; id < 10; id++)
    if (keeper.mind.learned.get(teacher.keyOf(Buffer.from(mailOf('spam', id))))) there.push(id)
  for (const id of learned) assert.ok(there.includes(id), `${step}: ${id} was told, there are ${there.join()}`)
  for (const id of there)
    assert.ok(
      learned.has(id) || opening.has(id) || leaving.has(id),
      `${step}: ${id} is there, and nobody has taught it`,
    )
  assert.equal(keeper.mind.model.lessons.junk, there.length, step)
  assert.doesNotThrow(() => readSnapshot(writeSnapshot(keeper.mind.model)), step)
  assert.equal(
    await teacher.teach(Buffer.from(mailOf('spam', 9)), { label: 'junk', source: 'command' }),
    'learned',
    step,
  )
  await close()
}

/** What a process has read from its file is what one finds that has only the journal: weights, whose labels are believed, canaries, counts. */
async function isWhatTheJournalSays(folder: string, digest: string, step: string): Promise<void> {
  const bare = `${folder}.bare`
  await cp(folder, bare, { recursive: true }).catch(() => undefined) // before there is a folder
  await rm(join(bare, 'state'), { force: true })
  const { teacher, close } = await openJunk(bare, () => DAY * 20_300)
  assert.equal(digestOfMind(teacher.keeper.mind), digest, step)
  await close()
}

function digestOfMind(mind: Mind): string {
  const digest = createHash('sha256')
  for (const slice of mindSlices({ mind, position: '' })) digest.update(slice)
  return digest.digest('hex')
}

const HANDLE_CALLS = ['write', 'writeFile', 'datasync', 'sync'] as const
const FOLDER_CALLS = ['rename', 'rm', 'link'] as const

/** Calls `copy` around whatever changes a file of this process, and half-way in what writes. */
async function watchCalls(top: string, folder: string, copy: (step: string) => Promise<void>): Promise<() => void> {
  const probe = await open(join(top, 'probe'), 'w')
  const handle = Object.getPrototypeOf(probe) as Record<string, (...args: unknown[]) => Promise<unknown>> // the class of a FileHandle is not exported
  await probe.close()
  const kept = [
    ...HANDLE_CALLS.map((name) => [handle, name, handle[name]]),
    ...FOLDER_CALLS.map((name) => [promises, name, promises[name]]),
  ] as [Record<string, unknown>, string, (...args: unknown[]) => Promise<unknown>][] // pairs of a table
  let isCopying = false
  const alone = async (step: string): Promise<void> => {
    isCopying = true
    try {
      await copy(step)
    } finally {
      isCopying = false
    }
  }
  for (const [owner, name, call] of kept)
    owner[name] = async function (this: FileHandle, ...args: unknown[]): Promise<unknown> {
      const isOurs = !isCopying && (owner === handle || String(args[0]).startsWith(folder))
      if (!isOurs) return await call.apply(this, args)
      // Before a piece of a file that is not in its place yet nothing is new.
      if (name !== 'writeFile') await alone(name)
      const [octets, , , place] = args
      if (name.startsWith('write') && octets instanceof Uint8Array && octets.length > 1) {
        const half = octets.length >> 1
        const at = (offset: number): readonly unknown[] =>
          typeof place === 'number' ? [0, undefined, place + offset] : []
        await call.call(this, octets.subarray(0, half), ...at(0))
        await alone(`${name}:half`)
        const rest = await call.call(this, octets.subarray(half), ...at(half))
        return name === 'write' ? { ...(rest as object), bytesWritten: octets.length } : rest
      }
      return await call.apply(this, args)
    }
  syncBuiltinESMExports()
  return () => {
    for (const [owner, name, call] of kept) owner[name] = call
    syncBuiltinESMExports()
  }
}

test('a process that is killed while it learns, again and again: all that it told is there', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postroad-junk-kill-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const told = new Set<number>()
  for (let round = 0; round < 3; round++) {
    const child = spawn(
      process.execPath,
      ['--conditions=@postroad/source', join(import.meta.dirname, 'junk-worker.ts'), folder, String(1_000 * round)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const gone = once(child, 'exit')
    let count = 0
    for await (const line of createInterface(child.stdout)) {
      // What test files that it imports report is no number.
      if (!/^\d+$/.test(line)) continue
      told.add(Number(line))
      if (++count === 5 + 7 * round) child.kill('SIGKILL')
    }
    await gone
    assert.ok(count >= 5 + 7 * round)
  }
  const { teacher, close } = await openJunk(folder, Date.now)
  for (const id of told)
    assert.equal(
      await teacher.teach(Buffer.from(mailOf('spam', id)), { label: 'junk', source: 'command' }),
      'known',
      `${id}`,
    )
  await close()
})
