import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { type CommandIo, Dns, definePlugin } from '@postroad/plugin'
import { createTestServer, fakeClock, sessionOn, sessionWith } from '@postroad/testing'
import { Breaker } from './breaker.ts'
import { dnsbl, dnsListed } from './index.ts'

const right = { 'bl.example': {}, '2.0.0.127.bl.example': { A: ['127.0.0.2'] } } as const
const zone = {
  ...right,
  '7.113.0.203.bl.example': {
    A: ['127.0.0.2', '127.0.0.11'],
    TXT: ['See https://bl.example/203.0.113.7\r\nInjected: yes'],
  },
  '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example': { A: ['127.0.0.2'] },
  '2.0.0.127.wl.example': { A: ['127.0.0.2'] },
  '7.113.0.203.wl.example': { A: ['127.0.10.3'] },
  '2.0.0.127.parked.example': { A: ['198.51.100.1'] },
  '1.0.0.127.parked.example': { A: ['198.51.100.1'] },
  '7.113.0.203.parked.example': { A: ['198.51.100.1'] },
  '7.113.0.203.angry.example': { A: ['127.255.255.254'] },
  'test.dom.example': { A: ['127.0.1.2'] },
  'spam.test.dom.example': { A: ['127.0.1.2'] },
  'spam.example.dom.example': { A: ['127.0.1.2'] },
  'dead.example': 'SERVFAIL',
  '7.113.0.203.dead.example': 'TIMEOUT',
} as const

function on(...plugins: Parameters<typeof sessionWith>[1][]) {
  return sessionWith({ services: [[Dns, zoneDns(zone)]] }, ...plugins)
}

test('RFC 5782 §2.1: a listed address is refused, with the list’s own words made harmless', async () => {
  const plugin = dnsbl({ lists: [{ zone: 'bl.example', action: 'reject', text: '{what} listed by {zone}: {reason}' }] })
  await on(plugin)
    .from('203.0.113.7')
    .connect()
    .expectRefusal(
      '5.7.1',
      /\[203\.0\.113\.7\] listed by bl\.example: See https:\/\/bl\.example\/203\.0\.113\.7 {2}Injected: yes$/,
    )
    .from('203.0.113.8')
    .connect()
    .expectAccepted()
})

test('RFC 5782 §2.4: IPv6 addresses are looked up by nibbles', async () => {
  await on(dnsbl({ lists: [{ zone: 'bl.example', action: 'reject' }] }))
    .from('2001:db8::1')
    .connect()
    .expectRefusal('5.7.1')
    .from('2001:db8::2')
    .connect()
    .expectAccepted()
})

test('codes have their own worth, allow lists give negative points, a cap holds the sum', async () => {
  const points = (plugin: ReturnType<typeof dnsbl>, expected: RegExp) =>
    on(plugin)
      .from('203.0.113.7')
      .mail('a@b.example')
      .rcpt('x@mx.test')
      .data()
      .expect(({ lines }) => assert.match(JSON.stringify(lines), expected))
  await points(
    dnsbl({ lists: [{ zone: 'bl.example', codes: { '127.0.0.2': 4, '127.0.0.10/31': 1.5, '127.0.0.99': 'reject' } }] }),
    /"points":5\.5/,
  )
  await points(
    dnsbl({
      lists: [
        { zone: 'bl.example', action: 5 },
        { zone: 'wl.example', action: -3 },
      ],
    }),
    /"points":2[,}]/,
  )
  await points(
    dnsbl({
      lists: [
        { zone: 'bl.example', action: 5 },
        { zone: 'bl.example', action: 4 },
      ],
      cap: 6,
    }),
    /"points":6[,}]/,
  )
})

test('RFC 5782 §2.2: the domain of the reverse-path, and the name in HELO', async () => {
  const plugin = dnsbl({
    lists: [
      { zone: 'dom.example', of: 'sender', action: 'defer' },
      { zone: 'dom.example', of: 'helo', action: 'reject' },
    ],
  })
  await on(plugin)
    .mail('a@spam.example')
    .expectRefusal('4.7.1', /spam\.example is listed/)
    .mail('a@good.example')
    .expectAccepted()
    .mail('<>')
    .expectAccepted()
  await on(plugin).helo('spam.test').mail('<>').expectRefusal('5.7.1').helo('[192.0.2.1]').mail('<>').expectAccepted()
})

test('the lists a client is on are a fact', async () => {
  let seen: unknown
  const reader = definePlugin({
    name: 'reader',
    hooks: {
      mail: {
        after: [dnsListed],
        handler({ get }) {
          seen = get(dnsListed)
        },
      },
    },
  })
  await on(dnsbl({ lists: [{ zone: 'bl.example', action: 1 }, { zone: 'wl.example' }] }), reader())
    .from('203.0.113.7')
    .mail('a@b.example')
    .expectAccepted()
  assert.deepEqual(seen, [
    { zone: 'bl.example', codes: ['127.0.0.2', '127.0.0.11'] },
    { zone: 'wl.example', codes: ['127.0.10.3'] },
  ])
})

test('answers outside 127.0.0.0/8, and those that mean "do not ask me", list nobody', async () => {
  const lists = ['parked.example', 'angry.example'].map(
    (zone) => ({ zone, action: 'reject', selfTest: false }) as const,
  )
  await on(dnsbl({ lists })).from('203.0.113.7').connect().expectAccepted()
})

test('RFC 5782 §5: a list that lists everything, or nothing, is found out at start and left out', async () => {
  const everything = {
    ...right,
    '1.0.0.127.bl.example': { A: ['127.0.0.2'] },
    '7.113.0.203.bl.example': { A: ['127.0.0.2'] },
  }
  const nothing = { '7.113.0.203.bl.example': { A: ['127.0.0.2'] } }
  for (const [contents, isListed] of [
    [right, false],
    [everything, false],
    [nothing, false],
    [{ ...right, ...nothing }, true],
  ] as const) {
    const server = await createTestServer([dnsbl({ lists: [{ zone: 'bl.example', action: 'reject' }] })], {
      services: [[Dns, zoneDns(contents)]],
    })
    await server.clock.advance(0)
    const steps = sessionOn(server).from('203.0.113.7').connect()
    await (isListed ? steps.expectRefusal('5.7.1') : steps.expectAccepted())
    await server.close()
  }
})

test('a list that does not answer is worth nothing, is left out after some failures, and tried again later', async () => {
  const dns = zoneDns(zone)
  const plugin = dnsbl({
    lists: [{ zone: 'dead.example', action: 'reject', selfTest: false }],
    failures: 2,
    pause: '1 min',
  })
  const server = await createTestServer([plugin], { services: [[Dns, dns]] })
  const attempt = () => sessionOn(server).from('203.0.113.7').connect().expectAccepted()
  for (let i = 0; i < 5; i++) await attempt()
  assert.equal(dns.questions.length, 2)
  await server.clock.advance(60_000)
  for (let i = 0; i < 5; i++) await attempt()
  assert.equal(dns.questions.length, 3)
  await server.close()
})

test('a breaker closes again after one success', () => {
  const clock = fakeClock()
  const breaker = new Breaker({ failures: 1, pause: 100, clock })
  assert.equal(breaker.allows(), true)
  assert.equal(breaker.failed(), true)
  assert.equal(breaker.allows(), false)
  void clock.advance(100)
  breaker.succeeded()
  assert.equal(breaker.allows(), true)
})

test('private networks are not looked up', async () => {
  const dns = zoneDns(zone)
  const plugin = dnsbl({ lists: [{ zone: 'bl.example', selfTest: false }] })
  await sessionWith({ services: [[Dns, dns]] }, plugin)
    .from('10.0.0.1')
    .connect()
    .expectAccepted()
    .from('127.0.0.2')
    .connect()
    .expectAccepted()
  assert.deepEqual(dns.questions, [])
})

test('the commands say what the lists say', async () => {
  const rows: unknown[] = []
  const io: CommandIo = {
    json: true,
    row: (fields) => rows.push(fields),
    print: () => undefined,
    signal: new AbortController().signal,
  }
  const server = await createTestServer([dnsbl({ lists: [{ zone: 'bl.example' }, { zone: 'parked.example' }] })], {
    services: [[Dns, zoneDns(zone)]],
  })
  const { check, test: selfTest } = server.server.commands.get('dnsbl') ?? {}
  await check?.run(['203.0.113.7'], io)
  assert.deepEqual(rows[0], { zone: 'bl.example', listed: true, codes: '127.0.0.2 127.0.0.11', worth: '3' })
  assert.equal(await selfTest?.run([], io), 1)
  await server.close()
})
