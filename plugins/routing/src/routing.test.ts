import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Delivery, parseForwardPath } from '@postroad/mail'
import { waysOf } from '@postroad/plugin'
import { createTestServer, fakeClock, memoryStore, session } from '@postroad/testing'
import fc from 'fast-check'
import { routing } from './index.ts'
import { options } from './options.ts'
import { resolve } from './resolve.ts'
import { compile } from './table.ts'

const gateway = routing({
  routes: [
    { match: 'spamtrap@*', discard: true },
    { match: { recipient: 'closed@example.com' }, refuse: { text: 'Mailbox closed', status: '5.2.1' } },
    { match: { recipient: 'staff@example.com', identity: false }, refuse: 'Members only' },
    { match: { from: '<>', recipient: 'noreply@example.com' }, via: 'discard' },
    { match: { network: '198.51.100.0/24', listener: 'test' }, via: 'lmtp', host: '127.0.0.1', port: 2400 },
  ],
  addresses: {
    'sales@example.com': ['alice@example.com', 'bob@example.com'],
    'alice@example.net': 'alice@example.com',
    'friend@example.com': 'friend@elsewhere.test',
    'loop@example.com': 'pool@example.com',
    'pool@example.com': 'loop@example.com',
    'mixed@example.com': ['alice@example.com', 'friend@elsewhere.test'],
    'old-*@example.com': '{detail}x{local}@example.com',
  },
  domains: {
    'example.com': { via: 'maildir', users: ['alice', 'bob', 'staff', 'noreply'], settings: { quota: true } },
    'example.net': { via: 'lmtp', host: '/run/lmtp' },
    '*.example.org': { via: 'smtp', host: 'mx.example.org' },
    'catch.test': { via: 'maildir', users: ['a'], catchAll: 'all@catch.test' },
  },
  relay: { networks: ['127.0.0.0/8'], authenticated: true, via: 'smtp' },
})

const maildir = { via: 'maildir', settings: { quota: true } }
const to = (route: { to?: readonly unknown[] } | undefined) => route?.to?.map(String)

test('a domain of ours has a route; of what is not ours nothing is said', async () => {
  await session(routing({ domains: { 'postroad.test': { via: 'maildir' } } }))
    .rcpt('anyone@postroad.test')
    .expectAccepted()
    .expectRoute({ via: 'maildir' })
    .rcpt('anyone@elsewhere.test')
    .expectRoute({ via: 'test-sink' })
})

test('who says a way of their own is refused where another server might follow it', async () => {
  const plugin = routing({
    domains: {
      'gate.test': { via: 'smtp', host: 'inner.test' },
      'front.test': { via: 'proxy', host: 'inner.test' },
      'near.test': { via: 'maildir' },
      'named.test': { via: 'smtp', host: 'inner.test', users: ['50%off', 'joe'] },
    },
    addresses: { 'info@gate.test': 'joe@near.test', 'list-*@gate.test': '{detail}@gate.test' },
    relay: { networks: ['192.0.2.0/24'], authenticated: true },
  })
  for (const local of ['a%b.test', 'b.test!a', '"a@b.test"', '%', 'a%'])
    for (const domain of ['gate.test', 'front.test'])
      await session(plugin)
        .from('203.0.113.1')
        .rcpt(`${local}@${domain}`)
        .expectRefusal('5.7.1', /Routing by the sender is not done here/)
  const stranger = () => session(plugin).from('203.0.113.1')
  await stranger().rcpt('a%b.test@near.test').expectRoute({ via: 'maildir' })
  await stranger().rcpt('50%off@named.test').expectRoute({ via: 'smtp' })
  await stranger().rcpt('joe@gate.test').expectRoute({ via: 'smtp' })
  // Who may relay may say how.
  await session(plugin).from('192.0.2.1').rcpt('a%b.test@gate.test').expectRoute({ via: 'smtp' })
  const passing = routing({ domains: { 'gate.test': { via: 'smtp' } }, senderRouting: 'pass' })
  await session(passing).from('203.0.113.1').rcpt('a%b.test@gate.test').expectRoute({ via: 'smtp' })
})

test('a table of users refuses the others with 5.1.1, plus-addressing and postmaster exist', async () => {
  await session(gateway)
    .rcpt('Alice@example.com')
    .expectRoute(maildir)
    .rcpt('alice+news@example.com')
    .expectRoute(maildir)
    .rcpt('postmaster@EXAMPLE.com')
    .expectRoute(maildir)
    .rcpt('postmaster')
    .expectRoute({ via: 'maildir' })
    .rcpt('nobody@example.com')
    .expectRefusal('5.1.1')
    .expectCode(550)
})

test('the most particular domain decides; hosts and sockets are passed on', async () => {
  await session(gateway)
    .rcpt('x@example.net')
    .expectRoute({ via: 'lmtp', host: '/run/lmtp' })
    .rcpt('x@sub.example.org')
    .expectRoute({ via: 'smtp', host: 'mx.example.org' })
})

test('a catch-all takes what is for nobody', async () => {
  await session(gateway)
    .rcpt('a@catch.test')
    .expect(({ server }) => assert.equal(server.routes.at(-1)?.to, undefined))
    .rcpt('b@catch.test')
    .expect(({ server }) => assert.deepEqual(to(server.routes.at(-1)), ['all@catch.test']))
})

test('aliases become their addresses, one or many, through further aliases', async () => {
  await session(gateway)
    .rcpt('sales@example.com')
    .expectRoute(maildir)
    .expect(({ server }) => assert.deepEqual(to(server.routes.at(-1)), ['alice@example.com', 'bob@example.com']))
    .rcpt('alice@example.net')
    .expectRoute(maildir)
    .expect(({ server }) => assert.deepEqual(to(server.routes.at(-1)), ['alice@example.com']))
})

test('an alias out of the house goes by the relay route, whoever sends', async () => {
  await session(gateway)
    .from('203.0.113.1')
    .rcpt('friend@example.com')
    .expectRoute({ via: 'smtp' })
    .expect(({ server }) => assert.deepEqual(to(server.routes.at(-1)), ['friend@elsewhere.test']))
})

test('an alias loop is refused with 5.4.6', async () => {
  await session(gateway).rcpt('loop@example.com').expectRefusal('5.4.6')
})

test('an alias whose addresses go different ways, within a domain too, is one recipient with several routes', async () => {
  const plugin = routing({
    routes: [{ match: 'fax@example.com', via: 'lmtp' }],
    addresses: {
      'mixed@example.com': ['alice@example.com', 'fax@example.com', 'Friend@elsewhere.test', 'more@example.com'],
      'more@example.com': ['fax@example.com', 'bob@example.com', 'nobody@example.com'],
    },
    domains: { 'example.com': { via: 'maildir', users: ['alice', 'bob'] } },
  })
  const ways = (deliveries: readonly Delivery[]) =>
    deliveries.map(({ route }) => `${route.via}: ${route.to?.join(' ')}`)
  await session(plugin)
    .mail('a@b.test')
    .rcpt('mixed@example.com')
    .expectAccepted()
    .data()
    .expectDelivered(({ deliveries }) =>
      assert.deepEqual(ways(deliveries), [
        'maildir: alice@example.com bob@example.com',
        'lmtp: fax@example.com',
        'smtp: Friend@elsewhere.test',
      ]),
    )
})

test('an alias with itself among its addresses keeps its mailbox, also where the domain is in a table', async () => {
  const lookup = (key: string) => (key === 'hosted.test' ? 'maildir' : undefined)
  const plugin = routing({
    addresses: { 'own@hosted.test': ['own@hosted.test', 'x@away.test'] },
    tables: [{ of: 'domains', lookup }],
  })
  await session(plugin)
    .rcpt('own@hosted.test')
    .expect(({ server }) =>
      assert.deepEqual(
        server.routes.flatMap(waysOf).map(({ via, to }) => [via, String(to)]),
        [
          ['maildir', 'own@hosted.test'],
          ['smtp', 'x@away.test'],
        ],
      ),
    )
})

test('a template that makes no address is nobody; an odd local part stays one local part', async () => {
  const plugin = routing({
    addresses: { 'box@virtual.test': '{detail}@example.com', 'moved.test': '{local}@example.com' },
    domains: { 'example.com': { via: 'maildir' } },
  })
  await session(plugin)
    .rcpt('box@virtual.test')
    .expectRefusal('5.1.1')
    .rcpt('"x@evil.test"@moved.test')
    .expect(({ server }) => assert.deepEqual(to(server.routes.at(-1)), ['"x@evil.test"@example.com']))
})

test('rules come first, in order: discard, refuse, by reverse-path, by network', async () => {
  await session(gateway)
    .mail('<>')
    .rcpt('spamtrap@example.com')
    .expectRoute({ via: 'discard' })
    .rcpt('closed@example.com')
    .expectRefusal('5.2.1', /Mailbox closed/)
    .rcpt('staff@example.com')
    .expectRefusal('5.7.1', /Members only/)
    .rcpt('noreply@example.com')
    .expectRoute({ via: 'discard' })
    .from('198.51.100.9')
    .rcpt('x@anywhere.test')
    .expectRoute({ via: 'lmtp', host: '127.0.0.1', port: 2400 })
})

test('the listed networks may relay, strangers may not', async () => {
  await session(gateway).from('127.0.0.9').rcpt('x@anywhere.test').expectRoute({ via: 'smtp' })
  await session(gateway).from('203.0.113.1').rcpt('x@anywhere.test').expectRoute({ via: 'test-sink' })
})

test('what is not a pattern, an address or an action is a boot error', async () => {
  const mistakes = [
    routing({ domains: { 'not a domain': { via: 'maildir' } } }),
    routing({ addresses: { 'a@example.com': 'not an address' } }),
    routing({ routes: [{ match: 'a@example.com' }] }),
    routing({ routes: [{ match: 'a@example.com', via: 'smtp', discard: true }] }),
    routing({ routes: [{ match: { network: '10.0.0.0/99' }, via: 'smtp' }] }),
    routing({ domains: { 'example.com': { host: 'x' } } }),
    routing({ domains: { 'example.com': { via: 'maildir', user: ['x'] } as never } }),
  ]
  for (const plugin of mistakes) await assert.rejects(createTestServer([plugin]), /routing/)
  const places = [
    [{ addresses: { 'a@example.com': 'b' } }, /addresses\["a@example\.com"\]: not an address: "b"/],
    [
      { domains: { 'example.com': { via: 'maildir', catchAll: 'b' } } },
      /domains\["example\.com"\]: not an address: "b"/,
    ],
    [{ postmaster: 'b' }, /postmaster: not an address: "b"/],
    [{ routes: [{ name: 'first', match: 'a@example.com', to: ['b'] }] }, /first: not an address: "b"/],
    [{ routes: [{ match: 'a@example.com', copy: ['b'] }] }, /routes\[0\]\.copy: not an address: "b"/],
    [{ masquerade: { 'a.example.com': 'b c' } }, /masquerade\["a\.example\.com"\]: not a domain: "b c"/],
  ] as const
  for (const [options, said] of places) await assert.rejects(createTestServer([routing(options as never)]), said)
})

test('no forward-path, however odd, has a route that leaves our domains when the client may not relay', async () => {
  const deps = {
    name: 'routing',
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    store: memoryStore(),
    clock: fakeClock(),
    folder: async () => '',
    resolve: (file: string) => file,
    onError: () => undefined,
  }
  const tables = await compile(
    options.parse({
      domains: { 'mx.test': { via: 'maildir' }, '*.mx.test': { via: 'maildir' } },
      relay: { networks: ['127.0.0.0/8'] },
    }),
    deps,
  )
  const session = {
    remote: { address: '203.0.113.1', port: 1 },
    listener: 'mx',
    identity: undefined,
    tls: undefined,
    helo: undefined,
  }
  const question = {
    session,
    from: undefined,
    context: { signal: new AbortController().signal },
    find: () => undefined,
  }
  const piece = fc.constantFrom(
    'a',
    '@',
    'mx.test',
    'evil.test',
    '%',
    '!',
    '"',
    '\\',
    ':',
    ',',
    '.',
    '[127.0.0.1]',
    'MX.TEST',
    '+',
    ' ',
    'ü',
    'postmaster',
  )
  let routed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 9 }), async (pieces) => {
      const recipient = parseForwardPath(`<${pieces.join('')}>`, { smtputf8: true })?.address
      const outcome = recipient && (await resolve(tables, recipient, question))
      if (!outcome || 'kind' in outcome.answer) return
      routed++
      assert.equal(outcome.answer.via, 'maildir')
      assert.match(recipient.domain, /(^|\.)mx\.test$|^$/)
    }),
    { numRuns: 3_000 },
  )
  assert.ok(routed > 0, 'some of them were ours')
})
