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
import { createSink } from '@postroad/testing'
import { requires } from '../runner/requires.ts'
import { pause } from './world.ts'

const skip = requires('faketime')
const COUNT = 20
/** A beat, and then some: whoever judges has judged. */
const BEATS_MS = 5_500

async function start(folder: string, sinkPort: number, clock: string): Promise<{ child: ChildProcess; port: number }> {
  const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
  assert.ok(library, 'libfaketime is where Debian puts it')
  const env = { ...process.env, LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1' }
  const server = fileURLToPath(new URL('server.ts', import.meta.url))
  const child = fork(server, [folder, String(sinkPort)], { env, execArgv: ['--conditions=@postroad/source'] })
  const [message] = (await once(child, 'message')) as [{ port: number }] // server.ts says nothing else
  return { child, port: message.port }
}

/** Hands one message to a server; resolves to the last reply. */
async function deliver(port: number, to: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  try {
    let said = ''
    for (const line of ['', 'EHLO client.test', 'MAIL FROM:<s@client.test>', `RCPT TO:<${to}>`, 'DATA', 'Subject: x\r\n\r\nHi\r\n.']) {
      if (line !== '') socket.write(`${line}\r\n`)
      said = ''
      while (!/^\d{3} .*\r\n$/m.test(said)) said += (await once(socket, 'data'))[0]
    }
    return said
  } finally {
    socket.destroy()
  }
}

test('steps of the wall clock, forth and back, and a process that is stopped meanwhile: each message arrives once', { skip }, async (t) => {
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
  await set('+0')
  const servers = [await start(folder, sink.port, clock), await start(folder, sink.port, clock)]
  t.after(async () => {
    open()
    for (const { child } of servers) child.kill('SIGKILL')
    await sink.close()
    await rm(folder, { recursive: true, force: true })
  })
  const send = async (count: number): Promise<void> => {
    for (let sent = 0; sent < count; sent++) assert.match(await deliver(servers[sent % 2]?.port ?? 0, `r${sent}@example.com`), /^250 /)
  }
  await send(COUNT)
  await set('+120')
  await pause(BEATS_MS)
  servers[0]?.child.kill('SIGSTOP')
  await set('+600')
  await pause(BEATS_MS)
  servers[0]?.child.kill('SIGCONT')
  await set('-3600')
  await pause(1_500)
  // A step back is no reason for 452 4.3.1.
  await send(2)
  open()
  for (const end = performance.now() + 20_000; sink.transactions.length < COUNT + 2 && performance.now() < end; ) await pause(50)
  await pause(1_500)
  assert.equal(sink.transactions.length, COUNT + 2)
})
