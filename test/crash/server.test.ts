/** kill -9 of a whole server at random moments from MAIL to final delivery: what its clients heard 250 for arrives, and whole. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createSink } from '@postroad/testing'
import { pause } from './world.ts'

const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 3)
/** Of all sizes: in the database, as files, and spilled while they come in. */
const SIZES = [300, 4_096, 40_000, 1_500_000]

interface Running {
  readonly child: ChildProcess
  readonly port: number
}

async function start(folder: string, sinkPort: number): Promise<Running> {
  const child = fork(fileURLToPath(new URL('server.ts', import.meta.url)), [folder, String(sinkPort)], {
    execArgv: ['--conditions=@postroad/source'],
  })
  const [message] = (await once(child, 'message')) as [{ port: number }] // server.ts says nothing else
  return { child, port: message.port }
}

/** Sends messages one after the other until the connection breaks; tells which were acknowledged. */
async function client(
  port: number,
  next: () => { key: string; size: number },
  acknowledged: Set<string>,
): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  const replies = lines(socket)
  const say = async (text: string): Promise<boolean> => {
    socket.write(text)
    return (await replies.next()).value?.startsWith('2') ?? false
  }
  try {
    await replies.next()
    await say('EHLO client.test\r\n')
    for (;;) {
      const { key, size } = next()
      if (!(await say('MAIL FROM:<s@client.test>\r\n')) || !(await say('RCPT TO:<r@example.com>\r\n'))) return
      socket.write('DATA\r\n')
      if (!(await replies.next()).value?.startsWith('354')) return
      if (await say(`Subject: ${key}\r\n\r\n${bodyOf(size)}\r\n.\r\n`)) acknowledged.add(key)
    }
  } finally {
    socket.destroy()
  }
}

function bodyOf(size: number): string {
  return `${'x'.repeat(76)}\r\n`.repeat(Math.ceil(size / 78)).slice(0, size)
}

/** Last lines of replies; ends with the connection. */
async function* lines(socket: Socket): AsyncGenerator<string> {
  let text = ''
  try {
    for await (const chunk of socket.setEncoding('latin1')) {
      const rows = `${text}${chunk}`.split('\r\n')
      text = rows.pop() ?? ''
      for (const row of rows) if (row[3] !== '-') yield row
    }
  } catch {
    // The server was killed: that is the point.
  }
}

test(`a server killed ${ROUNDS} times under load keeps every 250`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-server-'))
  const sink = await createSink({ port: 0 })
  t.after(async () => {
    await sink.close()
    await rm(folder, { recursive: true, force: true })
  })
  const acknowledged = new Set<string>()
  let made = 0
  const next = () => ({ key: `k${made}`, size: SIZES[made++ % SIZES.length] ?? 300 })
  for (let round = 0; round < ROUNDS; round++) {
    const { child, port } = await start(folder, sink.port)
    const clients = Array.from({ length: 8 }, () => client(port, next, acknowledged).catch(() => {}))
    await pause(150 + Math.random() * 400)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await Promise.all(clients)
  }
  const last = await start(folder, sink.port)
  t.after(() => last.child.kill('SIGKILL'))
  const missing = (): string[] => {
    const arrived = new Set(sink.transactions.map(({ message }) => keyOf(message)))
    return [...acknowledged].filter((key) => !arrived.has(key))
  }
  for (const end = Date.now() + 30_000; missing().length > 0 && Date.now() < end; ) await pause(50)
  assert.ok(acknowledged.size > ROUNDS, `${acknowledged.size} acknowledged`)
  assert.deepEqual(missing(), [])
  for (const { message } of sink.transactions) {
    const size = SIZES[Number(keyOf(message).slice(1)) % SIZES.length] ?? 0
    const text = message.toString('latin1')
    assert.ok(text.endsWith(`\r\n\r\n${bodyOf(size)}\r\n`), `${keyOf(message)} arrived whole`)
  }
  const keys = sink.transactions.map(({ message }) => keyOf(message))
  t.diagnostic(
    `${made} sent, ${acknowledged.size} acknowledged, ${keys.length} arrived, ${keys.length - new Set(keys).size} twice, in ${ROUNDS} kills`,
  )
  last.child.send('stop')
  await once(last.child, 'exit')
})

function keyOf(message: Buffer): string {
  return /^Subject: (k\d+)\r$/m.exec(message.toString('latin1', 0, 2_000))?.[1] ?? '?'
}
