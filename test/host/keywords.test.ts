/** What explain says of EHLO is what EHLO says. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { createServer, explainText } from '@postroad/core'
import { definePlugin, Store } from '@postroad/plugin'
import { memoryStore } from '@postroad/testing'
import { CERTIFICATE } from '../conformance/certificate.ts'

const users = definePlugin({ name: 'users', hooks: { auth: { mechanisms: ['PLAIN', 'SCRAM-SHA-256'], handler() {} } } })
const queue = definePlugin({
  name: 'queue',
  hooks: { queue: { supports: ['DSN', 'SMTPUTF8', 'REQUIRETLS'], handler() {} } },
})

type Listen = Parameters<Parameters<NonNullable<Parameters<typeof createServer>[0]['setup']>>[0]['listen']>[0]

/** A server with these listeners in one scope, and what is explained of their keywords. */
async function open(context: TestContext, ...listeners: Partial<Listen>[]) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-keywords-'))
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder,
      log: { format: 'silent' },
      setup: (app) => {
        app.use(users()).use(queue())
        for (const options of listeners) app.listen({ port: 0, host: '127.0.0.1', ...options } as Listen)
      },
    },
    { services: [{ service: Store, create: () => memoryStore() }] },
  )
  await server.listen()
  context.after(async () => {
    await server.close({ grace: 0 })
    await rm(folder, { recursive: true })
  })
  const [scope] = server.explain()
  assert.ok(scope)
  assert.ok(explainText([scope]).includes(`  EHLO       ${scope.keywords.join(' ')}\n`))
  return { ports: server.addresses.map(({ port }) => port ?? 0), keywords: scope.keywords }
}

/** The last line of a reply has a space behind its code. */
async function reply(socket: Socket): Promise<string> {
  let text = ''
  while (!/^\d{3} [^\n]*\r\n$/m.test(text))
    text += await new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk))))
  return text
}

async function ehlo(socket: Socket, verb = 'EHLO'): Promise<readonly string[]> {
  socket.write(`${verb} client.test\r\n`)
  const [, ...lines] = (await reply(socket)).trimEnd().split('\r\n')
  return lines.map((line) => line.slice(4))
}

test('in the clear, without a certificate', async (context) => {
  const { ports, keywords } = await open(context, {})
  const socket = connect(ports[0] ?? 0, '127.0.0.1')
  await reply(socket)
  assert.deepEqual(keywords, await ehlo(socket))
  assert.ok(!keywords.some((one) => /AUTH|TLS/.test(one)))
  socket.destroy()
})

test('with STARTTLS: what is said under TLS only is marked', async (context) => {
  const { ports, keywords } = await open(context, { certificate: CERTIFICATE })
  const socket = connect(ports[0] ?? 0, '127.0.0.1')
  await reply(socket)
  const clear = await ehlo(socket)
  socket.write('STARTTLS\r\n')
  await reply(socket)
  const secure = tls.connect({ socket, rejectUnauthorized: false })
  const more = (await ehlo(secure)).filter((one) => !clear.includes(one))
  assert.deepEqual(more, ['AUTH PLAIN SCRAM-SHA-256-PLUS SCRAM-SHA-256', 'REQUIRETLS'])
  assert.deepEqual(keywords, [...clear, ...more.map((one) => `${one} (under TLS)`)])
  socket.destroy()
})

test('TLS from the first octet', async (context) => {
  const { ports, keywords } = await open(context, { certificate: CERTIFICATE, tls: 'implicit' })
  const socket = tls.connect({ port: ports[0] ?? 0, host: '127.0.0.1', rejectUnauthorized: false })
  await reply(socket)
  assert.deepEqual(keywords, await ehlo(socket))
  socket.destroy()
})

test('LMTP: nothing is said that only SMTP has', async (context) => {
  const { ports, keywords } = await open(context, { protocol: 'lmtp' })
  const socket = connect(ports[0] ?? 0, '127.0.0.1')
  await reply(socket)
  assert.deepEqual(keywords, await ehlo(socket, 'LHLO'))
  socket.destroy()
})
