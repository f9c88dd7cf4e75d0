/** Processes that wait for each other: whoever only waits, or is ended while it waits, has not died of the queue. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openLmdbStore } from '@postroad/embedded'
import { openLmdb } from '../../packages/embedded/src/lmdb/file.ts'
import { collect, EXPORT, freePort } from '../cli/operator.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { makeTestFolder } from '../runner/folder.ts'

const bin = fileURLToPath(new URL('../../packages/cli/src/bin.ts', import.meta.url))
const quickstart = fileURLToPath(new URL('../../examples/quickstart/postroad.config.ts', import.meta.url))
const worker = fileURLToPath(new URL('lock-worker.ts', import.meta.url))

interface Beside {
  readonly child: ChildProcess
  readonly said: string[]
  /** Resolves with the first thing it says that begins so. */
  heard(begin: string): Promise<string>
}

function beside(t: TestContext, role: 'hold' | 'use', folder: string): Beside {
  const child = fork(worker, [role, folder], {
    execArgv: ['--conditions=@postroad/source'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
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

test('who opens a file while its last user waits in vain for the lock, to close it, opens it', async (t) => {
  const options = { folder: await makeQueue(t), isDurable: true, isBinary: true }
  const file = await openLmdb(options)
  const holder = beside(t, 'hold', options.folder)
  await holder.heard('held')
  holder.child.kill('SIGSTOP')
  const written = assert.rejects(
    file.write(() => {}),
    { code: 'ERR_EMBEDDED_BUSY' },
  )
  const closed = file.close()
  const late = new Promise<undefined>((end) => setTimeout(end, 20_000, undefined).unref())
  const again = await Promise.race([openLmdb(options), late])
  holder.child.kill('SIGKILL')
  await Promise.all([written, closed])
  assert.ok(again, 'it waits for ever')
  await again.write(() => {})
  await again.close()
})

test('eight processes that open at once all open', async (t) => {
  const folder = join(await makeQueue(t), 'new')
  const users = Array.from({ length: 8 }, () => beside(t, 'use', folder))
  for (const user of users) await user.heard('written')
})

test('a server beside a stopped process with the lock refuses mail with 451, and ends when it is told to', async (t) => {
  const folder = await makeQueue(t)
  const port = await freePort()
  const env = {
    ...process.env,
    POSTROAD_PORT: String(port),
    POSTROAD_FOLDER: folder,
    POSTROAD_MAIL: join(folder, 'mail'),
  }
  // The quickstart; only that a transaction that waits for the lock is not waited for half a minute.
  const place = makeTestFolder('lock')
  t.after(() => rm(place, { recursive: true, force: true }))
  const config = join(place, 'postroad.config.ts')
  await writeFile(config, `import quickstart from '${quickstart}'\n${EXPORT} { ...quickstart, grace: 3_000 }\n`)
  const server = spawn(process.execPath, ['--conditions=@postroad/source', bin, 'start', config], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => server.kill('SIGKILL'))
  const [out, err] = [collect(server.stdout), collect(server.stderr)]
  while (!/Stop with Ctrl-C/.test(out())) await Promise.race([once(server.stdout, 'data'), once(server, 'exit')])
  const holder = beside(t, 'hold', join(folder, 'queue'))
  await holder.heard('held')
  holder.child.kill('SIGSTOP')
  const mail = async (): Promise<string> => {
    const client = await SmtpClient.connect(port)
    await client.reply()
    for (const line of ['EHLO client.test', 'MAIL FROM:<a@client.test>']) await client.send(line)
    // What a plugin refuses at MAIL is said here, with who it was for in the log.
    const reply = await client.send('RCPT TO:<alice@postroad.test>')
    client.end()
    return reply
  }
  const waiting = await SmtpClient.connect(port)
  await waiting.reply()
  for (const line of ['EHLO client.test', 'MAIL FROM:<a@client.test>', 'RCPT TO:<alice@postroad.test>', 'DATA'])
    await waiting.send(line)
  const stored = waiting.send('Subject: a\r\n\r\nHello\r\n.')
  let reply = ''
  for (const end = performance.now() + 30_000; !reply.startsWith('451 4.3.0'); reply = await mail()) {
    assert.ok(performance.now() < end, `${reply}\n${out()}${err()}`)
    await new Promise((wake) => setTimeout(wake, 200))
  }
  server.kill('SIGTERM')
  if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
  assert.doesNotMatch(await stored, /^250/)
  assert.match(out() + err(), /data\.mdb is locked/)
})
