/** Listeners of kind `http` in a server: routes of the scope's plugins, tokens, TLS, UNIX sockets, reload, closing. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { type RequestOptions as SecureOptions, request as secureRequest } from 'node:https'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { BootError, type Config, createServer, explainText, PostroadError, type Server } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { newToken, tokenFile } from '@postroad/http'
import { Dns, definePlugin, type HttpRoute } from '@postroad/plugin'
import { telemetry } from '@postroad/telemetry'

import { certificate } from '../delivery/certificate.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { freePorts } from '../interop/loopback.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-http-host-'))
after(() => rm(folder, { recursive: true, force: true }))

type Listen = Parameters<Parameters<Config['setup']>[0]['listen']>[0]

const route = (route: Partial<HttpRoute> & Pick<HttpRoute, 'path'>): HttpRoute => ({
  method: 'GET',
  access: 'public',
  summary: 'a test',
  handler: () => new Response('ok'),
  ...route,
})

/** A plugin that serves routes, and says when it is closed. */
const serving = (name: string, routes: readonly HttpRoute[], closed: string[] = []) =>
  definePlugin({ name, setup: () => ({ routes, close: () => void closed.push(name) }) })()

function config(setup: Config['setup'], rest: Partial<Config> = {}): Config {
  return { hostname: 'mx.test', folder, log: { format: 'silent' }, ...rest, setup }
}

type Http = Extract<Listen, { protocol: 'http' }>
const web = { name: 'web', protocol: 'http', port: 0 } as const
const webAs = (more: Partial<Http>): Http => ({ ...web, ...more })

function ask(
  server: Server,
  url: string,
  more: SecureOptions & { name?: string } = {},
): Promise<{ status: number; text: string }> {
  const { name = 'web', ...options } = more
  const listener = server.addresses.find((one) => one.name === name)
  assert.ok(listener)
  const { host, port, path: socketPath } = listener
  const where = socketPath === undefined ? { host, port } : { socketPath }
  const request = 'ca' in options ? secureRequest : plainRequest
  return new Promise((resolve, reject) => {
    const sent = request({ ...where, path: url, agent: false, ...options }, (answer: IncomingMessage) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

async function mistakes(setup: Config['setup']): Promise<string> {
  const error = await createServer(config(setup)).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof BootError, 'boot fails')
  return error.errors.map(({ code, message }) => `${code}: ${message}`).join('\n')
}

test('a listener serves the routes of the plugins that its scope sees, beside one for mail', async () => {
  await using server = await createServer(
    config((app) => {
      app.use(serving('outer', [route({ path: '/outer' })]))
      app.listen({ name: 'mx', host: '127.0.0.1', port: 0 })
      app.scope('inner', (inner) => {
        inner.use(serving('inner', [route({ path: '/inner' })]))
        inner.listen(web)
      })
      app.scope('other', (other) => {
        other.use(serving('other', [route({ path: '/other' })]))
        other.listen({ ...web, name: 'other' })
      })
    }),
  )
  await server.listen()
  const statuses = async (name: string) =>
    Promise.all(['/outer', '/inner', '/other'].map(async (url) => (await ask(server, url, { name })).status))
  assert.deepEqual(
    [await statuses('web'), await statuses('other')],
    [
      [200, 200, 404],
      [200, 404, 200],
    ],
  )
  const mx = server.addresses.find(({ name }) => name === 'mx')
  const client = await SmtpClient.connect(mx?.port ?? 0)
  assert.match(await client.reply(), /^220 mx\.test/)
  await client.quit()
  assert.equal(server.addresses.find(({ name }) => name === 'web')?.host, '127.0.0.1')
})

test('explain shows what is served to whom, and warns where nobody can ask for anything', async () => {
  await using server = await createServer(
    config((app) => {
      app.use(serving('p', [route({ path: '/a' }), route({ path: '/b', access: 'admin', method: 'POST' })]))
      app.listen({ ...web, port: 8025 })
      app.listen(webAs({ name: 'public', port: 8026, routes: 'public' }))
      app.listen({ name: 'unix', protocol: 'http', path: path.join(folder, 'x.sock') })
    }),
  )
  const text = explainText(server.explain())
  assert.match(
    text,
    /listens {4}127\.0\.0\.1:8025 \(http, TLS none, 0 tokens\)\n {2}serves {5}GET {4}\/a \(public; p\): a test\n {2}serves {5}POST {3}\/b \(admin; p\): a test\n/,
  )
  assert.match(text, /8026 \(http, TLS none, public routes only\)\n {2}serves {5}GET {4}\/a .*\n {2}listens/)
  assert.match(text, /x\.sock \(http, TLS none, 0 tokens, without one: admin\)/)
  assert.doesNotMatch(text, /EHLO|nobody answers/)
  assert.deepEqual(server.explain()[0]?.warnings, [
    'web: there is no token, and without one nobody may ask for what is not public: `postroad token new`',
  ])
  await using empty = await createServer(config((app) => void app.listen(webAs({ anonymous: 'read' }))))
  assert.deepEqual(empty.explain()[0]?.warnings, ['web: no plugin of the scope has routes to serve there'])
  await using half = await createServer(
    config((app) => {
      app.use(serving('p', [route({ path: '/a' }), route({ path: '/b', access: 'admin' })]))
      app.scope('public', (inner) => inner.listen(webAs({ routes: 'public' })))
    }),
  )
  assert.deepEqual(
    half.explain().map(({ warnings }) => warnings),
    [["p: GET /b is served by no listener: listen({ protocol: 'http' }) in this scope, or one within it"], []],
  )
})

test('two plugins with one route are a mistake, said once', async () => {
  const said = await mistakes((app) => {
    app.use(serving('one', [route({ path: '/a' })]))
    app.use(serving('two', [route({ path: '/a' }), route({ path: 'b' })]))
    app.scope('inner', (inner) => {
      inner.use(serving('three', [route({ path: '/c' })]))
      inner.listen(web)
    })
  })
  assert.equal(
    said,
    'ERR_HTTP_ROUTE: two: the route GET /a is one of one, too\nERR_HTTP_ROUTE: two: "b" cannot be the path of a route',
  )
})

test('what others could reach needs TLS and tokens; an option of another kind is named, and what to do', async () => {
  const said = await mistakes((app) => {
    app.listen(webAs({ name: 'a', host: '0.0.0.0', anonymous: 'read' }))
    app.listen({ ...web, name: 'b', port: 1, tls: 'implicit' })
    app.listen({ ...web, name: 'c', port: 2, tls: 'optional', auth: 'required' } as unknown as Listen)
    app.listen({ name: 'd', port: 3, host: '127.0.0.1', routes: 'all' } as unknown as Listen)
    app.listen({ name: 'e', port: 4, protocol: 'htp' } as unknown as Listen)
    app.listen({ ...web, name: 'f', port: 5, mode: 0o600 })
  })
  for (const part of [
    'a: tls: other machines can reach this listener',
    'a: tokens: other machines can reach this listener, and there is none: `postroad token new` makes one',
    'a: anonymous: "read" is for listeners of this machine',
    'b: tls: "implicit" needs a certificate',
    'c: tls must be "none" or "implicit": HTTP has no STARTTLS, not "optional"',
    'c: auth is an option of listeners of SMTP and LMTP',
    'd: routes is an option of listeners of protocol "http"',
    'e: protocol must be smtp, lmtp, ',
    'f: mode: only a UNIX socket has one',
  ])
    assert.ok(said.includes(`ERR_LISTEN: ${part}`), `${part}\n${said}`)
  assert.match(said, /e: protocol must be .*\bhttp\b.*, not "htp"; did you mean "http"\?/)
})

test('tokens lie in a file of the server: a new one holds, one that is revoked holds no more, without a reload', async (context) => {
  const own = await mkdtemp(path.join(os.tmpdir(), 'postroad-http-tokens-'))
  context.after(() => rm(own, { recursive: true, force: true }))
  const { secret, sha256 } = newToken()
  const file = tokenFile(path.join(own, 'tokens.json'))
  await using server = await createServer(
    config(
      (app) => {
        app.use(
          serving('p', [route({ path: '/a', access: 'read', handler: ({ caller }) => new Response(caller?.name) })]),
        )
        app.listen(web)
      },
      { folder: own },
    ),
  )
  await server.listen()
  const answer = () => ask(server, '/a', { headers: { authorization: `Bearer ${secret}` } })
  const until = async (status: number) => {
    for (let tries = 0; (await answer()).status !== status; tries++) {
      assert.ok(tries < 200, `never ${status}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  await file.write([{ name: 'ops', sha256, roles: ['read'] }])
  // Who guesses waits a minute: the wrong tokens of this client are too few for that.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  await until(200)
  assert.equal((await answer()).text, 'ops')
  await file.write([])
  await until(401)
})

test('TLS, and a file of tokens that cannot be read', async () => {
  await using server = await createServer(
    config((app) => {
      app.use(serving('p', [route({ path: '/a' })]))
      app.listen({ ...web, certificate, host: '127.0.0.1' })
    }),
  )
  await server.listen()
  const answer = await ask(server, '/a', {
    ca: String(certificate.cert),
    servername: 'mx.test',
    checkServerIdentity: () => undefined,
  })
  assert.equal(answer.text, 'ok')
  await assert.rejects(ask(server, '/a'), /socket hang up|ECONNRESET/)
  const said = await mistakes((app) => void app.listen({ ...web, tokenFile: folder }))
  assert.match(said, /^ERR_LISTEN: web: tokenFile: .*EISDIR/)
})

test('a UNIX socket has its mode, also after a reload; a request that is under way keeps its plugins open', async () => {
  const closed: string[] = []
  const socket = path.join(folder, 'http.sock')
  let release = (): void => {}
  let begun = (): void => {}
  const asked = new Promise<void>((resolve) => {
    begun = resolve
  })
  const slow = route({
    path: '/slow',
    handler: async () => {
      begun()
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return new Response(closed.length === 0 ? 'still open' : 'closed')
    },
  })
  const generation = (name: string, mode: number, routes: readonly HttpRoute[]): Config =>
    config((app) => {
      app.use(serving(name, routes, closed))
      app.listen({ name: 'web', protocol: 'http', path: socket, mode })
    })
  const server = await createServer(generation('one', 0o600, [slow]))
  await server.listen()
  assert.equal((await stat(socket)).mode & 0o777, 0o600)
  const answer = ask(server, '/slow')
  await asked
  await server.reload(generation('two', 0o666, [route({ path: '/two' })]))
  assert.equal((await stat(socket)).mode & 0o777, 0o666)
  assert.equal((await ask(server, '/two')).text, 'ok')
  assert.deepEqual(closed, [])
  release()
  assert.equal((await answer).text, 'still open')
  while (closed.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(closed, ['one'])
  await server.close()
  assert.deepEqual(closed, ['one', 'two'])
  await assert.rejects(stat(socket), { code: 'ENOENT' })
})

test('a place keeps its kind over reloads, and whether it is TLS; nothing has changed then', async () => {
  const listen = (options: Listen): Config =>
    config((app) => {
      app.use(serving('p', [route({ path: '/a' })]))
      app.listen(options)
    })
  await using server = await createServer(listen(web))
  await server.listen()
  const refused = async (options: Listen) => {
    const error = await server.reload(listen(options)).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof PostroadError && error.code === 'ERR_LISTEN', String(error))
    assert.equal((await ask(server, '/a')).text, 'ok')
    return error.message
  }
  assert.equal(
    await refused({ name: 'web', host: '127.0.0.1', port: 0 }),
    'web: 127.0.0.1:0 speaks http, and cannot become smtp by a reload: restart, or give it another place',
  )
  assert.match(await refused({ ...web, certificate }), /tls at 127\.0\.0\.1:0 cannot become or cease to be "implicit"/)
})

test('a port that is taken is ERR_BIND, as for mail', async () => {
  await using first = await createServer(config((app) => void app.listen(web)))
  await first.listen()
  await using second = await createServer(
    config((app) => void app.listen({ ...web, port: first.addresses[0]?.port ?? 0 })),
  )
  await assert.rejects(
    second.listen(),
    (error) =>
      error instanceof PostroadError &&
      error.code === 'ERR_BIND' &&
      /another process listens there/.test(error.message),
  )
})

test('a line of the log for each answer: reads that went well only when debugging, and nothing of what a caller wrote', async () => {
  const lines: string[] = []
  const log = { format: 'json' as const, write: (text: string) => void lines.push(text) }
  await using server = await createServer(
    config(
      (app) => {
        app.use(serving('p', [route({ path: '/a/:secret' }), route({ path: '/b', method: 'POST' })]))
        app.listen(web)
      },
      { log },
    ),
  )
  await server.listen()
  await ask(server, '/a/hidden?x=hidden')
  await ask(server, '/b', { method: 'POST' })
  await ask(server, '/hidden')
  server.log.flush()
  const told = lines
    .join('')
    .split('\n')
    .filter((line) => line.includes('answered'))
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    told.map(({ method, path: asked, status, plugin }) => [method, asked, status, plugin]),
    [
      ['POST', '/b', 200, 'p'],
      ['GET', undefined, 404, undefined],
    ],
  )
  assert.doesNotMatch(lines.join(''), /hidden/)
})

test('telemetry counts connections as for mail, and requests by route, not by what callers wrote', async () => {
  const [port = 0] = await freePorts(1)
  await using server = await createServer(
    config((app) => {
      app.use(telemetry({ prometheus: { port } }))
      app.use(serving('p', [route({ path: '/a/:id' })]))
      app.listen(web)
    }),
    { services: [{ service: Dns, create: () => zoneDns({}) }] },
  )
  await server.listen()
  for (const url of ['/a/hidden', '/a/hidden2', '/hidden']) await ask(server, url)
  await ask(server, '/hidden', { method: 'PROPFIND' })
  while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  for (const sample of [
    'postroad_connections_total{listener="web"} 4',
    'postroad_connections_open{listener="web"} 0',
    'postroad_http_requests_total{listener="web",method="GET",route="/a/:id",status="200"} 2',
    'postroad_http_requests_total{listener="web",method="",route="",status="404"} 2',
    'postroad_http_request_seconds_count{listener="web",route="/a/:id"} 2',
  ])
    assert.ok(text.includes(`${sample}\n`), `${sample}\n${text.match(/^postroad_(?:http|conn).*$/gm)?.join('\n')}`)
  assert.match(text, /postroad_connections_closed_total\{listener="web",reason="(?:client|server)"\}/)
  assert.doesNotMatch(text, /hidden|PROPFIND/)
})
