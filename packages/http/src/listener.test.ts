import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as connectSecurely } from 'node:tls'
import { CERTIFICATE } from '../../../test/conformance/certificate.ts'
import { certificate } from '../../../test/delivery/certificate.ts'
import { deferred, NOW, route, start, tokens } from './fixture.test.ts'
import { createHttpListener, type HttpListenerOptions } from './index.ts'

test('a UNIX socket is for whom its permissions let in, and they need no token', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-http-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  const admin = [route('POST', '/', { access: 'admin', handler: ({ caller }) => new Response(caller?.name) })]
  const open = await start(context, admin, { path: join(folder, 'a.sock') })
  assert.deepEqual((await open.ask('POST', '/', { headers: { host: 'whatever' } })).text, 'socket')
  const closed = await start(context, admin, { path: join(folder, 'b.sock'), anonymous: 'none' })
  assert.equal((await closed.ask('POST', '/')).status, 401)
})

test('reload: new routes and tokens for requests from now on, also on a connection that is open', async (context) => {
  const { listener, ask } = await start(context, [route('GET', '/a', { access: 'public' })])
  const site = {
    routes: [{ plugin: 'b', route: route('GET', '/b', { access: 'public' }) }],
    now: () => NOW,
    logOf: () => assert.fail(),
  }
  const options = { name: 'new', hostname: 'mx.example.com', port: 0 }
  listener.update(options, { ...site, logOf: () => ({ debug() {}, info() {}, warn() {}, error() {} }) })
  assert.deepEqual([(await ask('GET', '/a')).status, (await ask('GET', '/b')).status, listener.name], [404, 200, 'new'])
  const twice = { ...site, routes: [...site.routes, ...site.routes] }
  assert.throws(() => listener.update(options, twice), /b: it has two routes GET \/b/)
  assert.equal((await ask('GET', '/b')).status, 200)
})

test('closing lets a request finish, and cuts it off after the grace', async (context) => {
  const release = deferred()
  const begun = [deferred(), deferred()]
  const routes = [
    route('GET', '/a', {
      access: 'public',
      handler: async () => {
        begun[0]?.resolve()
        await release.promise
        return new Response('done')
      },
    }),
    route('GET', '/never', {
      access: 'public',
      handler: () => {
        begun[1]?.resolve()
        return new Promise<Response>(() => {})
      },
    }),
  ]
  const kind = await start(context, routes)
  const answer = kind.ask('GET', '/a')
  await begun[0]?.promise
  const closed = kind.listener.close(60_000)
  release.resolve()
  assert.equal((await answer).text, 'done')
  await closed
  const strict = await start(context, routes)
  const cut = assert.rejects(strict.ask('GET', '/never'))
  await begun[1]?.promise
  await strict.listener.close(10)
  await cut
  await assert.rejects(strict.ask('GET', '/a'))
})

test('TLS has the certificate that there is now, also for who names no server', async (context) => {
  const { listener } = await start(context, [], { certificate })
  const { port } = listener.address as { port: number }
  const shown = (servername = ''): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectSecurely({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
        socket.destroy()
      }).on('error', reject)
    })
  const [before, after] = [certificate, CERTIFICATE].map(({ cert }) => new X509Certificate(cert).fingerprint256)
  assert.deepEqual([await shown(), await shown('sink.test')], [before, before])
  listener.setCertificate(CERTIFICATE)
  assert.deepEqual([await shown(), await shown('sink.test')], [after, after])
})

test('so many connections and no more', async (context) => {
  const { listener } = await start(context, [], { limits: { connections: 2 } })
  const { port } = listener.address as { port: number }
  const sockets = [1, 2, 3].map(() => connect(port, '127.0.0.1').on('error', () => {}))
  context.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  const closed = sockets.map(
    (socket) => new Promise<string>((resolve) => socket.once('close', () => resolve('closed'))),
  )
  assert.equal(await Promise.race(closed), 'closed')
  assert.equal(listener.connections, 2)
})

test('what is wrong with the options is said: what others can reach has TLS and tokens', () => {
  const mistakes = (options: Partial<HttpListenerOptions>): string => {
    try {
      createHttpListener(
        { name: 'x', hostname: 'x', ...options },
        { routes: [], now: Date.now, logOf: () => assert.fail() },
      )
      return ''
    } catch (error) {
      return error instanceof Error ? error.message : ''
    }
  }
  assert.equal(mistakes({}), '')
  assert.match(mistakes({ host: '0.0.0.0' }), /tls: other machines .*; tokens: other machines/)
  assert.equal(mistakes({ host: '0.0.0.0', tls: 'none', tokens }), '')
  assert.equal(mistakes({ host: '0.0.0.0', tls: 'none', routes: 'public' }), '')
  assert.match(
    mistakes({ host: '::', tls: 'none', tokens, anonymous: 'read' }),
    /anonymous: "read" is for listeners of this machine/,
  )
  assert.match(mistakes({ tls: 'implicit' }), /needs a certificate/)
  assert.match(mistakes({ tokens: [{ name: 'a', sha256: 'secret', roles: ['read'] }] }), /tokens\[0\]\.sha256/)
  assert.match(mistakes({ routes: 'public', tokens }), /asks nobody for one/)
  assert.match(mistakes({ mode: 0o600, group: 'mail' }), /mode: only a UNIX socket has one.*; group: only/)
})
