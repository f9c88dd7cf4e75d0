import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openDriver } from './drive.ts'
import { makeData } from './load.ts'
import { target } from './targets/milter-continue.ts'

function placeOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'pr-drive-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'socket')
}

const DATA = makeData(4_096)
const load = { port: 0, sessions: 2, messages: 20, data: DATA, single: false, pipelined: false, limitMs: 30_000 }

test('messages are shown to a milter until there are enough, and each has its wait', async (t) => {
  const socket = placeOf(t)
  const milter = await target.start({ port: 0, sinkPort: 0, folder: '', socket })
  t.after(() => milter.close())
  const driver = await openDriver('milter', { socket, sessions: 2, data: DATA })
  t.after(() => driver.close())
  const { messages, waits } = await driver.send(load)
  assert.deepEqual([messages, waits.length], [20, 20])
})

test('no question is asked twice, and an answer that is a fault ends the run', async (t) => {
  const socket = placeOf(t)
  const asked: string[] = []
  let action = 'DUNNO'
  const server = createServer((client) =>
    // Whoever asks hangs up in the middle at the end.
    client
      .on('error', () => undefined)
      .setEncoding('latin1')
      .on('data', (text: string) => {
        asked.push(/^recipient=(.*)$/m.exec(text)?.[1] ?? '')
        client.write(`action=${action}\n\n`)
      }),
  ).listen(socket)
  await once(server, 'listening')
  t.after(() => server.close())
  const driver = await openDriver('policy', { socket, sessions: 2, data: DATA })
  t.after(() => driver.close())
  assert.equal((await driver.send(load)).messages, 20)
  assert.equal(new Set(asked).size, 22, 'with the first one of each connection')
  action = 'DEFER_IF_PERMIT 4.3.0 Local error in processing'
  await assert.rejects(driver.send(load), /4\.3\.0/)
})
