/**
 * A process that ends itself while it writes (a second Ctrl-C, a worker whose supervisor is gone) ends, and locks nobody out. lmdb's own thread
 * waits for the one that exits, which waits for that thread: without help both would for ever, with the file locked to everybody else. Around
 * turns 4 and 5 the thread commits, and lmdb's listener would take the file from under it.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const WORKER = fileURLToPath(new URL('exit-worker.ts', import.meta.url))
const LIMIT_MS = 10_000

for (const what of ['queue', 'store'])
  test(`a process that exits while it writes to the ${what} is gone, at whatever turn`, async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'postroad-exit-'))
    context.after(() => rm(folder, { recursive: true, force: true }))
    for (const turns of [0, 1, 2, 3, 4, 4, 4, 5, 5, 5, 6])
      assert.equal(await run(folder, what, turns), 'gone', `after ${turns} turns`)
  })

async function run(folder: string, what: string, turns: number): Promise<'gone' | 'hangs'> {
  const child = spawn(process.execPath, ['--conditions=@postroad/source', WORKER, folder, what, String(turns)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const before = performance.now()
  const [code, signal] = await once(child, 'exit')
  clearTimeout(limit)
  assert.ok(code === 1 || signal === 'SIGKILL', `ended with ${code ?? signal}`)
  return performance.now() - before < LIMIT_MS ? 'gone' : 'hangs'
}
