import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, lstat, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { groupId, socketKeeper } from './unix-socket.ts'

test('a socket gets the mode and the group that the operator says; what is no socket is left alone', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'a.sock')
  const server = createServer().listen(path)
  t.after(() => server.close())
  await once(server, 'listening')
  const gid = process.getgid?.() ?? 0
  await socketKeeper().give(path, { mode: 0o620, gid })
  const { mode, gid: now } = await stat(path)
  assert.deepEqual([mode & 0o777, now], [0o620, gid])
  // Somebody answers.
  await socketKeeper().clear(path)
  assert.ok((await stat(path)).isSocket())
  server.close()
  await writeFile(join(folder, 'file'), '')
  await assert.rejects(socketKeeper().give(join(folder, 'file'), { mode: 0o600 }), /no socket/)
  await socketKeeper().clear(join(folder, 'file'))
  assert.ok((await stat(join(folder, 'file'))).isFile())
})

test('a symbolic link is left alone, and so is the socket that it leads to', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  t.after(() => rm(folder, { recursive: true }))
  const [stale, link] = [join(folder, 'stale.sock'), join(folder, 'link.sock')]
  const server = createServer().listen(join(folder, 'a.sock'))
  await once(server, 'listening')
  // Its server takes away the name that it has made, and this one stays, as after a crash.
  await rename(join(folder, 'a.sock'), stale)
  await new Promise((resolve) => server.close(resolve))
  await chmod(stale, 0o600)
  await symlink(stale, link)
  await socketKeeper().clear(link)
  assert.deepEqual([(await lstat(link)).isSymbolicLink(), (await lstat(stale)).isSocket()], [true, true])
  await assert.rejects(socketKeeper().give(link, { mode: 0o666 }), /no socket/)
  assert.equal((await lstat(stale)).mode & 0o777, 0o600)
  await socketKeeper().clear(stale)
  await assert.rejects(lstat(stale), { code: 'ENOENT' })
})

test('a group is known by name and by number, and one that is not there is named', async () => {
  assert.deepEqual([await groupId('root'), await groupId(12)], [0, 12])
  await assert.rejects(groupId('no-such-group'), /group: there is no group "no-such-group"/)
})
