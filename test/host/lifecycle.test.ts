/** createServer → listen → (reload)* → close, over real sockets. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { BootError, type Config, createServer } from '@postroad/core'
import { definePlugin, reject } from '@postroad/plugin'
import { SmtpClient } from '../failure/smtp-client.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-life-'))
after(() => rm(folder, { recursive: true, force: true }))

/** A configuration whose queue names its generation, and whose plugin says when it is closed. */
function generation(name: string, closed: string[], extra: Partial<Config> = {}): Config {
  const road = definePlugin({
    name: 'road',
    setup: () => ({ route: () => ({ via: 'x' }), queue: () => ({ id: name }), close: () => void closed.push(name) }),
  })
  return {
    hostname: 'mx.test',
    folder,
    log: { format: 'silent' },
    ...extra,
    setup: (app) => void app.use(road()).listen({ name: 'mx', host: '127.0.0.1', port: 0 }),
  }
}

async function hello(port: number): Promise<SmtpClient> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  await client.send('EHLO client.test')
  return client
}

async function deliver(client: SmtpClient): Promise<string> {
  for (const line of ['MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>', 'DATA']) await client.send(line)
  return client.send('Subject: x\r\n\r\nx\r\n.')
}

test('a program that embeds a server keeps its own word on uncaught errors', async () => {
  const count = () => ['uncaughtException', 'unhandledRejection'].map((name) => process.listenerCount(name))
  const before = count()
  const server = await createServer(generation('embedded', []))
  await server.listen()
  assert.deepEqual(count(), before)
  await server.close({ grace: 0 })
  assert.deepEqual(count(), before)
})

test('reload: new sessions get the new generation, running ones keep theirs, and it is closed after the last of them', async () => {
  const closed: string[] = []
  const server = await createServer(generation('one', closed))
  await server.listen()
  const port = server.addresses[0]?.port ?? 0
  const old = await hello(port)
  await server.reload(generation('two', closed))
  assert.equal(server.addresses[0]?.port, port, 'the socket is shared')
  const fresh = await hello(port)
  assert.match(await deliver(fresh), /queued as two/)
  assert.match(await deliver(old), /queued as one/)
  assert.deepEqual(closed, [])
  await old.quit()
  await new Promise((wake) => setTimeout(wake, 30))
  assert.deepEqual(closed, ['one'])
  await fresh.quit()
  await server.close()
  assert.deepEqual(closed, ['one', 'two'])
})

test('reload: a configuration with a mistake changes nothing', async () => {
  const closed: string[] = []
  const server = await createServer(generation('one', closed))
  await server.listen()
  const port = server.addresses[0]?.port ?? 0
  const broken: Config = {
    hostname: 'mx.test',
    setup: (app) => void app.use({} as never).listen({ name: 'mx', port: 0 }),
  }
  await assert.rejects(server.reload(broken), BootError)
  const client = await hello(port)
  assert.match(await deliver(client), /queued as one/)
  await client.quit()
  await server.close()
})

test('close: idle sessions hear 421, a transaction finishes within the grace, then the port is free', async () => {
  const closed: string[] = []
  const server = await createServer(generation('one', closed))
  await server.listen()
  const port = server.addresses[0]?.port ?? 0
  const idle = await hello(port)
  const busy = await hello(port)
  await busy.send('MAIL FROM:<a@b.test>')
  await busy.send('RCPT TO:<c@d.test>')
  assert.match(await busy.send('DATA'), /^354/)
  const closing = server.close({ grace: 5_000 })
  assert.match(await idle.reply(), /^421 4\.3\.2/)
  assert.match(await busy.send('Subject: x\r\n\r\nx\r\n.'), /^250 .*queued as one/)
  await closing
  assert.deepEqual(closed, ['one'])
  await assert.rejects(SmtpClient.connect(port), /ECONNREFUSED/)
})

test('close: what outlives the grace is aborted, and its signal fires', async () => {
  let aborted = false
  const slow = definePlugin({
    name: 'slow',
    hooks: {
      rcpt: ({ signal }) => new Promise<undefined>(() => signal.addEventListener('abort', () => (aborted = true))),
    },
  })
  const server = await createServer({
    hostname: 'mx.test',
    folder,
    log: { format: 'silent' },
    setup: (app) => void app.use(slow()).listen({ host: '127.0.0.1', port: 0 }),
  })
  await server.listen()
  const client = await hello(server.addresses[0]?.port ?? 0)
  await client.send('MAIL FROM:<a@b.test>')
  void client.send('RCPT TO:<c@d.test>')
  await new Promise((wake) => setTimeout(wake, 20))
  await server.close({ grace: 50 })
  assert.ok(aborted)
  client.end()
})

test('await using closes the server', async () => {
  const closed: string[] = []
  {
    await using server = await createServer(generation('one', closed))
    await server.listen()
  }
  assert.deepEqual(closed, ['one'])
})

test('scopes: each listener meets its own plugins, and those around it', async () => {
  const road = definePlugin({
    name: 'road',
    hooks: { route: () => ({ via: 'x' }), queue: ({ envelope }) => ({ id: envelope.id }) },
  })
  const strict = definePlugin({ name: 'strict', hooks: { rcpt: () => reject('not here') } })
  const server = await createServer({
    hostname: 'mx.test',
    folder,
    log: { format: 'silent' },
    setup(app) {
      app.use(road())
      app.scope('open', (scope) => scope.listen({ host: '127.0.0.1', port: 0 }))
      app.scope('shut', (scope) => scope.use(strict()).listen({ name: 'other', path: path.join(folder, 'shut.sock') }))
    },
  })
  await server.listen()
  const client = await hello(server.addresses.find((one) => one.name === 'open:0')?.port ?? 0)
  assert.match(await deliver(client), /^250/)
  await client.quit()
  const socket = server.addresses.find((one) => one.name === 'other')?.path ?? ''
  const local = await SmtpClient.connect(socket)
  await local.reply()
  await local.send('EHLO client.test')
  await local.send('MAIL FROM:<a@b.test>')
  assert.match(await local.send('RCPT TO:<c@d.test>'), /^550 5\.7\.1 not here/)
  await local.quit()
  await server.close()
})

test('a body larger than memory goes to a file, is read whole, and leaves nothing', async () => {
  let size = 0
  const sized = definePlugin({
    name: 'sized',
    hooks: {
      route: () => ({ via: 'x' }),
      queue: async ({ envelope, message }) => {
        for await (const chunk of message.raw()) size += chunk.length
        return { id: envelope.id }
      },
    },
  })
  const server = await createServer({
    hostname: 'mx.test',
    folder,
    memory: 10_000,
    log: { format: 'silent' },
    setup: (app) => void app.use(sized()).listen({ host: '127.0.0.1', port: 0 }),
  })
  await server.listen()
  const client = await hello(server.addresses[0]?.port ?? 0)
  for (const line of ['MAIL FROM:<a@b.test>', 'RCPT TO:<c@d.test>', 'DATA']) await client.send(line)
  const body = 'x'.repeat(70).concat('\r\n').repeat(10_000)
  assert.match(await client.send(`Subject: x\r\n\r\n${body}.`), /^250/)
  assert.ok(size > body.length && size < body.length + 400, String(size))
  await client.quit()
  await server.close()
})
