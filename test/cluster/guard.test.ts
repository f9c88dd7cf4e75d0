/** The guard against guessing, as two servers with one Redis have it: each is a process that clients log in to. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { hashPassword } from '../../packages/login/src/index.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { freePorts, waitForBanner } from '../interop/loopback.ts'
import { makeTestFolder } from '../runner/folder.ts'
import { requires } from '../runner/requires.ts'
import { startRedis } from './redis.ts'

const skip = requires('redis-server')

const bin = path.join(import.meta.dirname, '../../packages/cli/src/bin.ts')
const EXPORT = ['export', 'default'].join(' ')
const CHEAP = { ln: 4, r: 8, p: 1 }

const config = (folder: string, port: number, redis: string) => `import { auth } from '@postroad/auth'
import { redis } from '@postroad/redis'
import { defineConfig } from 'postroad'
${EXPORT} defineConfig({ hostname: 'mx.test', folder: '${folder}', setup(app) {
  app.use(redis({ url: '${redis}' }))
  app.use(auth({ from: { file: 'users' }, fields: { password: 'value' }, failures: { byAddress: '10 per d' }, delay: 0 }))
  app.listen({ host: '127.0.0.1', port: ${port}, authWithoutTls: true })
} })
`

/** Code of the reply to one login. */
async function login(port: number, user: string, password: string): Promise<string> {
  const client = await SmtpClient.connect(port)
  try {
    await client.reply()
    await client.send('EHLO client.test')
    return (await client.send(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`)).slice(0, 3)
  } finally {
    client.end()
  }
}

test('what fails at one server counts at the other; a right password gets in at both, for the first time and later', {
  skip,
}, async (t) => {
  await using redis = await startRedis()
  const folder = makeTestFolder('guard')
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const hash = await hashPassword('right', CHEAP)
  writeFileSync(
    path.join(folder, 'users'),
    ['alice', 'bob', 'carol'].map((name) => `${name}@x.test ${hash}\n`).join(''),
  )
  const [one = 0, other = 0] = await freePorts(2)
  const children: ChildProcess[] = []
  t.after(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
  })
  for (const port of [one, other]) {
    const file = path.join(folder, `${port}.config.ts`)
    writeFileSync(file, config(`kept-${port}`, port, redis.url))
    children.push(
      spawn(process.execPath, ['--conditions=@postroad/source', '--no-warnings', bin, 'start', file], {
        stdio: 'ignore',
        cwd: folder,
      }),
    )
    await waitForBanner(port)
  }
  assert.equal(await login(one, 'alice@x.test', 'right'), '235')
  for (let at = 0; at < 10; at++)
    assert.equal(await login(at % 2 === 0 ? one : other, `nobody${at}@x.test`, 'guess'), '535', `guess ${at}`)
  // Both have heard of all ten: what is wrong is not told any more, whether there is such a user or not.
  const more = Promise.all([
    login(one, 'nobody@x.test', 'guess'),
    login(other, 'nobody@x.test', 'guess'),
    login(one, 'carol@x.test', 'guess'),
    login(other, 'carol@x.test', 'other guess'),
  ])
  assert.equal(await login(other, 'alice@x.test', 'right'), '235', 'known by the one, at home at the other')
  assert.equal(await login(other, 'bob@x.test', 'right'), '235', 'who was never here gets in')
  assert.equal(await login(one, 'bob@x.test', 'right'), '235')
  assert.deepEqual(await more, ['454', '454', '454', '454'])
})
