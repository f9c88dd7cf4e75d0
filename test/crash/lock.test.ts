/** Processes that wait for each other: whoever only waits, or is ended while it waits, has not died of the queue. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openLmdbStore } from '@postroad/queue'

const worker = fileURLToPath(new URL('lock-worker.ts', import.meta.url))

interface Beside {
  readonly child: ChildProcess
  readonly said: string[]
  /** Resolves with the first thing it says that begins so. */
  heard(begin: string): Promise<string>
}

function beside(t: TestContext, role: 'hold' | 'use', folder: string): Beside {
  const child = fork(worker, [role, folder], { execArgv: ['--conditions=@postroad/source'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  t.after(() => child.kill('SIGKILL'))
  const said: string[] = []
  child.on('message', (text) => said.push(String(text)))
  const heard = async (begin: string): Promise<string> => {
    for (;;) {
      const found = said.find((text) => text.startsWith(begin))
      if (found !== undefined) return found
      assert.equal(child.exitCode ?? child.signalCode, null, `it ended, and said ${JSON.stringify(said)}`)
      await Promise.race([once(child, 'message'), once(child, 'exit')])
    }
  }
  return { child, said, heard }
}

async function makeQueue(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-lock-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await (await openLmdbStore({ folder, minFreeBytes: 0 })).close()
  return folder
}

test('while a stopped process has the lock others open and read; what waits to write is told so, can be ended, and condemns nothing', async (t) => {
  const folder = await makeQueue(t)
  const holder = beside(t, 'hold', folder)
  await holder.heard('held')
  holder.child.kill('SIGSTOP')
  const users = Array.from({ length: 4 }, () => beside(t, 'use', folder))
  for (const user of users) assert.equal(await user.heard('read'), 'read 0')
  for (const user of users) assert.match(await user.heard('told'), /data\.mdb is locked/)
  for (const [at, { child }] of users.entries()) child.kill(at % 2 === 0 ? 'SIGINT' : 'SIGKILL')
  for (const { child } of users) if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('opening')),
    [],
  )
  holder.child.kill('SIGKILL')
  const last = beside(t, 'use', folder)
  await last.heard('written')
})

test('eight processes that open at once all open', async (t) => {
  const folder = join(await makeQueue(t), 'new')
  const users = Array.from({ length: 8 }, () => beside(t, 'use', folder))
  for (const user of users) await user.heard('written')
})
