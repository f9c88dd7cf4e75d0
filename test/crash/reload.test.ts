/** Reloads of a whole server under load, with commands meanwhile: it goes on, nothing is lost, nothing comes twice. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { collect, freePort } from '../cli/operator.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { pause } from './world.ts'

const RELOADS = Number(process.env['POSTROAD_RELOADS'] ?? 5)
const CLIENTS = 5
const bin = fileURLToPath(new URL('../../packages/cli/src/bin.ts', import.meta.url))
const config = fileURLToPath(new URL('../../examples/quickstart/postroad.config.ts', import.meta.url))
const node = ['--conditions=@postroad/source', bin]

/** Looks again and again; the machine may be busy with other things. */
async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 60_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error('nothing came')
    await pause(100)
  }
}

/** The quickstart, started in a folder of its own. */
async function start(t: TestContext, workers: number) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-reload-'))
  const port = await freePort()
  const env = {
    ...process.env,
    POSTROAD_PORT: String(port),
    POSTROAD_FOLDER: join(folder, 'var'),
    POSTROAD_MAIL: join(folder, 'mail'),
  }
  const many = workers > 1 ? ['--workers', String(workers)] : []
  const child = spawn(process.execPath, [...node, 'start', config, ...many], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  t.after(async () => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {
      // All of them have ended, as they should.
    }
    await rm(folder, { recursive: true, force: true })
  })
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  await until(() => /Stop with Ctrl-C/.exec(out())?.[0])
  const command = async (...args: string[]) => {
    const run = spawn(process.execPath, [...node, 'queue', ...args, '--config', config], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [said, failed] = [collect(run.stdout), collect(run.stderr)]
    const timer = setTimeout(() => run.kill('SIGKILL'), 30_000)
    const [code] = (await once(run, 'close')) as [number | null]
    clearTimeout(timer)
    return { code, text: said() + failed() }
  }
  return { child, port, folder, out, err, command }
}

/** Sends until it is told to end; remembers what was acknowledged. A connection that a reload ends is followed by the next. */
async function sendOn(port: number, name: string, done: AbortSignal, acknowledged: Set<string>): Promise<void> {
  for (let count = 0; !done.aborted; ) {
    const client = await SmtpClient.connect(port)
    await client.reply()
    await client.send('EHLO client.test')
    while (!done.aborted) {
      const key = `${name}.${count++}`
      const replies: string[] = []
      for (const line of [
        'MAIL FROM:<a@client.test>',
        'RCPT TO:<alice@postroad.test>',
        'DATA',
        `Subject: ${key}\r\n\r\nHello\r\n.`,
      ]) {
        replies.push(await client.send(line))
        if (!/^[23]/.test(replies.at(-1) ?? '')) break
      }
      if (replies.length === 4 && replies[3]?.startsWith('250')) acknowledged.add(key)
      else break
    }
    client.end()
  }
}

/** How often each message was delivered. */
async function delivered(folder: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  const inbox = join(folder, 'mail', 'alice', 'new')
  for (const name of await readdir(inbox).catch(() => [])) {
    const subject = /^Subject: (\S+)/m.exec(await readFile(join(inbox, name), 'latin1'))?.[1] ?? ''
    counts.set(subject, (counts.get(subject) ?? 0) + 1)
  }
  return counts
}

for (const workers of [1, 3]) {
  test(`${RELOADS} reloads of ${workers === 1 ? 'one process' : `${workers} processes`} under load, with commands meanwhile`, async (t) => {
    const server = await start(t, workers)
    const acknowledged = new Set<string>()
    const done = new AbortController()
    const clients = Array.from({ length: CLIENTS }, (_, at) => sendOn(server.port, `c${at}`, done.signal, acknowledged))
    const commands: Promise<{ code: number | null; text: string }>[] = []
    for (let reload = 0; reload < RELOADS; reload++) {
      const before = acknowledged.size
      server.child.kill('SIGHUP')
      if (reload % 4 === 0) commands.push(server.command(reload % 8 === 0 ? 'stats' : 'list'))
      await until(() => (acknowledged.size >= before + 20 ? true : undefined))
    }
    done.abort()
    await Promise.all(clients)
    await until(async () => ((await delivered(server.folder)).size >= acknowledged.size ? true : undefined)).catch(
      () => {},
    )
    const arrived = await delivered(server.folder)
    assert.deepEqual(
      (await Promise.all(commands)).filter(({ code }) => code !== 0),
      [],
    )
    assert.deepEqual(
      [...acknowledged].filter((key) => !arrived.has(key)),
      [],
      'nothing is lost',
    )
    assert.deepEqual(
      [...arrived].filter(([, count]) => count > 1),
      [],
      'nothing comes twice',
    )
    assert.match(server.out() + server.err(), /reloaded/)
    server.child.kill('SIGTERM')
    const [code] = (await once(server.child, 'close')) as [number | null]
    assert.equal(code, 0, server.err())
  })
}
