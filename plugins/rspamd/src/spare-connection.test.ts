import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import type { Daemon } from '@postroad/upstream'
import { Client } from './client.ts'

const question = { message: messageFromBytes(Buffer.from('Subject: x\r\n\r\nHello\r\n')), fields: [], zstd: false }
const VERDICT = '{"action":"no action","score":0,"required_score":15,"symbols":{}}'
const never = new AbortController().signal

/** As rspamd: each answer ends its connection. */
async function daemonThat(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end(VERDICT),
) {
  const sockets: Socket[] = []
  const server = createServer((request, response) => {
    response.setHeader('Connection', 'close')
    request.resume().on('end', () => answer(request, response))
  }).on('connection', (socket) => sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number } // it listens on TCP
  const client = new Client(5)
  t.after(() => client.close())
  const daemon: Daemon = { name: 'd', host: '127.0.0.1', port, tls: false }
  const connected = () => once(server, 'connection')
  const check = () => client.check({ daemon, key: undefined }, question, never)
  return { client, daemon, sockets, connected, check }
}

test('a connection that was opened before is the one that the question takes', async (t) => {
  const { client, daemon, sockets, connected, check } = await daemonThat(t)
  for (const count of [1, 2, 3]) {
    const opened = connected()
    client.prepare(daemon)
    client.prepare(daemon)
    await opened
    assert.equal((await check())?.action, 'no action')
    assert.equal(sockets.length, count)
  }
})

test('who asks while it is being opened waits for that one', async (t) => {
  const { client, daemon, sockets, check } = await daemonThat(t)
  client.prepare(daemon)
  assert.equal((await check())?.action, 'no action')
  assert.equal(sockets.length, 1)
})

test('one that the daemon has ended meanwhile is no failure of the question', async (t) => {
  const { client, daemon, sockets, connected, check } = await daemonThat(t)
  const opened = connected()
  client.prepare(daemon)
  await opened
  sockets[0]?.resetAndDestroy()
  assert.equal((await check())?.action, 'no action')
  assert.equal(sockets.length, 2)
})

test('a daemon that hangs up instead of an answer is asked once more on a connection of its own, and then has failed', async (t) => {
  let asked = 0
  const { client, daemon, connected, check } = await daemonThat(t, (request) => {
    asked++
    request.socket.destroy()
  })
  const opened = connected()
  client.prepare(daemon)
  await opened
  await assert.rejects(check())
  assert.equal(asked, 2)
  await assert.rejects(check())
  assert.equal(asked, 3)
})

test('nobody there is a failure of the question alone', async (t) => {
  const client = new Client(5)
  t.after(() => client.close())
  const daemon: Daemon = { name: 'nobody', path: '/nowhere/rspamd.sock', tls: false }
  client.prepare(daemon)
  await assert.rejects(client.check({ daemon, key: undefined }, question, never), /ENOENT/)
})
