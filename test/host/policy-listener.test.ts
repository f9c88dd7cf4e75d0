/** A listener of kind `policy` in a server, over a real socket: what plugins say, what their failures are worth, what explain shows, and what is counted. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { type App, createServer, defineConfig, explainText, type Server } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { Dns, defer, definePlugin, reject, suspect } from '@postroad/plugin'
import { BlockReader, formatBlock } from '@postroad/policy-service/codec'
import { telemetry } from '@postroad/telemetry'
import { until } from '../cli/operator.ts'
import { makeFolder } from '../kit/command.ts'

const judge = definePlugin({
  name: 'judge',
  hooks: {
    rcpt: ({ recipient }) => {
      if (recipient.local === 'nobody') return reject('No such user', { status: '5.1.1' })
      if (recipient.local === 'later') return defer('Later')
      if (recipient.local === 'odd') return suspect(3, 'odd')
      if (recipient.local === 'crash') throw new Error('a fault')
      return undefined
    },
  },
})

async function serve(fill: (scope: App) => unknown, config: object = {}): Promise<Server> {
  const server = await createServer(
    defineConfig({
      hostname: 'policy.test',
      folder: await makeFolder(),
      log: { format: 'silent' },
      ...config,
      setup: (app) =>
        void app.scope('policy', (scope) => {
          fill(scope)
          scope.listen({ name: 'policy', protocol: 'policy', port: 0, host: '127.0.0.1' })
        }),
    }),
  )
  await server.listen()
  return server
}

async function dial({ addresses }: Server, which = 0): Promise<Socket> {
  const address = addresses[which]
  assert.ok(address)
  const socket = connect(address.port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

async function ask(socket: Socket, attributes: Readonly<Record<string, string>>): Promise<string | undefined> {
  const reader = new BlockReader()
  const base = { request: 'smtpd_access_policy', protocol_state: 'RCPT', client_address: '192.0.2.7', instance: '1' }
  socket.write(formatBlock({ ...base, helo_name: 'c.example', sender: 'a@c.example', ...attributes }))
  const [chunk] = await once(socket, 'data')
  return reader.read(chunk as Buffer)?.attributes.get('action') // as: no encoding was set
}

const to = (user: string) => ({ recipient: `${user}@example.test` })

test('a scope that listens for policy judges the envelope: at each recipient, and by points at DATA', async () => {
  const server = await serve((scope) => scope.use(judge()), { thresholds: { tag: 2 } })
  try {
    const socket = await dial(server)
    assert.match((await ask(socket, to('nobody'))) ?? '', /^550 5\.1\.1 No such user \(id [0-9A-Z]{17}\.1\)$/)
    assert.match((await ask(socket, to('later'))) ?? '', /^DEFER_IF_PERMIT 4\.7\.1 Later \(id [0-9A-Z]{17}\.1\)$/)
    assert.equal(await ask(socket, to('odd')), 'DUNNO')
    assert.equal(await ask(socket, { protocol_state: 'DATA', ...to('odd') }), 'PREPEND X-Spam-Flag: YES')
    // The next message, on the same connection.
    assert.equal(await ask(socket, { instance: '2', ...to('alice') }), 'DUNNO')
    socket.destroy()
  } finally {
    await server.close()
  }
})

for (const [onError, answer] of [
  ['pass', 'DUNNO'],
  ['defer', 'DEFER_IF_PERMIT 4.3.0 Local error in processing, try again later'],
  ['reject', '554 5.3.0 Local error in processing'],
  ['disconnect', '421 4.3.0 Local error in processing, try again later'],
] as const)
  test(`trap 7: a plugin that fails is worth its onError, ${onError}, and the connection stays`, async () => {
    const server = await serve((scope) => scope.use(judge(), { onError }))
    try {
      const socket = await dial(server)
      assert.equal((await ask(socket, to('crash')))?.replace(/ \(id [0-9A-Z]{17}\.1\)$/, ''), answer)
      assert.equal(await ask(socket, { instance: '2', ...to('alice') }), 'DUNNO')
      socket.destroy()
    } finally {
      await server.close()
    }
  })

test('trap 12: what would put fields on a message, or look at it, is no policy service: a boot error says what is', async () => {
  const marking = definePlugin({
    name: 'marking',
    hooks: { message: () => undefined, rewrite: ({ message }) => message.withHeader('Received-SPF', 'pass') },
  })
  await assert.rejects(
    serve((scope) => scope.use(marking())),
    /ERR_ROLE[\s\S]*marking[\s\S]*milter/,
  )
})

test('explain shows the lines to copy', async () => {
  const server = await serve((scope) => scope.use(judge()))
  try {
    const text = explainText(server.explain())
    assert.match(text, /listens {4}127\.0\.0\.1:\d+ \(policy\)/)
    assert.match(text, /main\.cf .*smtpd_recipient_restrictions = .*reject_unauth_destination.*check_policy_service/)
    assert.match(text, /main\.cf .*smtpd_data_restrictions = .*check_policy_service/)
  } finally {
    await server.close()
  }
})

test('telemetry counts connections of mail servers that ask, not the messages that they ask about', async () => {
  let log = ''
  const server = await createServer(
    defineConfig({
      hostname: 'filter.test',
      folder: await makeFolder(),
      log: { format: 'json', write: (lines) => void (log += lines) },
      setup(app) {
        app.use(telemetry({ prometheus: { port: 0 } }))
        const at = { port: 0, host: '127.0.0.1' }
        for (const protocol of ['policy', 'milter'] as const)
          app.scope(protocol, (scope) => scope.use(judge()).listen({ name: protocol, protocol, ...at }))
      },
    }),
    { services: [{ service: Dns, create: () => zoneDns({}) }] },
  )
  await server.listen()
  try {
    server.log.flush()
    const [, metrics] = /"text":"metrics are served".*?"port":(\d+)|"port":(\d+).*?metrics are served/.exec(log) ?? []
    const counted = async (listener: string): Promise<string> => {
      const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
      const of = (name: string) =>
        new RegExp(`^postroad_connections_${name}{listener="${listener}".*} (\\d+)$`, 'm').exec(text)?.[1]
      return `${of('open')} open of ${of('total')}, ${of('closed_total') ?? 0} closed`
    }
    const sockets = await Promise.all([dial(server), dial(server)])
    const [socket, idle] = sockets
    for (let each = 0; each < 5; each++) await ask(socket, { instance: `1.${each}`, ...to('alice') })
    assert.equal(await counted('policy'), '2 open of 2, 0 closed')
    idle.end()
    await until(async () => ((await counted('policy')) === '1 open of 2, 1 closed' ? true : undefined))
    socket.destroy()
    await until(async () => ((await counted('policy')) === '0 open of 2, 2 closed' ? true : undefined))
    const filter = await dial(server, 1)
    await until(async () => ((await counted('milter')) === '1 open of 1, 0 closed' ? true : undefined))
    filter.destroy()
    await until(async () => ((await counted('milter')) === '0 open of 1, 1 closed' ? true : undefined))
  } finally {
    await server.close()
  }
})
