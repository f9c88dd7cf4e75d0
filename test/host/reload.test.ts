/** reload: everything of the new configuration holds for new sessions, or nothing of it; what listened goes on listening. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { type Config, createServer, type ListenOptions, PostroadError } from '@postroad/core'
import { definePlugin } from '@postroad/plugin'
import { SmtpClient } from '../failure/smtp-client.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-reload-'))
after(() => rm(folder, { recursive: true, force: true }))

const LOOPBACK = { name: 'mx', host: '127.0.0.1', port: 0 }

/** A configuration whose queue names its generation, and whose plugin says when it is closed. */
function generation(name: string, closed: string[], ...listens: readonly ListenOptions[]): Config {
  const road = definePlugin({
    name: 'road',
    setup: () => ({ route: () => ({ via: 'x' }), queue: () => ({ id: name }), close: () => void closed.push(name) }),
  })
  return {
    hostname: 'mx.test',
    folder,
    log: { format: 'silent' },
    setup(app) {
      app.use(road())
      for (const options of listens) app.listen(options)
    },
  }
}

async function deliver(port: number): Promise<string> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  for (const line of ['EHLO client.test', 'MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>', 'DATA']) await client.send(line)
  const reply = await client.send('Subject: x\r\n\r\nx\r\n.')
  await client.quit()
  return reply
}

/** A port that somebody else has. */
async function taken(): Promise<net.Server & { port: number }> {
  const other = net.createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const address = other.address()
  return Object.assign(other, { port: typeof address === 'object' && address !== null ? address.port : 0 })
}

test('a listener that cannot be opened leaves the old generation, with all its listeners', async () => {
  const closed: string[] = []
  await using server = await createServer(generation('one', closed, LOOPBACK))
  await server.listen()
  const port = server.addresses[0]?.port ?? 0
  const other = await taken()
  const wanted = { name: 'other', host: '127.0.0.1', port: other.port }
  await assert.rejects(
    server.reload(generation('two', closed, { name: 'new', host: '127.0.0.1', port: 0 }, LOOPBACK, wanted)),
    (error) => error instanceof PostroadError && error.code === 'ERR_BIND',
  )
  assert.match(await deliver(port), /queued as one/)
  assert.deepEqual(closed, ['two'], 'what had been built of the new one is closed')
  assert.deepEqual(
    server.addresses.map(({ name }) => name),
    ['mx'],
  )
  other.close()
  await server.reload(generation('three', closed, LOOPBACK))
  assert.match(await deliver(port), /queued as three/)
})

test('what a listener is told anew holds for new sessions; its socket stays', async () => {
  const closed: string[] = []
  await using server = await createServer(generation('one', closed, LOOPBACK))
  await server.listen()
  const port = server.addresses[0]?.port ?? 0
  const old = await SmtpClient.connect(port)
  await old.reply()
  await old.send('EHLO client.test')
  await server.reload(generation('two', closed, { ...LOOPBACK, hostname: 'new.test', limits: { recipients: 1 } }))
  assert.equal(server.addresses[0]?.port, port)
  for (const line of ['MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>']) await old.send(line)
  assert.match(await old.send('RCPT TO:<e@d.test>'), /^250/)
  const fresh = await SmtpClient.connect(port)
  assert.match(await fresh.reply(), /^220 new\.test /)
  for (const line of ['EHLO client.test', 'MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>']) await fresh.send(line)
  assert.match(await fresh.send('RCPT TO:<e@d.test>'), /^452/)
  await fresh.quit()
  await old.quit()
})

test('a listener of the same name at another place is another one', async () => {
  const closed: string[] = []
  await using server = await createServer(generation('one', closed, LOOPBACK))
  await server.listen()
  const port = server.addresses[0]?.port ?? 0
  const socket = path.join(folder, 'mx.sock')
  await server.reload(generation('two', closed, { name: 'mx', path: socket }))
  assert.equal(server.addresses[0]?.path, socket)
  await assert.rejects(SmtpClient.connect(port), /ECONNREFUSED/)
  await server.reload(generation('three', closed, { name: 'mx', path: socket, protocol: 'lmtp' }))
  const client = await SmtpClient.connect(socket)
  assert.match(await client.reply(), /LMTP/)
  await client.quit()
})

test('reloads at the same time happen one after the other, and none after close has begun', async () => {
  const closed: string[] = []
  const free = await taken()
  free.close()
  const extra = { name: 'extra', host: '127.0.0.1', port: free.port }
  const server = await createServer(generation('one', closed, LOOPBACK))
  await server.listen()
  await Promise.all([
    server.reload(generation('two', closed, LOOPBACK, extra)),
    server.reload(generation('three', closed, LOOPBACK, extra)),
  ])
  assert.match(await deliver(extra.port), /queued as three/)
  const last = server.reload(generation('four', closed, LOOPBACK, extra))
  await new Promise((resolve) => setImmediate(resolve))
  const closing = server.close()
  await assert.rejects(server.reload(generation('five', closed, LOOPBACK)), /closing/)
  await last
  await closing
  assert.deepEqual(closed.toSorted(), ['four', 'one', 'three', 'two'])
  await assert.rejects(SmtpClient.connect(extra.port), /ECONNREFUSED/)
})
