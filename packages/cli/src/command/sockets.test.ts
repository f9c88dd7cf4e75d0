import assert from 'node:assert/strict'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { chmod, lstat, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { keepSockets } from './sockets.ts'

const linux = process.platform === 'linux' ? false : 'needs /proc of Linux'
const uid = process.getuid?.() ?? 0
const gid = process.getgid?.() ?? 0

interface Order {
  readonly socket: 'clear' | 'give'
  readonly path: string
  readonly rights?: { readonly mode: number }
}

/** Asks the supervisor as a worker would, and resolves to the error it answers with. */
async function ask(order: Order): Promise<string | undefined> {
  const answer = await new Promise<{ readonly error?: { readonly message: string } }>((send) =>
    cluster.emit('message', { isConnected: () => true, send }, { ...order, id: 1 }),
  )
  return answer.error?.message
}

/** `mine`, where only root may write, and `open`, where a worker may. */
async function makeFolders(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-sockets-'))
  const [mine, open] = [join(folder, 'mine'), join(folder, 'open')]
  await mkdir(mine, { mode: 0o755 })
  await mkdir(open)
  await chmod(open, 0o777)
  keepSockets({ uid, gid })
  t.after(async () => {
    cluster.removeAllListeners('message')
    await rm(folder, { recursive: true })
  })
  return { mine, open }
}

async function listen(t: TestContext, path: string) {
  const server = createServer().listen(path)
  t.after(() => server.close())
  await once(server, 'listening')
  await chmod(path, 0o600)
  return server
}

/** A socket that nobody answers on, as a crash leaves it. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.open`)
  await once(server, 'listening')
  await rename(`${path}.open`, path)
  await new Promise((resolve) => server.close(resolve))
}

async function modeOf(path: string): Promise<number> {
  return (await lstat(path)).mode & 0o7777
}

test('in a folder of the worker a socket gets its rights and nothing but permissions, and what a crash left is taken away', {
  skip: linux,
}, async (t) => {
  const { open } = await makeFolders(t)
  const path = join(open, 'a.sock')
  await leaveSocket(path)
  assert.equal(await ask({ socket: 'clear', path }), undefined)
  await assert.rejects(lstat(path), { code: 'ENOENT' })
  await listen(t, path)
  assert.equal(await ask({ socket: 'give', path, rights: { mode: 0o6666 } }), undefined)
  assert.equal(await modeOf(path), 0o666)
  assert.equal(await ask({ socket: 'clear', path }), undefined)
  assert.ok((await lstat(path)).isSocket(), 'somebody answers')
})

test('a folder that was swapped for a link leads nowhere: nothing is removed, nothing given', {
  skip: linux,
}, async (t) => {
  const { mine, open } = await makeFolders(t)
  await symlink(mine, join(open, 'run'))
  await leaveSocket(join(mine, 'a.sock'))
  assert.match(String(await ask({ socket: 'clear', path: join(open, 'run', 'a.sock') })), /run is no folder, or a link/)
  assert.ok((await lstat(join(mine, 'a.sock'))).isSocket())
  await rm(join(mine, 'a.sock'))
  await listen(t, join(open, 'run', 'a.sock'))
  assert.match(
    String(await ask({ socket: 'give', path: join(open, 'run', 'a.sock'), rights: { mode: 0o666 } })),
    /run is no folder, or a link/,
  )
  assert.equal(await modeOf(join(mine, 'a.sock')), 0o600)
})

test('a socket that was swapped for a link, or for a file, is none', { skip: linux }, async (t) => {
  const { mine, open } = await makeFolders(t)
  await writeFile(join(mine, 'shadow'), 'secret', { mode: 0o600 })
  const path = join(open, 'a.sock')
  await listen(t, path)
  await rename(path, join(open, 'b.sock'))
  await symlink(join(mine, 'shadow'), path)
  assert.match(String(await ask({ socket: 'give', path, rights: { mode: 0o666 } })), /no socket of this server/)
  assert.equal(await modeOf(join(mine, 'shadow')), 0o600)
  assert.match(
    String(await ask({ socket: 'give', path: join(mine, 'shadow'), rights: { mode: 0o666 } })),
    /no socket of this server/,
  )
  for (const left of [path, join(mine, 'shadow')]) assert.equal(await ask({ socket: 'clear', path: left }), undefined)
  assert.equal(await readFile(path, 'utf8'), 'secret')
})

test('a link that only root can have made is followed, as /var/run is', { skip: linux }, async (t) => {
  const { mine, open } = await makeFolders(t)
  await symlink('../open', join(mine, 'run'))
  const path = join(mine, 'run', 'a.sock')
  await listen(t, path)
  assert.equal(await ask({ socket: 'give', path, rights: { mode: 0o620 } }), undefined)
  assert.equal(await modeOf(join(open, 'a.sock')), 0o620)
})
