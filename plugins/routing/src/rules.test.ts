import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DomainTable } from '@postroad/options'
import { type CommandIo, defineFact, definePlugin, Store, suspect, waysOf } from '@postroad/plugin'
import { createTestServer, memoryStore, session, sessionOn, type TestServer } from '@postroad/testing'
import fc from 'fast-check'
import { routing } from './index.ts'
import { masqueradeField } from './masquerade.ts'

const domains = { 'example.com': { via: 'maildir' } }
const to = (server: TestServer) => server.routes.at(-1)?.to?.map(String)

test('rules on the client: helo, TLS, identity globs, facts of other plugins', async () => {
  const score = defineFact<{ inner: { result: string } }, 'session'>('score', 'session')
  const teller = definePlugin({
    name: 'teller',
    hooks: {
      connect: {
        provides: [score],
        handler({ session, set }) {
          set(score, { inner: { result: session.remote.address === '192.0.2.1' ? 'bad' : 'good' } })
        },
      },
    },
  })
  const plugin = routing({
    routes: [
      { match: { facts: { 'score.inner.result': ['bad*'] } }, refuse: 'Bad score' },
      { match: { helo: '*.dyn.example' }, refuse: 'Dynamic' },
      { match: { recipient: 'secret@example.com', tls: false }, refuse: { text: 'TLS first', status: '5.7.10' } },
    ],
    domains,
  })
  await session(teller(), plugin)
    .from('192.0.2.1')
    .rcpt('x@example.com')
    .expectRefusal('5.7.1', /Bad score/)
    .from('192.0.2.2')
    .helo('a.DYN.example.')
    .rcpt('x@example.com')
    .expectRefusal('5.7.1', /Dynamic/)
    .from('192.0.2.2')
    .rcpt('secret@example.com')
    .expectRefusal('5.7.10')
    .tls()
    .rcpt('secret@example.com')
    .expectAccepted()
})

test('rules on the message: header, size and points; for each recipient its own', async () => {
  const plugin = routing({
    routes: [
      { match: { header: { Subject: '*lottery*' } }, refuse: 'No lotteries' },
      { match: { header: { 'X-Bulk': '*' }, recipient: 'quiet@example.com' }, discard: true },
      {
        match: { size: { over: '1 kB' }, recipient: 'small@example.com' },
        refuse: { text: 'Too large', status: '5.2.3' },
      },
      { match: { points: { over: 2 }, recipient: 'strict@example.com' }, hold: 'points for this domain' },
      { match: { points: { over: 2 } }, tag: { header: 'X-Spam', value: 'yes', subject: '[SPAM] ' } },
    ],
    domains,
  })
  const points = definePlugin({
    name: 'spf',
    hooks: { mail: ({ envelope }) => (envelope.from?.local === 'spam' ? suspect(3, 'x') : undefined) },
  })
  await session(plugin, points())
    .rcpt('a@example.com')
    .data({ Subject: 'You won the LOTTERY' })
    .expectRefusal('5.7.1', /No lotteries/)
    .mail('a@b.test')
    .rcpt('quiet@example.com')
    .rcpt('a@example.com')
    .data({ 'X-Bulk': '1' })
    .expectDelivered((delivered) => assert.deepEqual(delivered.to, ['a@example.com']))
    .mail('a@b.test')
    .rcpt('small@example.com')
    .data({ Subject: 'x'.repeat(900) })
    .expectRefusal('5.2.3')
    .mail('spam@b.test')
    .rcpt('strict@example.com')
    .data()
    .expectQuarantined(/points for this domain/)
    .mail('spam@b.test')
    .rcpt('a@example.com')
    .data({ Subject: 'Offer', 'X-Spam': 'no' })
    .expectDelivered(({ message }) => {
      assert.equal(message.headers.get('subject'), '[SPAM] Offer')
      assert.deepEqual(message.headers.all('x-spam'), ['yes'])
    })
    .mail('a@b.test')
    .rcpt('a@example.com')
    .data({ Subject: 'Fine' })
    .expectDelivered(({ message }) => assert.equal(message.headers.get('subject'), 'Fine'))
})

test('hold and copy add to what later rules decide', async () => {
  const plugin = routing({
    routes: [
      { match: { recipient: 'watched@example.com' }, hold: 'watched' },
      { match: { from: 'boss@example.com' }, copy: 'archive@example.com' },
      { match: 'direct@example.com', via: 'lmtp', copy: 'second@example.com' },
    ],
    addresses: { 'team@example.com': ['a@example.com', 'b@example.com'] },
    domains,
  })
  await session(plugin)
    .mail('boss@example.com')
    .rcpt('team@example.com')
    .expect(({ server }) =>
      assert.deepEqual(to(server)?.sort(), ['a@example.com', 'archive@example.com', 'b@example.com']),
    )
    .rcpt('direct@example.com')
    .expect(({ server }) =>
      assert.deepEqual(
        server.routes
          .slice(-1)
          .flatMap(waysOf)
          .map(({ via, to }) => [via, String(to)]),
        [
          ['lmtp', 'direct@example.com'],
          ['maildir', 'archive@example.com,second@example.com'],
        ],
      ),
    )
    .mail('x@y.test')
    .rcpt('watched@example.com')
    .expectRoute({ via: 'maildir', settings: { hold: 'watched' } })
    .data()
    .expectQuarantined(/watched/)
})

test('templates make addresses of parts; an alias of itself means its own mailbox; deep aliases end', async () => {
  const chain = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`c${i}@example.com`, `c${i + 1}@example.com`]))
  const wide = Object.fromEntries(
    Array.from({ length: 5 }, (_, i) => [`w${i}@example.com`, Array<string>(20).fill(`w${i + 1}@example.com`)]),
  )
  const plugin = routing({
    addresses: {
      'box@example.com': '{detail}@example.com',
      'old.example': '{local}@example.com',
      'own@example.com': ['own@example.com', 'b@example.com'],
      ...chain,
      ...wide,
    },
    domains: { ...domains, 'old.example': { via: 'discard' } },
  })
  await session(plugin)
    .rcpt('box+Inner@example.com')
    .expect(({ server }) => assert.deepEqual(to(server), ['Inner@example.com']))
    .rcpt('anyone@old.example')
    .expect(({ server }) => assert.deepEqual(to(server), ['anyone@example.com']))
    .rcpt('own@example.com')
    .expect(({ server }) => assert.deepEqual(to(server), ['own@example.com', 'b@example.com']))
    .rcpt('c0@example.com')
    .expectRefusal('5.4.6')
    .rcpt('c4@example.com')
    .expectAccepted()
    .rcpt('w0@example.com')
    .expectRefusal('5.5.3')
})

test('tables in files, the store, behind HTTP and in functions', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  t.after(() => rm(folder, { recursive: true }))
  const [aliases, hosted] = [join(folder, 'aliases'), join(folder, 'domains')]
  await writeFile(
    aliases,
    '# aliases\ninfo@example.com alice@example.com, bob@example.com\nfax@example.com lmtp 127.0.0.1 2400\n',
  )
  await writeFile(hosted, 'hosted.example smtp mx.hosted.example 2525\n*.hosted.example maildir\n')
  const service = createServer((request, response) => {
    const key = decodeURIComponent(request.url?.slice(1) ?? '')
    response.statusCode = key === 'broken@example.com' ? 500 : key === 'web@example.com' ? 200 : 404
    response.end('["alice@example.com"]')
  }).listen(0, '127.0.0.1')
  t.after(() => service.close().closeAllConnections())
  await new Promise((resolve) => service.once('listening', resolve))
  const store = memoryStore()
  await store.set('alias:kept@example.com', 'alice@example.com')
  await store.set('alias:@catch.example', '{"via":"maildir","settings":{"folder":"all"}}')
  let asked = 0
  const lookup = (key: string) => {
    if (key.includes('sql')) asked++
    return key === 'sql@example.com' ? { to: ['bob@example.com'] } : undefined
  }
  const plugin = routing({
    tables: [
      { file: aliases },
      { file: hosted, of: 'domains' },
      { store: 'alias:' },
      { lookup },
      { http: `http://127.0.0.1:${(service.address() as AddressInfo).port}/{key}` },
    ],
    domains,
  })
  const server = await createTestServer([plugin], { services: [[Store, store]] })
  t.after(() => server.close())
  const expectTo =
    (...wanted: string[]) =>
    () =>
      assert.deepEqual(to(server), wanted)
  await sessionOn(server)
    .rcpt('INFO+x@example.com')
    .expect(expectTo('alice@example.com', 'bob@example.com'))
    .rcpt('fax@example.com')
    .expectRoute({ via: 'lmtp', host: '127.0.0.1', port: 2400 })
    .rcpt('x@hosted.example')
    .expectRoute({ via: 'smtp', host: 'mx.hosted.example', port: 2525 })
    .rcpt('x@a.hosted.example')
    .expectRoute({ via: 'maildir' })
    .rcpt('kept+detail@example.com')
    .expect(expectTo('alice@example.com'))
    .rcpt('anyone@catch.example')
    .expectRoute({ settings: { folder: 'all' } })
    .rcpt('sql@example.com')
    .expect(expectTo('bob@example.com'))
    .rcpt('sql@example.com')
    .expect(() => assert.equal(asked, 1, 'the answer was kept'))
    .rcpt('web@example.com')
    .expect(expectTo('alice@example.com'))
    .rcpt('broken@example.com')
    .expectRefusal('4.3.0')
    .rcpt('other@example.com')
    .expectRoute({ via: 'maildir' })
})

test('a table of addresses in a file that is wrong is refused with the number of the line', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'table')
  for (const [text, complaint] of [
    ['# ours\n\na@b.example c@d.example\nx@b.example lmtp host nonsense\n', /table: line 4: .*nonsense/],
    ['a@b.example c@d.example\na@c..d x@y.example\n', /table: line 2: /],
  ] as const) {
    await writeFile(file, text)
    await assert.rejects(createTestServer([routing({ tables: [{ file }] })]), complaint)
  }
})

test('a service of a table that says too much, or does not end, is not waited for', async (t) => {
  const service = createServer((request, response) => {
    if (request.url === '/much%40example.com') return response.end('a@example.com '.repeat(10_000))
    if (request.url === '/alice%40example.com') response.statusCode = 404
    response.write('alice@example.com')
    if (request.url !== '/endless%40example.com') response.end()
    return response
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => service.once('listening', resolve))
  t.after(() => {
    service.closeAllConnections()
    service.close()
  })
  t.mock.method(AbortSignal, 'timeout', () => AbortSignal.abort(new Error('ten seconds are over')), { times: 1 })
  const tables = [{ http: `http://127.0.0.1:${(service.address() as AddressInfo).port}/{key}` }]
  const server = await createTestServer([routing({ tables, domains })])
  t.after(() => server.close())
  await sessionOn(server)
    .rcpt('endless@example.com')
    .expectRefusal('4.3.0')
    .rcpt('much@example.com')
    .expectRefusal('4.3.0')
    .rcpt('whole@example.com')
    .expect(() => assert.deepEqual(to(server), ['alice@example.com']))
})

test('masquerading changes addresses and nothing else', () => {
  const table = new DomainTable([['*.internal.example.com', 'example.com']])
  const cases: [string, string][] = [
    ['"A @x.internal.example.com" <a@x.internal.example.com>', '"A @x.internal.example.com" <a@example.com>'],
    [
      'a@X.Internal.example.com (home: a@x.internal.example.com), b@other.test',
      'a@example.com (home: a@x.internal.example.com), b@other.test',
    ],
    [
      '"a\\"@x.internal.example.com" <"q@x.internal.example.com"@x.internal.example.com>',
      '"a\\"@x.internal.example.com" <"q@x.internal.example.com"@example.com>',
    ],
    ['unfinished "quote a@x.internal.example.com', 'unfinished "quote a@x.internal.example.com'],
  ]
  for (const [before, after] of cases) assert.equal(masqueradeField(before, table), after)
  fc.assert(fc.property(fc.string(), (text) => assert.equal(masqueradeField(text, new DomainTable()), text)))
})

test('outgoing mail of internal hosts shows the public domain, in fields and reverse-path', async () => {
  const plugin = routing({
    domains,
    relay: { networks: ['127.0.0.0/8'] },
    masquerade: { '*.internal.example.com': 'example.com' },
  })
  const from = 'cron <root@db.internal.example.com>'
  await session(plugin)
    .from('127.0.0.1')
    .mail('root@db.internal.example.com')
    .rcpt('x@elsewhere.test')
    .expectRoute({ via: 'smtp', settings: { reversePath: 'root@example.com' } })
    .data({ From: from, 'Reply-To': 'ops@db.internal.example.com' })
    .expectDelivered(({ message }) =>
      assert.deepEqual(
        ['from', 'reply-to'].map((name) => message.headers.get(name)),
        ['cron <root@example.com>', 'ops@example.com'],
      ),
    )
    .from('203.0.113.1')
    .rcpt('x@example.com')
    .data({ From: from })
    .expectDelivered(({ message }) => assert.equal(message.headers.get('from'), from))
})

test('postroad routing route explains', async (t) => {
  const plugin = routing({
    routes: [{ name: 'office', match: { network: '192.0.2.0/24' }, hold: 'office' }],
    addresses: { 'info@example.com': 'alice@example.com' },
    domains: { 'example.com': { via: 'maildir', users: ['alice'] } },
    relay: { authenticated: true },
  })
  const server = await createTestServer([plugin])
  t.after(() => server.close())
  const run = async (...args: string[]) => {
    const rows: Record<string, unknown>[] = []
    const io: CommandIo = {
      json: true,
      row: (fields) => rows.push(fields),
      print: () => undefined,
      signal: new AbortController().signal,
    }
    return [
      await server.server.commands.get('routing')?.['route']?.run(args, io),
      rows[0]?.['by'],
      rows[0]?.['answer'] ?? rows[0]?.['via'],
    ]
  }
  assert.deepEqual(await run('info@example.com'), [
    0,
    'addresses["info@example.com"] → domains["example.com"]',
    'maildir',
  ])
  assert.deepEqual(await run('alice@example.com', '--client', '192.0.2.1'), [
    0,
    'office → domains["example.com"]',
    'maildir',
  ])
  assert.deepEqual(await run('bob@example.com'), [68, 'domains["example.com"]', '550 5.1.1 No such user here'])
  assert.deepEqual(await run('x@elsewhere.test'), [68, 'no rule', '550 5.7.1 Relaying denied'])
  assert.deepEqual(await run('x@elsewhere.test', '--identity', 'alice'), [0, 'relay', 'smtp'])
  assert.deepEqual(await run('nonsense'), [64, undefined, undefined])
})

test('a rule may have a condition in code', async () => {
  const plugin = routing({
    routes: [{ match: { test: ({ recipient, from }) => recipient.local === from?.local }, refuse: 'No echoes' }],
    domains,
  })
  await session(plugin)
    .mail('a@b.test')
    .rcpt('a@example.com')
    .expectRefusal('5.7.1', /No echoes/)
    .rcpt('b@example.com')
    .expectAccepted()
})
