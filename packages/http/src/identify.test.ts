import assert from 'node:assert/strict'
import { test } from 'node:test'
import { route, start, tokens } from './fixture.test.ts'

const byCookie = ({ request }: { request: Request }) =>
  request.headers.get('cookie') === 'who=ann' ? { name: 'ann', roles: ['read' as const] } : undefined

test('who shows a cookie is whom a plugin knows by it; a token goes before it', async (context) => {
  const who = route('GET', '/who', { handler: ({ caller }) => new Response(caller?.name) })
  const { ask } = await start(context, [who], { tokens }, [() => undefined, byCookie])
  assert.equal((await ask('GET', '/who')).status, 401)
  assert.equal((await ask('GET', '/who', { headers: { cookie: 'who=bob' } })).status, 401)
  assert.equal((await ask('GET', '/who', { headers: { cookie: 'who=ann' } })).text, 'ann')
  assert.equal((await ask('GET', '/who', { headers: { cookie: 'who=ann' }, token: 'operate' })).text, 'operator')
})

test('a plugin that fails to say who shows a cookie lets nobody in, and is written down', async (context) => {
  const broken = () => {
    throw new Error('no store')
  }
  const { ask, lines } = await start(context, [route('GET', '/who')], { tokens }, [broken])
  assert.equal((await ask('GET', '/who', { headers: { cookie: 'who=ann' } })).status, 401)
  assert.deepEqual(lines, ['who shows a cookie could not be told'])
})

test('a cookie is of no use to a page of another site', async (context) => {
  const { ask } = await start(context, [route('POST', '/act', { access: 'read' })], {}, [byCookie])
  const cookie = 'who=ann'
  assert.equal((await ask('POST', '/act', { headers: { cookie, 'sec-fetch-site': 'cross-site' } })).status, 403)
  assert.equal((await ask('POST', '/act', { headers: { cookie, origin: 'http://evil.test' } })).status, 403)
  assert.equal((await ask('POST', '/act', { headers: { cookie, 'sec-fetch-site': 'same-origin' } })).status, 200)
})

test('a page to log in is for everybody, by links from anywhere, but not on a listener of public routes', async (context) => {
  const routes = [route('GET', '/', { access: 'login' }), route('POST', '/', { access: 'login' })]
  const { ask } = await start(context, routes, { tokens })
  assert.equal((await ask('GET', '/', { headers: { 'sec-fetch-site': 'cross-site' } })).status, 200)
  assert.equal((await ask('POST', '/', { headers: { 'sec-fetch-site': 'cross-site' } })).status, 403)
  assert.equal((await ask('POST', '/')).status, 200)
  assert.equal((await ask('POST', '/', { headers: { authorization: 'Bearer prt_wrong' } })).status, 401)
  const open = await start(context, routes, { routes: 'public' })
  assert.equal((await open.ask('GET', '/')).status, 404)
})
