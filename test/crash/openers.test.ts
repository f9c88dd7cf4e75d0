/** A process that opens the queue, or the services, while another commits (any command of `postroad queue`, a worker that starts). */
import assert from 'node:assert/strict'
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type LmdbFile, openLmdb } from '../../packages/embedded/src/lmdb/file.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'

const skip = requires('gcc', 'libc6-dev')
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Counts from what is there, and resolves to the sum. */
function increment(file: LmdbFile): Promise<number> {
  return file.write(() => {
    const sum = (file.table('words').get('sum') ?? 0) + 1
    file.table('words').putSync('sum', sum)
    return sum
  })
}

for (const durability of ['durable', 'fast'])
  for (const commits of [1, 2, 3])
    test(`${durability}: ${commits} commits while another process opens the file are seen by all and kept`, {
      skip,
    }, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'postroad-openers-'))
      t.after(() => rm(folder, { recursive: true, force: true }))
      const library = join(folder, 'slow-open.so')
      execFileSync(programPath('gcc'), ['-shared', '-fPIC', '-O1', '-o', library, here('slow-open.c'), '-ldl'])
      const options = { folder: join(folder, 'data'), isDurable: durability === 'durable', isBinary: false }
      const file = await openLmdb(options)
      t.after(() => file.close())
      await file.prepare(['words'])
      assert.equal(await increment(file), 1)
      const pause = join(folder, 'pause')
      const opener = fork(here('openers-worker.ts'), [options.folder, durability], {
        execArgv: ['--conditions=@postroad/source'],
        env: { ...process.env, LD_PRELOAD: library, SLOW_OPEN: pause },
      })
      t.after(() => opener.kill('SIGKILL'))
      const isOpen = once(opener, 'message', { signal: AbortSignal.timeout(60_000) })
      while (!existsSync(pause)) {
        assert.equal(opener.exitCode, null)
        await sleep(5)
      }
      for (let commit = 1; commit <= commits; commit++) assert.equal(await increment(file), 1 + commit)
      await rm(pause)
      assert.deepEqual(await isOpen, ['open', undefined])
      file.refresh()
      assert.equal(file.table('words').get('sum'), 1 + commits, 'it is seen')
      assert.equal(await increment(file), 2 + commits, 'it is kept')
      opener.disconnect()
      assert.deepEqual(await once(opener, 'exit'), [0, null])
    })
