import assert from 'node:assert/strict'
import { lstat, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Place } from './listener.ts'
import { socketKeeper } from './unix-socket.ts'

test('a UNIX socket is its owner’s alone until it is given to whom it should belong, however the process was started', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  t.after(() => rm(folder, { recursive: true }))
  const before = process.umask(0)
  t.after(() => process.umask(before))
  const path = join(folder, 'a.sock')
  const modes: number[] = []
  const keeper = {
    ...socketKeeper(),
    async give(file: string, rights: { readonly mode: number }) {
      modes.push((await lstat(file)).mode & 0o777)
      await socketKeeper().give(file, rights)
    },
  }
  const server = createServer()
  t.after(() => server.close())
  await new Place({ path, mode: 0o666 }, keeper).open(server)
  assert.deepEqual([...modes, (await lstat(path)).mode & 0o777], [0o600, 0o666])
  assert.equal(process.umask(0), 0, 'the mask is as it was')
})
