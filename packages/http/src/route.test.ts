import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpRoute } from '@postroad/plugin'
import { route } from './fixture.test.ts'
import { routeMistakes } from './index.ts'

test('two routes for the same requests are a mistake, whatever their parameters are called', () => {
  const owned = (plugin: string, method: HttpRoute['method'], path: string) => ({ plugin, route: route(method, path) })
  const routes = [
    owned('a', 'GET', '/v1/messages/:id'),
    owned('b', 'GET', '/v1/messages/:message'),
    owned('b', 'POST', '/v1/messages/:id'),
    owned('b', 'GET', '/v1/messages'),
    owned('c', 'GET', '/x'),
    owned('c', 'GET', '/x'),
  ]
  assert.deepEqual(routeMistakes(routes), [
    'b: the route GET /v1/messages/:message is one of a, too',
    'c: it has two routes GET /x',
  ])
})

test('what cannot be a route is said, also of what no compiler has seen', () => {
  const wrong = (part: object): string =>
    routeMistakes([{ plugin: 'p', route: { ...route('GET', '/x'), ...part } }])
      .join('; ')
      .slice(3)
  assert.match(wrong({ path: 'x' }), /"x" cannot be the path of a route/)
  assert.match(wrong({ path: '/a/*/b' }), /cannot be the path/)
  assert.match(wrong({ path: '/a b' }), /cannot be the path/)
  assert.match(wrong({ path: undefined }), /undefined cannot be the path/)
  assert.match(wrong({ method: 'FETCH' }), /"FETCH" cannot be the method of the route \/x/)
  assert.match(wrong({ access: 'root' }), /access of the route GET \/x must say who may: public, login, link, read/)
  assert.match(wrong({ handler: undefined }), /the route GET \/x has no handler/)
  for (const path of ['/', '/a/:id', '/assets/*', '/.well-known/mta-sts.txt', '/a/']) assert.equal(wrong({ path }), '')
})
