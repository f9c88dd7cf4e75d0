/** REQUIRETLS from a client to the next hop, RFC 8689: through each queue and a restart, a quarantine and a proxy; and its notifications. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { type App, createServer, type Server } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { type CommandIo, Dns, definePlugin, quarantine as setAside } from '@postroad/plugin'
import { proxy } from '@postroad/proxy'
import { quarantine } from '@postroad/quarantine'
import { queue } from '@postroad/queue'
import { redis } from '@postroad/redis'
import { redisQueue } from '@postroad/redis-queue'
import { routing } from '@postroad/routing'
import { createSink, type Sink, type SinkOptions } from '@postroad/testing'
import { certificate } from '../../packages/delivery/src/support/fixture.ts'
import { freePort, until } from '../cli/operator.ts'
import { DURABLE, type RedisServer, startRedis } from '../cluster/redis.ts'
import { requires } from '../runner/requires.ts'
import { converse } from '../tls/secured.ts'

const root = await mkdtemp(path.join(os.tmpdir(), 'postroad-require-tls-'))
after(() => rm(root, { recursive: true, force: true }))

const able: SinkOptions = { certificate, extensions: ['PIPELINING', 'DSN', 'REQUIRETLS'] }
const smtp = { tls: { mode: 'opportunistic', ca: certificate.cert } } as const

/** A server with services of its own; its listeners `mx` and, behind what quarantines, `inner`. */
async function running(name: string, setup: (app: App) => void): Promise<{ server: Server; close(): Promise<void> }> {
  const folder = path.join(root, name)
  const { services, close } = embeddedServices(path.join(folder, 'services'))
  const dns = { service: Dns, create: () => zoneDns({}) }
  const server = await createServer(
    { hostname: 'mx.test', folder, log: { format: 'silent' }, setup },
    { services: [...services, dns] },
  )
  await server.listen()
  let closed: Promise<void> | undefined
  const end = () => (closed ??= server.close({ grace: 0 }).then(close))
  ends.push(end)
  return { server, close: end }
}

/** What a test that failed has left open: it must not keep the others waiting. */
const ends: (() => Promise<unknown>)[] = []
after(() => Promise.all(ends.map((end) => end().catch(() => undefined))))

async function sinkOf(options: SinkOptions): Promise<Sink> {
  const sink = await createSink(options)
  ends.push(() => sink.close())
  return sink
}

const portOf = (server: Server, name = 'mx') => server.addresses.find((one) => one.name === name)?.port ?? 0

/** Hands one in with REQUIRETLS and RET=FULL; the reply to its dot, after a look at what was offered. */
async function handIn(server: Server, name = 'mx'): Promise<string> {
  const message = `From: a@home.test\r\nTo: b@away.test\r\nSubject: The secret plan\r\nMessage-ID: <1@home.test>\r\nX-Note: hidden\r\n\r\nNobody may read this.\r\n.`
  const answers = await converse(portOf(server, name), [
    'MAIL FROM:<a@home.test> REQUIRETLS RET=FULL',
    'RCPT TO:<b@away.test>',
    'DATA',
    message,
  ])
  assert.match(answers[0] ?? '', /^250[- ]REQUIRETLS$/m)
  return answers[4] ?? ''
}

const io = (lines: string[]): CommandIo => ({
  json: true,
  signal: new AbortController().signal,
  row: (fields) => void lines.push(JSON.stringify(fields)),
  print: (line) => void lines.push(line),
})

async function command(server: Server, plugin: string, name: string, ...args: readonly string[]): Promise<string[]> {
  const lines: string[] = []
  await server.commands.get(plugin)?.[name]?.run(args, io(lines))
  return lines
}

const skip = requires('redis-server')
let redisServer: RedisServer | undefined
after(() => redisServer?.[Symbol.asyncDispose]())

for (const [name, store, isSkipped] of [
  ['queue', (app: App) => app.use(queue({ smtp, minFree: 0 })), false],
  ['redis-queue', (app: App) => app.use(redis({ url: redisServer?.url ?? '' })).use(redisQueue({ smtp })), skip],
] as const) {
  test(`RFC 8689 §4.2.1: ${name} keeps REQUIRETLS over a restart, and passes it on`, { skip: isSkipped }, async () => {
    if (name === 'redis-queue') redisServer = await startRedis(DURABLE)
    const port = await freePort()
    const setup = (app: App): void => {
      app.use(routing({ domains: { 'away.test': { via: 'smtp', host: '127.0.0.1', port } } }))
      store(app)
      app.listen({ name: 'mx', host: '127.0.0.1', port: 0, selfSigned: true })
    }
    const first = await running(name, setup)
    assert.match(await handIn(first.server), /^250 /)
    // Not while it is under way: who dies then holds the lease, and the next waits for its end.
    await until(async () =>
      /"state":"scheduled".*"attempts":1/.test((await command(first.server, name, 'list')).join('')) ? true : undefined,
    )
    await first.close()
    const sink = await sinkOf({ ...able, port })
    const second = await running(name, setup)
    // A host that has refused connections is left alone, by all nodes; not where an operator says that it is to be tried now.
    await command(second.server, name, 'retry', '--all')
    const got = await until(() => sink.transactions[0])
    assert.deepEqual([got.isSecure, got.from.includes('REQUIRETLS')], [true, true], got.from)
    await second.close()
  })

  test(`RFC 8689 §5: a notification of ${name} says nothing of the message that its envelope would not, and asks for REQUIRETLS`, {
    skip: isSkipped,
  }, async () => {
    const away = await sinkOf({
      ...able,
      script: ({ verb }) => (verb === 'RCPT' ? '550 5.1.1 User unknown' : undefined),
    })
    for (const [at, home] of [able, { extensions: ['PIPELINING'] }].entries()) {
      const sink: Sink = await sinkOf(home)
      const way = (port: number) => ({ via: 'smtp', host: '127.0.0.1', port })
      const { server, close } = await running(`${name}-dsn-${at}`, (app) => {
        app.use(routing({ domains: { 'away.test': way(away.port), 'home.test': way(sink.port) } }))
        store(app)
        app.listen({ name: 'mx', host: '127.0.0.1', port: 0, selfSigned: true })
      })
      assert.match(await handIn(server), /^250 /)
      const { from, message } = await until(() => sink.transactions[0])
      // A notification is not thrown away where nobody passes REQUIRETLS on.
      assert.equal(from.startsWith('<>') && from.includes('REQUIRETLS'), home === able, from)
      const text = message.toString()
      assert.match(text, /^Message-ID: <1@home\.test>\r$/m)
      assert.match(text, /^Final-Recipient: rfc822; b@away\.test\r$/m)
      assert.doesNotMatch(text, /secret plan|Nobody may read|hidden|Received: from/)
      await close()
    }
  })
}

test('RFC 8689 §4.2.1: what was set aside is released under TLS and with REQUIRETLS', async () => {
  const sink = await sinkOf(able)
  const release = await freePort()
  const doubt = definePlugin({ name: 'doubt', hooks: { message: () => setAside('doubtful') } })
  const { server, close } = await running('quarantine', (app) => {
    app.use(routing({ domains: { 'away.test': { via: 'smtp', host: '127.0.0.1', port: sink.port } } }))
    app.use(queue({ smtp, minFree: 0 }))
    app.scope('outer', (outer) => {
      outer.use(doubt()).use(quarantine({ release: { port: release } }))
      outer.listen({ name: 'mx', host: '127.0.0.1', port: 0, selfSigned: true })
    })
    app.scope(
      'inner',
      (inner) => void inner.listen({ name: 'inner', host: '127.0.0.1', port: release, selfSigned: true }),
    )
  })
  assert.match(await handIn(server), /^250 /)
  const [plugin = ''] = [...server.commands.keys()].filter((one) => one.startsWith('quarantine'))
  const id = /"id":"([^"]+)"/.exec((await command(server, plugin, 'list')).join())?.[1] ?? ''
  const told = await command(server, plugin, 'release', id)
  const got = await until(() => sink.transactions[0]).catch((cause: unknown) =>
    assert.fail(`${told.join()} ${String(cause)}`),
  )
  assert.match(got.from, /REQUIRETLS/)
  await close()
})

test('RFC 8689 §4.2.1: a proxy passes it on, and one that has no TLS to its next hop cannot promise it', async () => {
  const sink = await sinkOf(able)
  const tls = { mode: 'required', ca: certificate.cert } as const
  const setup = (options: Parameters<typeof proxy>[0]) => (app: App) =>
    void app
      .use(routing({ domains: { 'away.test': { via: 'proxy', host: '127.0.0.1', port: sink.port } } }))
      .use(proxy(options))
      .listen({ name: 'mx', host: '127.0.0.1', port: 0, selfSigned: true })
  const { server, close } = await running('proxy', setup({ tls, features: ['DSN', 'REQUIRETLS'] }))
  assert.match(await handIn(server), /^250 /)
  assert.match(sink.transactions[0]?.from ?? '', /REQUIRETLS/)
  await close()
  await assert.rejects(running('proxy-clear', setup({ features: ['REQUIRETLS'] })), /REQUIRETLS is promised/)
})

test('REQUIRETLS is offered exactly where everything that delivers keeps it', async () => {
  const deliver = async () => []
  const offers = async (name: string, options: Parameters<typeof queue>[0]) => {
    const { server, close } = await running(`offer-${name}`, (app) => {
      app.use(queue({ ...options, minFree: 0 })).listen({ name: 'mx', host: '127.0.0.1', port: 0, selfSigned: true })
    })
    const is = server.explain().some(({ keywords }) => keywords.some((one) => one.startsWith('REQUIRETLS')))
    await close()
    return is
  }
  const own = { deliver, close: async () => {} }
  assert.deepEqual(
    [
      await offers('smtp', {}),
      await offers('lmtp-here', { lmtp: { path: '/run/lmtp' } }),
      await offers('lmtp-there', { lmtp: { host: 'mailboxes.test' } }),
      await offers('own', { transports: { fax: own } }),
      await offers('own-kept', { transports: { fax: { ...own, keepsRequireTls: true } } }),
    ],
    [true, true, false, false, true],
  )
})
