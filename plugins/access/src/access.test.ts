import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { allowedClient, allowedRecipient, allowedSender, definePlugin, reject, reverseDns } from '@postroad/plugin'
import { createTestServer, session } from '@postroad/testing'
import { access } from './index.ts'
import { openLists } from './lists.ts'
import { options } from './options.ts'

/** A later plugin that refuses everything it is asked about. */
const strict = definePlugin({
  name: 'strict',
  hooks: {
    connect: { after: ['access'], handler: () => reject('strict') },
    mail: { after: ['access'], handler: () => reject('strict') },
    rcpt: { after: ['access'], handler: () => reject('strict') },
  },
})

test('a denied network is refused at connect, its neighbour is not', async () => {
  const plugin = access({ deny: { clients: ['203.0.113.0/24', '2001:db8::/32'] }, text: 'Go away' })
  await session(plugin)
    .from('203.0.113.9')
    .connect()
    .expectRefusal('5.7.1', /Go away/)
    .from('2001:db8::1')
    .connect()
    .expectRefusal('5.7.1')
    .from('203.0.114.9')
    .connect()
    .expectAccepted()
})

test('an allowed client is not asked about further at that hook; the smallest network decides', async () => {
  const plugin = access({ allow: { clients: ['192.0.2.0/24'] }, deny: { clients: ['192.0.2.66'] } })
  await session(plugin, strict())
    .from('192.0.2.1')
    .connect()
    .expectAccepted()
    .from('192.0.2.66')
    .connect()
    .expectRefusal('5.7.1', /Access denied/)
  await session(plugin, strict())
    .from('198.51.100.1')
    .connect()
    .expectRefusal('5.7.1', /strict/)
})

test('reverse-paths and recipients: of several patterns the most particular decides, of equals the denial', async () => {
  const plugin = access({
    allow: { senders: ['good@spam.example', 'both@spam.example'], recipients: ['abuse@'] },
    deny: { senders: ['spam.example', 'both@spam.example', '<>'], recipients: ['closed@mx.test'] },
  })
  await session(plugin)
    .mail('x@spam.example')
    .expectRefusal('5.7.1')
    .mail('good@spam.example')
    .expectAccepted()
    .mail('both@spam.example')
    .expectRefusal('5.7.1')
    .mail('<>')
    .expectRefusal('5.7.1')
    .mail('x@other.example')
    .rcpt('closed@mx.test')
    .expectRefusal('5.7.1')
    .rcpt('abuse@mx.test')
    .expectAccepted()
})

test('being allowed is told to others as facts', async () => {
  const seen: unknown[] = []
  const reader = definePlugin({
    name: 'reader',
    hooks: {
      rcpt: {
        after: ['access'],
        handler({ find }) {
          seen.push(find(allowedClient)?.pattern, find(allowedSender)?.reason, find(allowedRecipient)?.pattern)
        },
      },
    },
  })
  const plugin = access({ allow: { clients: ['192.0.2.0/24'], senders: [{ match: 'a@b.example', reason: 'friend' }] } })
  await session(plugin, reader()).from('192.0.2.1').mail('a@b.example').rcpt('x@mx.test').expectAccepted()
  assert.deepEqual(seen, ['192.0.2.0/24', 'friend', undefined])
})

test('HELO names are denied by globs, and an allowed one exempts from nothing but that hook', async () => {
  const plugin = access({ deny: { helo: ['*.dyn.example', 'localhost'] }, allow: { helo: ['good.dyn.example'] } })
  await session(plugin, strict())
    .from('192.0.2.1')
    .connect()
    .expectRefusal('5.7.1', /strict/)
  await session(plugin)
    .helo('a.DYN.example')
    .expectRefusal('5.7.1')
    .helo('localhost')
    .expectRefusal('5.7.1')
    .helo('good.dyn.example')
    .expectAccepted()
})

test('verified reverse names are matched when the plugin helo tells them', async () => {
  const teller = definePlugin({
    name: 'helo',
    hooks: {
      connect: {
        provides: [reverseDns],
        async handler({ set }) {
          set(reverseDns, { result: 'pass', name: 'host.customer.example', names: [] })
        },
      },
    },
  })
  await session(teller(), access({ deny: { names: ['*.customer.example'] } }))
    .connect()
    .expectRefusal('5.7.1')
  await assert.rejects(createTestServer([access({ deny: { names: ['x.example'] } })]), /reverse-dns/)
})

test('points instead of a refusal, and a refusal that ends the connection', async () => {
  await session(access({ deny: { senders: ['*'] }, action: 3 }))
    .mail('a@b.example')
    .expectAccepted()
    .rcpt('x@mx.test')
    .data()
    .expect(({ lines }) => assert.match(JSON.stringify(lines), /"points":3/))
  await session(access({ deny: { senders: ['*'] }, action: 'disconnect' }))
    .mail('a@b.example')
    .expectRefusal('5.7.1')
})

test('a denied HELO name is denied in any spelling', async () => {
  const plugin = access({ deny: { helo: ['bad.example', 'bücher.example'] } })
  for (const name of ['BAD.example', 'bad.example.', 'bücher.example', 'XN--BCHER-KVA.example.'])
    await session(plugin).helo(name).expectRefusal('5.7.1')
  await session(plugin).helo('notbad.example').mail('a@b.test').expectAccepted()
})

test('files are read again when they change; entries expire; mistakes keep what was there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  const path = join(folder, 'deny')
  const errors: Error[] = []
  let time = Date.parse('2026-06-01T00:00:00Z')
  await writeFile(path, '# bad networks\n203.0.113.0/24 until=2026-07-01 seen spamming\n198.51.100.7\n')
  const lists = await openLists({
    options: options.parse({ files: [{ path, of: 'clients', say: 'deny' }], allow: { clients: ['203.0.0.0/8'] } }),
    now: () => time,
    resolve: (file) => file,
    onError: (_, error) => errors.push(error),
  })
  assert.equal(lists.client('203.0.113.1')?.reason, 'seen spamming')
  time = Date.parse('2026-07-01T00:00:00Z')
  assert.equal(lists.client('203.0.113.1')?.say, 'allow', 'the expired entry no longer hides the network around it')
  await writeFile(path, '198.51.100.0/24\n')
  await lists.refresh()
  assert.equal(lists.client('198.51.100.8')?.say, 'deny')
  await writeFile(path, 'not a network\n')
  await lists.refresh()
  assert.match(errors[0]?.message ?? '', /not an address or network/)
  assert.equal(lists.client('198.51.100.8')?.say, 'deny')
  lists.close()
  await rm(folder, { recursive: true })
})

test('a pattern that is none, or a file that is not there, is a boot error', async () => {
  await assert.rejects(createTestServer([access({ deny: { clients: ['10.0.0.0/99'] } })]), /10\.0\.0\.0\/99/)
  await assert.rejects(
    createTestServer([access({ files: [{ path: '/nonexistent/list', of: 'clients', say: 'deny' }] })]),
    /ENOENT|could not be set up/,
  )
  await assert.rejects(createTestServer([access({ deny: { client: ['x'] } as never })]), /client/)
})
