/** `postroad start --role`: one process takes mail, another delivers it, and either may be away. As an operator runs it. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePorts } from '../interop/loopback.ts'
import { ended, makeFolder, startCommand } from '../kit/command.ts'
import { requires } from '../runner/requires.ts'
import { DURABLE, startRedis } from './redis.ts'

const skip = requires('redis-server')

test('smtp takes and delivers nothing, delivery delivers and does not listen; the commands see the queue of both', {
  skip,
}, async (t) => {
  await using redis = await startRedis(DURABLE)
  const [port = 0] = await freePorts(1)
  const folder = await makeFolder()
  const running: ChildProcess[] = []
  t.after(async () => {
    for (const child of running) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  const mail = await mkdtemp(join(folder, 'mail-'))
  await writeFile(join(folder, 'postroad.config.ts'), configOf({ url: redis.url, port, mail }))
  const start = (role: string): ChildProcess => {
    const child = startCommand(folder, 'start', '--role', role)
    running.push(child)
    return child
  }
  const stop = async (child: ChildProcess): Promise<void> => {
    child.kill('SIGTERM')
    assert.equal((await ended(child)).code, 0)
  }
  const send = async (): Promise<void> => {
    const { code, out, err } = await ended(
      startCommand(folder, 'send', '--server', `127.0.0.1:${port}`, '--to', 'alice@example.com'),
    )
    assert.equal(code, 0, out + err)
  }
  const delivered = async () => (await readdir(join(mail, 'alice', 'new')).catch(() => [])).length
  const stats = async () => JSON.parse((await ended(startCommand(folder, 'queue', 'stats', '--json'))).out)

  const delivery = start('delivery')
  const taker = start('smtp')
  await until(() => listens(port))
  await send()
  await until(async () => (await delivered()) === 1)

  await stop(taker)
  assert.equal(await listens(port), false, 'who delivers does not listen')
  await stop(delivery)

  const again = start('smtp')
  await until(() => listens(port))
  await send()
  assert.deepEqual([(await stats()).scheduled, await delivered()], [1, 1], 'nobody is there who delivers')
  start('delivery')
  await until(async () => (await delivered()) === 2)
  await stop(again)
  await until(async () => (await stats()).messages === 0)
})

function configOf({ url, port, mail }: { readonly url: string; readonly port: number; readonly mail: string }): string {
  return `import { redis } from '@postroad/redis'
import { redisQueue } from '@postroad/redis-queue'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'

export default defineConfig({
  hostname: 'mx.test',
  setup(app) {
    app.use(routing({ domains: { 'example.com': { via: 'maildir' } } }))
    app.use(redis({ url: '${url}' })).use(redisQueue({ maildir: { folder: '${mail}' } }), { as: 'queue' })
    app.listen({ host: '127.0.0.1', port: ${port} })
  },
})
`
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.fail('it did not come about')
}
