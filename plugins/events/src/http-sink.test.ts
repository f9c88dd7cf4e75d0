import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { Webhook } from 'standardwebhooks'
import { httpSink } from './http-sink.ts'
import { options } from './options.ts'
import { makeSecret, parseSecret, sign } from './signature.ts'

const LOCAL = ['127.0.0.0/8']
const EVENT = {
  id: 'evt_1',
  payload:
    '{"id":"evt_1","type":"delivered","timestamp":"2026-01-01T00:00:00.000Z","data":{"to":["jörg@example.com"],"message":"m1"}}',
}
const OTHER = { ...EVENT, id: 'evt_2', payload: EVENT.payload.replace('evt_1', 'evt_2') }
const never = new AbortController().signal

interface Asked {
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A server that notes what it was sent, and answers as `answer` does. */
async function hearing(t: TestContext, answer: RequestListener = (_, response) => void response.end()) {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    asked.push({ headers: request.headers, body: await text(request) })
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // it listens on a port
  return { asked, port }
}

function sinkFor(t: TestContext, url: string, given: object = {}, zone: Parameters<typeof zoneDns>[0] = {}) {
  const secrets = makeSecret()
  const parsed = options.parse({ endpoints: [{ name: 'one', url, secrets, plain: true, networks: LOCAL, ...given }] })
  const [endpoint] = parsed.endpoints
  assert.ok(endpoint)
  const shape = { format: endpoint.format, isBatch: endpoint.batch > 1, source: '//mx.test/' }
  const sink = httpSink({ endpoint: { ...endpoint, url }, dns: zoneDns(zone), shape, now: () => Date.now() })
  t.after(() => sink.close?.())
  return { sink, secrets }
}

test('Standard Webhooks: the signature of their specification', () => {
  // From the test vector of the reference libraries.
  const key = parseSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
  assert.ok(key)
  const signed = sign([key], { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', seconds: 1614265330, body: '{"test": 2432232314}' })
  assert.equal(signed, 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('Standard Webhooks: their library verifies what is sent, with the old secret and with the new one', async (t) => {
  const { asked, port } = await hearing(t)
  const [old, fresh] = [makeSecret(), makeSecret()]
  const { sink } = sinkFor(t, `http://127.0.0.1:${port}/hook`, { secrets: [fresh, old] })
  assert.deepEqual(await sink.deliver([EVENT], never), { kind: 'ok' })
  const [{ headers, body } = { headers: {}, body: '' }] = asked
  for (const secret of [old, fresh])
    assert.deepEqual(new Webhook(secret).verify(body, headers as Record<string, string>), JSON.parse(EVENT.payload))
  assert.throws(() => new Webhook(makeSecret()).verify(body, headers as Record<string, string>))
  assert.throws(() => new Webhook(fresh).verify(`${body} `, headers as Record<string, string>))
  assert.equal(headers['webhook-id'], 'evt_1')
  assert.equal(headers['content-type'], 'application/json')
})

test('a batch is an array, and its id is of its events; CloudEvents 1.0 by option', async (t) => {
  const { asked, port } = await hearing(t)
  const url = `http://127.0.0.1:${port}/`
  const batching = sinkFor(t, url, { batch: 10 })
  await batching.sink.deliver([EVENT, OTHER], never)
  await batching.sink.deliver([EVENT, OTHER], never)
  await batching.sink.deliver([EVENT], never)
  assert.deepEqual(
    asked.map(({ body }) => JSON.parse(body).length),
    [2, 2, 1],
  )
  assert.equal(asked[0]?.headers['webhook-id'], asked[1]?.headers['webhook-id'])
  assert.match(String(asked[0]?.headers['webhook-id']), /^batch_[\w-]{22}$/)
  assert.equal(asked[2]?.headers['webhook-id'], 'evt_1')
  await sinkFor(t, url, { format: 'cloudevents' }).sink.deliver([EVENT], never)
  assert.equal(asked[3]?.headers['content-type'], 'application/cloudevents+json')
  assert.deepEqual(JSON.parse(asked[3]?.body ?? ''), {
    specversion: '1.0',
    id: 'evt_1',
    source: '//mx.test/',
    type: 'postroad.mail.delivered',
    subject: 'm1',
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    data: { to: ['jörg@example.com'], message: 'm1' },
  })
})

for (const [status, headers, expected] of [
  [204, {}, { kind: 'ok' }],
  [301, { location: 'http://169.254.169.254/' }, { kind: 'failed', why: 'HTTP 301: no (redirects are not followed)' }],
  [401, {}, { kind: 'refused', why: 'HTTP 401: no' }],
  [408, {}, { kind: 'failed', why: 'HTTP 408: no', retryAfterMs: undefined }],
  [410, {}, { kind: 'gone', why: 'HTTP 410: no' }],
  [429, { 'retry-after': '7' }, { kind: 'failed', why: 'HTTP 429: no', retryAfterMs: 7_000 }],
  [503, { 'retry-after': '99999999' }, { kind: 'failed', why: 'HTTP 503: no', retryAfterMs: 3_600_000 }],
  [503, { 'retry-after': 'soon' }, { kind: 'failed', why: 'HTTP 503: no', retryAfterMs: undefined }],
] as const)
  test(`${status} ${JSON.stringify(headers)} is ${expected.kind}`, async (t) => {
    const { port, asked } = await hearing(t, (_, response) => {
      response.writeHead(status, headers)
      response.end(status === 204 ? undefined : '\x1b no\r\n')
    })
    const { sink } = sinkFor(t, `http://127.0.0.1:${port}/`)
    assert.deepEqual(await sink.deliver([EVENT], never), expected)
    assert.equal(asked.length, 1)
  })

/** Something that happens once. */
function moment() {
  let reach = (): void => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  return { reached, reach: () => reach() }
}

test('an answer that never ends, or never comes, costs only so long; its status counts when it is long', async (t) => {
  // The time of the sink passes when the test says so, and that is when the request is there.
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const heard = moment()
  const silent = await hearing(t, () => heard.reach())
  const slow = sinkFor(t, `http://127.0.0.1:${silent.port}/`, { timeout: 5_000 })
  const unanswered = slow.sink.deliver([EVENT], never)
  await heard.reached
  t.mock.timers.tick(5_000)
  assert.deepEqual(await unanswered, { kind: 'failed', why: 'it took too long' })
  const begun = moment()
  const dripping = await hearing(t, (_, response) => {
    response.write('x')
    const timer = setInterval(() => response.write('x'), 20)
    response.once('close', () => clearInterval(timer))
  })
  const answered = (): void => begun.reach()
  subscribe('http.client.response.finish', answered)
  t.after(() => unsubscribe('http.client.response.finish', answered))
  const dripped = sinkFor(t, `http://127.0.0.1:${dripping.port}/`, { timeout: 5_000 })
  const endlessly = dripped.sink.deliver([EVENT], never)
  await begun.reached
  t.mock.timers.tick(5_000)
  assert.equal((await endlessly).kind, 'failed')
  const endless = await hearing(t, (_, response) => {
    const fill = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
      if (!response.destroyed) response.once('drain', fill)
    }
    fill()
  })
  const { sink } = sinkFor(t, `http://127.0.0.1:${endless.port}/`)
  assert.deepEqual(await sink.deliver([EVENT], never), { kind: 'ok' })
})

const REFUSED = ['127.0.0.1', '10.1.2.3', '169.254.169.254', '192.168.0.1', '100.64.0.1', '0.0.0.0', '224.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:a9fe:a9fe]', '[fe80::1]', '[fd00::1]', '[64:ff9b::7f00:1]', '2130706433', '0x7f.1', 'localhost'] // biome-ignore format: a table

test('what is not public is not connected to, however it is written', async (t) => {
  const { port, asked } = await hearing(t)
  for (const host of REFUSED) {
    const { sink } = sinkFor(t, `http://${host}:${port}/`, { networks: [] })
    const outcome = await sink.deliver([EVENT], never)
    assert.ok(
      outcome.kind === 'failed' && /is not in public networks/.test(outcome.why),
      `${host}: ${JSON.stringify(outcome)}`,
    )
  }
  assert.equal(asked.length, 0)
})

test('what a name leads to is judged, each time that it is looked up, and looked up once a connection', async (t) => {
  const { port, asked } = await hearing(t)
  const zone = { 'hook.test': { A: ['127.0.0.1'] }, 'six.test': { AAAA: ['::ffff:127.0.0.1'] } }
  for (const host of ['hook.test', 'six.test']) {
    const { sink } = sinkFor(t, `http://${host}:${port}/`, { networks: [] }, zone)
    assert.equal((await sink.deliver([EVENT], never)).kind, 'failed')
  }
  const allowed = sinkFor(t, `http://hook.test:${port}/`, {}, zone)
  assert.deepEqual(await allowed.sink.deliver([EVENT], never), { kind: 'ok' })
  // A name that answers with something allowed to who looks, and with something else to who connects: nobody looks twice.
  const closing = await hearing(t, (_, response) => void response.setHeader('connection', 'close').end())
  let lookups = 0
  const url = `http://rebind.test:${closing.port}/`
  const [endpoint] = options.parse({
    endpoints: [{ name: 'x', url, plain: true, secrets: makeSecret(), networks: ['127.0.0.1'] }],
  }).endpoints
  assert.ok(endpoint)
  const rebinding = {
    a: async () => ({ records: [++lookups === 1 ? '127.0.0.1' : '127.0.0.2'], secure: false, ttl: 0, canonical: '' }),
    aaaa: () => Promise.reject(Object.assign(new Error('NODATA'), { code: 'NODATA' })),
  }
  const shape = { format: 'standard', isBatch: false, source: '' } as const
  const sink = httpSink({
    endpoint: { ...endpoint, url },
    dns: rebinding,
    shape,
    now: Date.now,
  })
  t.after(() => sink.close?.())
  assert.deepEqual(await sink.deliver([EVENT], never), { kind: 'ok' })
  assert.equal(lookups, 1)
  for (let round = 0; round < 2; round++) {
    const outcome = await sink.deliver([EVENT], never)
    assert.ok(outcome.kind === 'failed' && /is not in public networks/.test(outcome.why), JSON.stringify(outcome))
  }
  assert.deepEqual([asked.length, closing.asked.length], [1, 1])
})

test('mistakes are found where they are', () => {
  const wrong = (endpoint: object): string => {
    const parsed = options.safeParse({ endpoints: [{ name: 'one', ...endpoint }] })
    return parsed.success
      ? ''
      : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  }
  const secrets = makeSecret()
  assert.equal(wrong({ url: 'https://x.example/', secrets }), '')
  assert.match(wrong({}), /endpoints\.0\.url: an endpoint has one of url, deliver and file/)
  assert.match(wrong({ url: 'http://x.example/', secrets }), /endpoints\.0\.url: is without TLS/)
  assert.match(wrong({ url: 'https://a:b@x.example/', secrets }), /has a password in it/)
  assert.match(wrong({ url: 'https://x.example/' }), /endpoints\.0\.secrets: are missing/)
  assert.match(wrong({ url: 'https://x.example/', secrets: 'whsec_c2hvcnQ=' }), /endpoints\.0\.secrets/)
  assert.match(wrong({ url: 'ftp://x.example/', secrets }), /not an URL/)
  assert.match(wrong({ file: 'events', headers: { 'x y': 'z' } }), /headers/)
  assert.match(wrong({ file: 'events', headers: { x: 'a\r\nb: c' } }), /headers/)
})
