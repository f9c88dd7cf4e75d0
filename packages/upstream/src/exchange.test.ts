import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Daemon, Exchange, notThe } from './index.ts'

const LINE = { limit: 1_000, isWhole: (answer: Buffer) => answer.at(-1) === 0x0a }

/** A daemon on a TCP port or a UNIX socket that does this with each connection. */
async function daemonThat(t: TestContext, serve: (socket: Socket) => void, path?: string): Promise<Daemon> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    serve(socket)
  })
  if (path === undefined) server.listen(0, '127.0.0.1')
  else server.listen(path)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
    if (path !== undefined) rmSync(path, { force: true })
  })
  if (path !== undefined) return { name: path, path, tls: false }
  const { port } = server.address() as { port: number } // it listens on TCP
  return { name: 'tcp', host: '127.0.0.1', port, tls: false }
}

test('an answer counts though the daemon has hung up while more was being written, at any moment', async (t) => {
  const rude = (socket: Socket): void => {
    let seen = 0
    socket.on('data', (data) => {
      seen += data.length
      if (seen > 200_000) socket.pause().write('enough\n', () => socket.destroy())
    })
  }
  for (const path of [undefined, join(tmpdir(), `pr-exchange-${process.pid}.sock`)]) {
    const daemon = await daemonThat(t, rude, path)
    for (const size of [1_000, 65_536, 1_000_000, 5_000_000]) {
      const exchange = new Exchange(daemon, LINE)
      for (let written = 0; written < 10_000_000 && !exchange.isOver; written += size) {
        const room = exchange.write('length', Buffer.alloc(size))
        if (room) await room
      }
      assert.equal((await exchange.answer).toString(), 'enough\n')
      assert.equal(exchange.write('x'), undefined)
    }
  }
})

test('who says nothing has not answered, nor who says too much; who is given up is told', async (t) => {
  const silent = new Exchange(await daemonThat(t, (socket) => socket.end()), LINE)
  await assert.rejects(silent.answer, /hung up without an answer/)
  const chatty = new Exchange(await daemonThat(t, (socket) => socket.write(Buffer.alloc(5_000))), LINE)
  await assert.rejects(chatty.answer, /more than 1000 octets/)
  const nobody = new Exchange({ name: 'nobody', path: '/nowhere/x.sock', tls: false }, LINE)
  await assert.rejects(nobody.answer, /ENOENT/)
  let gone: Promise<unknown> | undefined
  const daemon = await daemonThat(t, (socket) => {
    gone = once(socket.resume(), 'close')
  })
  const given = new Exchange(daemon, LINE)
  while (gone === undefined) await new Promise((resolve) => setImmediate(resolve))
  given.abandon(new Error('enough'))
  await assert.rejects(given.answer, /enough/)
  await gone
})

test('a stranger is named, as far as one can tell', () => {
  assert.equal(
    notThe('clamd', Buffer.from('SPAMD/1.0 76 x\r\n')).message,
    'not the answer of clamd, but of spamd: "SPAMD/1.0 76 x\\r\\n"',
  )
  assert.equal(notThe('clamd', Buffer.from('moo')).message, 'not the answer of clamd: "moo"')
})
