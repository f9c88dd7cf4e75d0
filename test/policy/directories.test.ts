/** The option `from` in each plugin that has it: what it finds, what it does not, and an outage. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createTestServer, sessionOn } from '../../packages/testing/src/index.ts'
import { access } from '../../plugins/access/src/index.ts'
import { rateLimit } from '../../plugins/rate-limit/src/index.ts'
import { recipients } from '../../plugins/recipients/src/index.ts'
import { routing } from '../../plugins/routing/src/index.ts'

/** A service of these entries; `isAway`: it answers 503; `held`: what keys that begin with `slow` wait for. */
async function service(t: TestContext, entries: Readonly<Record<string, string>>) {
  const state = { isAway: false, url: '', asked: [] as string[], held: Promise.resolve() as Promise<unknown> }
  const server = createServer(async (request, response) => {
    const key = decodeURIComponent((request.url ?? '').slice(1))
    state.asked.push(key)
    if (key.startsWith('slow')) await state.held
    const entry = entries[key]
    response.statusCode = state.isAway ? 503 : entry === undefined ? 404 : 200
    response.setHeader('content-type', entry?.startsWith('{') ? 'application/json' : 'text/plain')
    response.end(entry)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/{key}`
  return state
}

async function served(t: TestContext, ...use: Parameters<typeof createTestServer>[0]) {
  const server = await createTestServer(use)
  t.after(() => server.close())
  return server
}

test('recipients: who is in the directory exists, with a detail; an outage is 451, or acceptance where the operator says so', async (t) => {
  const people = await service(t, { 'alice@mx.test': '' })
  const from = { http: { url: people.url } }
  const server = await served(t, recipients({ domains: ['mx.test'], from }))
  await sessionOn(server)
    .rcpt('Alice+news@mx.test')
    .expectAccepted()
    .rcpt('bob@mx.test')
    .expectRefusal('5.1.1')
    .rcpt('bob@elsewhere.test')
    .expectAccepted()
  people.isAway = true
  await sessionOn(server).rcpt('carol@mx.test').expectRefusal('4.4.3').rcpt('alice@mx.test').expectAccepted()
  const open = await served(t, recipients({ domains: ['mx.test'], from: { ...from, onError: 'pass' } }))
  await sessionOn(open).rcpt('carol@mx.test').expectAccepted()
})

test('recipients: a look-up that hangs holds no other session, and who wants the same waits for the same answer', async (t) => {
  const people = await service(t, { 'alice@mx.test': '', 'slow@mx.test': '' })
  const server = await served(t, recipients({ domains: ['mx.test'], from: { http: { url: people.url } } }))
  let free = (): void => undefined
  people.held = new Promise<void>((resolve) => {
    free = resolve
  })
  const slow = Array.from({ length: 20 }, () => sessionOn(server).rcpt('slow@mx.test').expectAccepted().quit())
  let isOver = false
  const all = Promise.all(slow).then(() => (isOver = true))
  for (let at = 0; at < 5; at++)
    await sessionOn(server)
      .rcpt('alice@mx.test')
      .expectAccepted()
      .rcpt(`nobody${at}@mx.test`)
      .expectRefusal('5.1.1')
      .quit()
  assert.equal(isOver, false)
  free()
  await all
  assert.equal(people.asked.filter((key) => key === 'slow@mx.test').length, 1)
})

test('recipients: a list of yesterday goes on while today’s cannot be read', async (t) => {
  const people = await service(t, { all: 'alice@mx.test\nbob@mx.test\n' })
  const all = people.url.replace('{key}', 'all')
  const from = { http: { url: people.url }, list: { ask: all, every: '1 h', keep: '2 d' } }
  const server = await served(t, recipients({ domains: ['mx.test'], from }))
  await sessionOn(server).rcpt('alice@mx.test').expectAccepted().rcpt('carol@mx.test').expectRefusal('5.1.1')
  people.isAway = true
  await server.clock.advance(24 * 3_600_000)
  await sessionOn(server).rcpt('bob@mx.test').expectAccepted().rcpt('carol@mx.test').expectRefusal('5.1.1')
  await server.clock.advance(25 * 3_600_000)
  await sessionOn(server).rcpt('bob@mx.test').expectRefusal('4.4.3')
})

test('routing: aliases, domains and ways of senders; an outage is 451, and what is no way is, too', async (t) => {
  const table = await service(t, {
    'sales@mx.test': 'alice@mx.test, bob@mx.test',
    '@catch.test': 'alice@mx.test',
    'odd@mx.test': 'lmtp 127.0.0.1 x',
    'mx.test': '{"via":"sink"}',
    'far@mx.test': '{"via":"sink","host":"127.0.0.1","port":2525}',
  })
  const from = { http: { url: table.url } }
  const plugin = routing({ tables: [{ from }, { of: 'domains', from }] })
  const server = await served(t, plugin)
  await sessionOn(server)
    .rcpt('Sales+x@mx.test')
    .expectAccepted()
    .rcpt('any@catch.test')
    .expectAccepted()
    .rcpt('far@mx.test')
    .expectAccepted()
    .rcpt('odd@mx.test')
    .expectRefusal('4.3.0')
  assert.deepEqual(
    server.routes.map(({ via, host, to }) => [via, host, to?.join(' ')]),
    [
      ['sink', undefined, 'alice@mx.test bob@mx.test'],
      ['sink', undefined, 'alice@mx.test'],
      ['sink', '127.0.0.1', undefined],
    ],
  )
  table.isAway = true
  await sessionOn(server).rcpt('new@mx.test').expectRefusal('4.3.0')
  await assert.rejects(
    createTestServer([routing({ tables: [{ from: { ...from, onError: 'pass' } }] })]),
    /is not for a table of routes/,
  )
})

test('access: allowed and denied by keys from the most particular; an outage is 451, or passed over', async (t) => {
  const table = await service(t, {
    '203.0.113.9': 'deny listed by hand',
    '@spam.test': 'deny',
    'friend@spam.test': 'allow a friend',
    'x@odd.test': 'maybe',
  })
  const from = { http: { url: table.url } }
  const tables = [
    { of: 'clients', from },
    { of: 'senders', from },
  ] as const
  const server = await served(t, access({ tables: [...tables] }))
  await sessionOn(server).from('203.0.113.9').connect().expectRefusal('5.7.1').quit()
  const mail = (address: string) => sessionOn(server).from('198.51.100.1').mail(address)
  await mail('a@spam.test').expectRefusal('5.7.1').quit()
  await mail('friend@spam.test').expectAccepted().quit()
  await mail('a@ham.test').expectAccepted().quit()
  await mail('x@odd.test').expectRefusal('4.3.0').quit()
  table.isAway = true
  await mail('new@ham.test').expectRefusal('4.3.0').quit()
  const lenient = await served(t, access({ tables: [{ of: 'senders', from: { ...from, onError: 'pass' } }] }))
  await sessionOn(lenient).mail('new@ham.test').expectAccepted().quit()
})

test('rate-limit: some have a limit of their own; an outage is 451, or the limit of all', async (t) => {
  const table = await service(t, { 'big@x.test': '5/h', 'bad@x.test': 'many' })
  const limit = { of: 'messages', by: 'from', limit: '1/h' } as const
  const limited = (from: object) =>
    served(t, rateLimit({ limits: [{ ...limit, from: { http: { url: table.url }, ...from } }] }))
  const server = await limited({})
  const send = (to: typeof server, address: string) => sessionOn(to).mail(address).rcpt('a@mx.test').data()
  for (let at = 0; at < 5; at++) await send(server, 'big@x.test').expectAccepted().quit()
  await send(server, 'big@x.test').expectRefusal('4.7.28').quit()
  await send(server, 'small@x.test').expectAccepted().quit()
  await send(server, 'small@x.test').expectRefusal('4.7.28').quit()
  await send(server, 'bad@x.test').expectRefusal('4.3.0').quit()
  table.isAway = true
  await send(server, 'new@x.test').expectRefusal('4.3.0').quit()
  const lenient = await limited({ onError: 'pass' })
  await send(lenient, 'new@x.test').expectAccepted().quit()
  await send(lenient, 'new@x.test').expectRefusal('4.7.28').quit()
})
