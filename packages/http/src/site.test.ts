import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { HttpContext } from '@postroad/plugin'
import { deferred, route, start, type TOKENS, tokens } from './fixture.test.ts'

test('a route answers with its parameters, and nothing of it is kept, framed or guessed at', async (context) => {
  const { ask, answers } = await start(
    context,
    [
      route('GET', '/v1/messages/:id', {
        handler: ({ params, url, caller }) => Response.json({ params, q: url.searchParams.get('q'), caller }),
      }),
    ],
    { tokens },
  )
  const answer = await ask('GET', '/v1/messages/a%2Fb?q=x', { token: 'operate' })
  assert.deepEqual(JSON.parse(answer.text), {
    params: { id: 'a/b' },
    q: 'x',
    caller: { name: 'operator', roles: ['read', 'operate'] },
  })
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  assert.match(String(answer.headers['content-security-policy']), /frame-ancestors 'none'/)
  const [logged] = answers
  assert.deepEqual(
    { ...logged, took: 0, remote: logged?.remote.address },
    {
      listener: 'web',
      method: 'GET',
      path: '/v1/messages/:id',
      plugin: 'tester',
      status: 200,
      took: 0,
      caller: 'operator',
      remote: '127.0.0.1',
    },
  )
  assert.equal((await ask('HEAD', '/v1/messages/1', { token: 'read' })).status, 200)
})

test('what is not there is 404, what may not be done there 405', async (context) => {
  const { ask } = await start(context, [
    route('GET', '/a', { access: 'public' }),
    route('POST', '/a', { access: 'public' }),
  ])
  assert.equal((await ask('GET', '/b')).status, 404)
  const answer = await ask('DELETE', '/a')
  assert.deepEqual([answer.status, answer.headers.allow], [405, 'GET, HEAD, POST'])
  assert.equal(answer.headers['content-type'], 'application/problem+json')
})

test('who may: by role; a token that is wrong or too old is nobody', async (context) => {
  const { ask } = await start(
    context,
    [
      route('GET', '/read'),
      route('POST', '/operate', { access: 'operate' }),
      route('POST', '/send', { access: 'send' }),
      route('GET', '/public', { access: 'public' }),
    ],
    { tokens },
  )
  const status = async (method: string, path: string, token?: keyof typeof TOKENS) =>
    (await ask(method, path, token ? { token } : {})).status
  assert.deepEqual(
    [
      await status('GET', '/read'),
      await status('GET', '/read', 'read'),
      await status('GET', '/read', 'operate'),
      await status('GET', '/read', 'send'),
    ],
    [401, 200, 200, 403],
  )
  assert.deepEqual([await status('POST', '/operate', 'read'), await status('POST', '/operate', 'operate')], [403, 200])
  assert.deepEqual([await status('POST', '/send', 'operate'), await status('POST', '/send', 'send')], [403, 200])
  assert.equal(await status('GET', '/read', 'old'), 401)
  assert.equal(await status('GET', '/public'), 200)
  const wrong = await ask('GET', '/read', { headers: { authorization: 'Basic eDp5' } })
  assert.deepEqual(
    [wrong.status, wrong.headers['www-authenticate']],
    [401, 'Bearer realm="postroad", error="invalid_token"'],
  )
})

test('who guesses waits', async (context) => {
  const { ask } = await start(context, [route('GET', '/')], { tokens, limits: { wrongTokens: 3 } })
  const guess = () => ask('GET', '/', { headers: { authorization: 'Bearer prt_guess' } })
  const statuses = []
  for (let tries = 0; tries < 4; tries++) statuses.push((await guess()).status)
  assert.deepEqual(statuses, [401, 401, 401, 429])
  const late = await ask('GET', '/', { token: 'read' })
  assert.deepEqual([late.status, late.headers['retry-after']], [429, '60'])
})

test('a name that is not ours is not answered: a foreign page cannot come by DNS', async (context) => {
  const { ask } = await start(context, [route('GET', '/', { access: 'public' })])
  const status = async (host: string) => (await ask('GET', '/', { headers: { host } })).status
  assert.deepEqual(
    [
      await status('localhost:8080'),
      await status('MX.example.com'),
      await status('[::1]:1'),
      await status('evil.example'),
      await status('xlocalhost'),
    ],
    [200, 200, 200, 421, 421],
  )
})

test('a page of another site may not ask, unless the route is public', async (context) => {
  const { ask } = await start(context, [route('POST', '/'), route('POST', '/unsubscribe', { access: 'public' })], {
    anonymous: 'admin',
  })
  const status = async (headers: Record<string, string>, path = '/') => (await ask('POST', path, { headers })).status
  assert.equal(await status({}), 200)
  assert.equal(await status({ 'sec-fetch-site': 'same-origin', origin: 'http://127.0.0.1', host: '127.0.0.1' }), 200)
  assert.equal(await status({ 'sec-fetch-site': 'cross-site' }), 403)
  assert.equal(await status({ 'sec-fetch-site': 'same-site' }), 403)
  assert.equal(await status({ origin: 'https://evil.example' }), 403)
  assert.equal(await status({ origin: 'null' }), 403)
  assert.equal(await status({ 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, '/unsubscribe'), 200)
})

test('a body is as long as the route allows, whatever is said of it', async (context) => {
  const seen: number[] = []
  const echo = route('POST', '/', {
    access: 'public',
    bodyLimit: 10,
    handler: async ({ request }) => {
      const text = await request.text()
      seen.push(text.length)
      return new Response(text)
    },
  })
  const { ask } = await start(context, [echo])
  assert.equal((await ask('POST', '/', { body: '0123456789' })).text, '0123456789')
  assert.equal((await ask('POST', '/', { body: '0123456789a' })).status, 413)
  assert.equal(
    (await ask('POST', '/', { body: '0123456789', headers: { 'transfer-encoding': 'chunked' } })).text,
    '0123456789',
  )
  assert.equal(
    (await ask('POST', '/', { body: '0123456789a', headers: { 'transfer-encoding': 'chunked' } })).status,
    413,
  )
  assert.deepEqual(seen, [10, 10])
})

test('a handler that throws, answers with nothing or not at all harms only its own request', async (context) => {
  let aborted = false
  const slow = ({ signal }: HttpContext) =>
    new Promise<Response>(() => signal.addEventListener('abort', () => void (aborted = true)))
  const { ask, lines } = await start(context, [
    route('GET', '/throws', {
      access: 'public',
      handler: () => {
        throw new Error('secret')
      },
    }),
    route('GET', '/rejects', { access: 'public', handler: () => Promise.reject(new Error('secret')) }),
    route('GET', '/nothing', { access: 'public', handler: () => undefined as unknown as Response }),
    route('GET', '/slow', { access: 'public', timeout: 20, handler: slow }),
    route('GET', '/well', { access: 'public' }),
  ])
  for (const path of ['/throws', '/rejects', '/nothing']) {
    const { status, text } = await ask('GET', path)
    assert.deepEqual([status, text.includes('secret')], [500, false], path)
  }
  assert.equal((await ask('GET', '/slow')).status, 503)
  assert.equal(aborted, true)
  assert.equal((await ask('GET', '/well')).text, 'ok')
  assert.deepEqual(lines, ['a route failed', 'a route failed', 'a route failed', 'a route did not answer in time'])
})

test('a client that goes aborts the handler', async (context) => {
  const gone = deferred()
  const begun = deferred()
  const { listener } = await start(context, [
    route('GET', '/', {
      access: 'public',
      handler: ({ signal }) => {
        signal.addEventListener('abort', () => gone.resolve())
        begun.resolve()
        return new Promise<Response>(() => {})
      },
    }),
  ])
  const { port } = listener.address as { port: number }
  const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'))
  await begun.promise
  socket.destroy()
  await gone.promise
})

test('routes: public serves nothing that takes a token', async (context) => {
  const { ask } = await start(context, [route('GET', '/a'), route('GET', '/b', { access: 'public' })], {
    routes: 'public',
  })
  assert.deepEqual(
    [(await ask('GET', '/a', { token: 'read' })).status, (await ask('GET', '/b', { token: 'read' })).status],
    [404, 200],
  )
})

test('routes: links serves links in mail and nothing else, and no other listener serves them', async (context) => {
  const routes = [
    route('GET', '/a'),
    route('GET', '/b', { access: 'public' }),
    route('GET', '/c', { access: 'login' }),
    route('GET', '/q/:link', { access: 'link' }),
  ]
  const statuses = async (kind: 'all' | 'public' | 'links') => {
    const { ask } = await start(context, routes, { routes: kind, ...(kind === 'all' && { tokens }) })
    const asked = ['/a', '/b', '/c', '/q/x'].map((path) => ask('GET', path, { token: 'read' }))
    return (await Promise.all(asked)).map(({ status }) => status)
  }
  assert.deepEqual(await statuses('links'), [404, 404, 404, 200])
  assert.deepEqual(await statuses('public'), [404, 200, 404, 404])
  assert.deepEqual(await statuses('all'), [200, 200, 200, 404])
})
