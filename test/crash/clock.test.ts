/** Two servers on one queue while somebody sets the clock, and while one of them is stopped: every message arrives once. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createSink, type Sink } from '@postroad/testing'
import { EXPORT, Operator } from '../cli/operator.ts'
import { requires } from '../runner/requires.ts'
import { pause } from './world.ts'

const skip = requires('faketime')
const COUNT = 20
/** A beat, and then some: whoever judges has judged. */
const BEATS_MS = 5_500

interface Place {
  /** File that says what time it is. */
  readonly clock: string
  /** Those to be ended. */
  readonly children: ChildProcess[]
}

async function start(
  folder: string,
  sinkPort: number,
  { clock, children }: Place,
): Promise<{ child: ChildProcess; port: number }> {
  const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
  assert.ok(library, 'libfaketime is where Debian puts it')
  const env = {
    ...process.env,
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: '1',
    DONT_FAKE_MONOTONIC: '1',
  }
  const server = fileURLToPath(new URL('server.ts', import.meta.url))
  const child = fork(server, [folder, String(sinkPort)], { env, execArgv: ['--conditions=@postroad/source'] })
  children.push(child)
  const [message] = (await once(child, 'message')) as [{ port: number }] // server.ts says nothing else
  return { child, port: message.port }
}

/** Hands one message to a server; resolves to the last reply. */
async function deliver(port: number, to: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  try {
    let said = ''
    for (const line of [
      '',
      'EHLO client.test',
      'MAIL FROM:<s@client.test>',
      `RCPT TO:<${to}>`,
      'DATA',
      'Subject: x\r\n\r\nHi\r\n.',
    ]) {
      if (line !== '') socket.write(`${line}\r\n`)
      said = ''
      while (!/^\d{3} .*\r\n$/m.test(said)) said += (await once(socket, 'data'))[0]
    }
    return said
  } finally {
    socket.destroy()
  }
}

/** `postroad queue` on the queue of the servers, as an operator runs it beside them. Ends with 0. */
async function command(operator: Operator, ...args: readonly string[]): Promise<void> {
  const { code, err } = await operator.run('queue', ...args)
  assert.equal(code, 0, err)
}

async function arrived({ transactions }: Sink, count: number): Promise<void> {
  for (const end = performance.now() + 20_000; transactions.length < count && performance.now() < end; ) await pause(50)
}

test('steps of the wall clock, forth and back, and a process that is stopped meanwhile: each message arrives once, none where it is suspended', {
  skip,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-clock-'))
  const clock = join(folder, 'clock')
  const set = (offset: string): Promise<void> => writeFile(clock, `${offset}\n`)
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const sink = await createSink({
    port: 0,
    async script({ verb }) {
      if (verb === 'DOT') await opened
      return undefined
    },
  })
  // Another address of this host: a destination of its own, which the operator stops.
  const stopped = await createSink({ host: '127.0.0.2', port: sink.port })
  const operator = await Operator.begin()
  await operator.config(
    'postroad.config.ts',
    `import { queue } from '@postroad/queue'
import { defineConfig } from 'postroad'
${EXPORT} defineConfig({ hostname: 'crash.test', folder: '${folder}', setup: (app) => void app.use(queue({ minFree: 0 })).listen({ port: 0 }) })
`,
  )
  const destination = `smtp:127.0.0.2:${sink.port}`
  await set('+0')
  const children: ChildProcess[] = []
  t.after(async () => {
    open()
    for (const child of children) child.kill('SIGKILL')
    await Promise.all([sink.close(), stopped.close(), operator.end()])
    await rm(folder, { recursive: true, force: true })
  })
  const serve = () => start(folder, sink.port, { clock, children })
  const [servers] = await Promise.all([Promise.all([serve(), serve()]), command(operator, 'suspend', destination)])
  const send = async (count: number, domain = 'example.com'): Promise<void> => {
    for (let sent = 0; sent < count; sent++)
      assert.match(await deliver(servers[sent % 2]?.port ?? 0, `r${sent}@${domain}`), /^250 /)
  }
  await send(COUNT)
  await set('+120')
  await pause(BEATS_MS)
  await send(2, 'stopped.test')
  servers[0].child.kill('SIGSTOP')
  await set('+600')
  await pause(BEATS_MS)
  servers[0].child.kill('SIGCONT')
  await set('-3600')
  await pause(1_500)
  // A step back is no reason for 452 4.3.1.
  await send(2)
  await send(2, 'stopped.test')
  open()
  await arrived(sink, COUNT + 2)
  assert.equal(stopped.connections, 0)
  await set('+3600')
  await pause(1_500)
  assert.equal(stopped.connections, 0)
  await set('-3600')
  await command(operator, 'resume', destination)
  await arrived(stopped, 4)
  await pause(1_500)
  assert.deepEqual([sink.transactions.length, stopped.transactions.length], [COUNT + 2, 4])
})

test('a clock that was a year ahead: what was deferred then is tried soon, by a server that saw it set back and by one that was started later', {
  skip,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-clock-'))
  const clock = join(folder, 'clock')
  const set = (offset: string): Promise<void> => writeFile(clock, `${offset}\n`)
  let [isFull, refusals] = [true, 0]
  const sink = await createSink({
    port: 0,
    script({ verb }) {
      if (verb !== 'DOT' || !isFull) return undefined
      refusals++
      return '452 4.2.2 Mailbox full'
    },
  })
  const children: ChildProcess[] = []
  t.after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await sink.close()
    await rm(folder, { recursive: true, force: true })
  })
  await set('+31536000')
  const first = await start(folder, sink.port, { clock, children })
  const defer = async (to: string): Promise<void> => {
    const before = refusals
    isFull = true
    assert.match(await deliver(first.port, to), /^250 /)
    for (const end = performance.now() + 20_000; refusals === before && performance.now() < end; ) await pause(50)
    // It is written down.
    await pause(1_000)
    isFull = false
  }
  await defer('a@example.com')
  await set('+0')
  await arrived(sink, 1)
  await set('+31536000')
  await defer('b@example.com')
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  await set('+0')
  await start(folder, sink.port, { clock, children })
  await arrived(sink, 2)
  assert.deepEqual(
    [sink.transactions.map(({ recipients }) => recipients), refusals],
    [[['<a@example.com>'], ['<b@example.com>']], 2],
  )
})
