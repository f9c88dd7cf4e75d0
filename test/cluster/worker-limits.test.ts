/** Limits an operator wrote down, with the embedded queue and several workers, run as an operator runs them. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SmtpClient } from '../failure/smtp-client.ts'
import { freePorts } from '../interop/loopback.ts'
import { makeTestFolder } from '../runner/folder.ts'
import { CountingSink, type DomainCount } from './sink.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CONCURRENCY = 3
const PER_SECOND = 20
const CLIENTS = 9
const MESSAGES = 20

const config = (port: number, sink: number) => `import { queue } from '@postroad/queue'
import { definePlugin } from '@postroad/plugin'
import { defineConfig } from 'postroad'
const road = definePlugin({ name: 'road', hooks: { route: () => ({ via: 'smtp', host: '127.0.0.1', port: ${sink} }) } })
${['export', 'default'].join(' ')} defineConfig({
  hostname: 'mx.test',
  folder: 'kept',
  setup(app) {
    app.use(road()).use(queue({ minFree: 0, lanes: [{ match: '127.0.0.1', concurrency: ${CONCURRENCY}, perSecond: ${PER_SECOND} }] }))
    app.listen({ host: '127.0.0.1', port: ${port} })
  },
})
`

test('three workers have one limit together, also when one of them is killed in the middle', {
  timeout: 120_000,
}, async (t) => {
  const folder = makeTestFolder('worker-limits')
  t.after(() => rm(folder, { recursive: true, force: true }))
  await using sink = await CountingSink.open(40)
  const [port = 0] = await freePorts(1)
  await writeFile(join(folder, 'postroad.config.ts'), config(port, sink.port))
  const server = spawn(
    process.execPath,
    ['--conditions=@postroad/source', join(ROOT, 'packages/cli/src/bin.ts'), 'start', '--quiet', '--workers', '3'],
    { cwd: folder, stdio: 'ignore' },
  )
  t.after(() => server.kill('SIGKILL'))
  await until(() => SmtpClient.connect(port).then((client) => client.quit().then(() => true), () => false)) // biome-ignore format: short
  await until(() => childrenOf(server).length === 3)
  await Promise.all(Array.from({ length: CLIENTS }, (_, at) => sendSome(port, at)))
  const total = CLIENTS * MESSAGES
  await until(() => sink.arrived.size > total / 4)
  const [victim = 0] = childrenOf(server)
  process.kill(victim, 'SIGKILL')
  await until(() => sink.arrived.size === total, 60_000)
  const count = sink.domains.get('next.test')
  assert.ok(count)
  assert.equal(count.peak, CONCURRENCY, 'transactions at once')
  assert.ok(mostInASecond(count) <= PER_SECOND + CONCURRENCY, `${mostInASecond(count)} began within a second`)
  assert.ok(sink.duplicates <= CONCURRENCY, `${sink.duplicates} arrived twice: what the victim had under way may have`)
  const ended = once(server, 'exit')
  server.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})

async function sendSome(port: number, client: number): Promise<void> {
  const session = await SmtpClient.connect(port)
  await session.reply()
  await session.send('EHLO client.test')
  for (let at = 0; at < MESSAGES; at++) {
    for (const line of ['MAIL FROM:<a@client.test>', 'RCPT TO:<b@next.test>', 'DATA']) await session.send(line)
    assert.match(await session.send(`Subject: x\r\nX-Number: ${client}.${at}\r\n\r\nHi\r\n.`), /^250/)
  }
  await session.quit()
}

/** Starts in the busiest second; between a slot and RCPT there is a little time, which differs. */
function mostInASecond({ starts }: DomainCount): number {
  return Math.max(...starts.map((from) => starts.filter((at) => at >= from && at < from + 1_000).length))
}

function childrenOf({ pid }: ChildProcess): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number)
}

async function until(holds: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  for (const deadline = Date.now() + ms; !(await holds()); await sleep(50))
    assert.ok(Date.now() < deadline, `not within ${ms} ms`)
}
