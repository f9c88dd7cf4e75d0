import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { HttpContext } from '@postroad/plugin'
import { fakeClock } from '@postroad/testing'
import { mailOf } from './mail-fixture.test.ts'
import { options } from './options.ts'
import { junkRoutes } from './route.ts'
import { ACTING, schoolOf, trainedFolder } from './school-fixture.test.ts'

const { folder, remove } = await trainedFolder()
const school = schoolOf(folder)
after(async () => {
  await school.close()
  await remove()
})
const routes = junkRoutes(school, { options: options.parse(ACTING), clock: fakeClock() })
const log = { debug() {}, info() {}, warn() {}, error() {} }

/** Asks a route as a listener does. */
async function ask(method: string, path: string, { label = '', body = '', query = '' } = {}) {
  const route = routes.find((one) => one.method === method && one.path === path)
  assert.ok(route)
  const url = new URL(`http://localhost${path.replace(':label', label)}?${query}`)
  const request = new Request(url, { method, ...(method === 'POST' && { body }) })
  // `as`: what these routes look at.
  const answer = await route.handler({ request, url, params: { label }, log } as unknown as HttpContext)
  assert.ok(answer instanceof Response)
  return answer
}

test('POST /v1/junk/learn: a message is learned for who is named, once', async () => {
  const path = '/v1/junk/learn/:label'
  const teach = (label: string) =>
    ask('POST', path, { label, body: mailOf('spam', 8_000), query: 'user=bob%40mx.test' })
  assert.deepEqual(await (await teach('spam')).json(), { outcome: 'learned', text: 'learned' })
  assert.match(await (await teach('spam')).text(), /"outcome":"known"/)
  assert.match(await (await teach('ham')).text(), /"outcome":"(?:relabelled|own)"/)
  const mistakes = [
    ask('POST', path, { label: 'hame', body: 'x' }),
    ask('POST', path, { label: 'spam' }),
    ask('POST', path, { label: 'spam', body: 'x', query: 'user=a%0ab' }),
  ]
  assert.deepEqual(
    (await Promise.all(mistakes)).map(({ status }) => status),
    [404, 400, 400],
  )
})

test('GET /v1/junk/stats and metrics: the error that it made before it was told is among them', async () => {
  const stats = await (await ask('GET', '/v1/junk/stats')).text()
  assert.match(
    stats,
    /"ready":true.*"ham":5[78]\d.*"budget":100.*"lately":\[\{"days":1,"spam":9\d,"ham":5[78]\d,"missed":\d+,"lost":0/,
  )
  const text = await (await ask('GET', '/v1/junk/metrics')).text()
  assert.match(text, /^# TYPE postroad_junk_ready gauge\npostroad_junk_ready 1\n/)
  for (const line of text.trimEnd().split('\n'))
    assert.match(line, /^(?:# TYPE \w+ gauge|\w+(?:\{[^}]*\})? -?[\d.e+-]+)$/)
  assert.match(text, /^postroad_junk_lessons\{label="ham"\} \d+$/m)
})
