import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { Dns, definePlugin, reverseDns } from '@postroad/plugin'
import { type SessionOutcome, sessionWith } from '@postroad/testing'
import { helo } from './index.ts'
import { looksDynamic, reverseOf } from './reverse.ts'

const zone = {
  '203.0.113.1': { PTR: ['mail.good.example'] },
  'mail.good.example': { A: ['203.0.113.1'] },
  '203.0.113.2': { PTR: ['liar.example', 'mail.good.example'] },
  'liar.example': { A: ['198.51.100.1'] },
  '203.0.113.3': { PTR: ['3-113-0-203.dsl.example'] },
  '3-113-0-203.dsl.example': { A: ['203.0.113.3'] },
  '203.0.113.4': 'SERVFAIL',
  '2001:db8::1': { PTR: ['six.example'] },
  'six.example': { AAAA: ['2001:0db8:0::1'] },
  'only-mx.example': { MX: [[10, 'mail.good.example']] },
  'broken.example': 'SERVFAIL',
} as const

function on(...plugins: Parameters<typeof sessionWith>[1][]) {
  return sessionWith({ services: [[Dns, zoneDns(zone)]] }, ...plugins)
}

test('RFC 8601 §2.7.3: reverse DNS passes when a name leads back to the address', async () => {
  const signal = new AbortController().signal
  const expected: [string, string, string | undefined][] = [
    ['203.0.113.1', 'pass', 'mail.good.example'],
    ['203.0.113.2', 'fail', undefined],
    ['203.0.113.4', 'temperror', undefined],
    ['203.0.113.99', 'none', undefined],
    ['2001:db8::1', 'pass', 'six.example'],
  ]
  for (const [address, result, name] of expected) {
    const found = await reverseOf(address, zoneDns(zone), signal)
    assert.deepEqual([found.result, found.name], [result, name], address)
  }
})

test('an address with very many names costs ten look-ups', async () => {
  const names = Array.from({ length: 300 }, (_, i) => `host${i}.example`)
  const dns = zoneDns({ '203.0.113.5': { PTR: names }, example: {} })
  assert.equal((await reverseOf('203.0.113.5', dns, new AbortController().signal)).result, 'fail')
  assert.equal(dns.questions.length, 11)
})

test('names made of the address look dynamic', () => {
  for (const name of [
    '3-113-0-203.dsl.example',
    'host-203-0-113-3.example',
    'a113.3.0.example',
    'cb007103.pool.example',
    '0-113-3.example',
  ])
    assert.equal(looksDynamic(name, '203.0.113.3'), name !== 'a113.3.0.example', name)
  assert.equal(looksDynamic('mail.good.example', '203.0.113.3'), false)
  assert.equal(looksDynamic('mx1.example', '2001:db8::1'), false)
})

test('reverse DNS is a fact for others, and worth points or a refusal', async () => {
  let seen: unknown
  const reader = definePlugin({
    name: 'reader',
    hooks: {
      helo: {
        after: [reverseDns],
        handler({ get }) {
          seen = get(reverseDns).name
        },
      },
    },
  })
  const strict = helo({ reverse: { none: 'reject', fail: 'defer', dynamic: 'reject' } })
  await on(strict, reader())
    .from('203.0.113.1')
    .helo('mail.good.example')
    .expectAccepted()
    .expect(() => assert.equal(seen, 'mail.good.example'))
    .from('203.0.113.2')
    .connect()
    .expectRefusal('4.7.25')
    .from('203.0.113.3')
    .connect()
    .expectRefusal('5.7.25')
    .from('203.0.113.99')
    .connect()
    .expectRefusal('5.7.25', /Reverse DNS/)
    .from('203.0.113.4')
    .connect()
    .expectAccepted()
    .from('10.1.2.3')
    .connect()
    .expectAccepted()
})

test('RFC 5321 §4.1.1.1: names that are none, single, unknown, ours, or another’s address', async () => {
  const all = {
    syntax: 'reject',
    literal: 'reject',
    wrongLiteral: 'reject',
    single: 'reject',
    ours: 'reject',
    unknown: 'reject',
  } as const
  const table: [string, RegExp | undefined][] = [
    ['mail.good.example', undefined],
    ['only-mx.example', undefined],
    ['broken.example', undefined],
    ['six.example', undefined],
    ['no_such-host!', /not a domain name/],
    ['203.0.113.1', /not a domain name/],
    ['[203.0.113.1]', /an address literal/],
    ['[203.0.113.7]', /not your address/],
    ['[192.0.2.25]', /that is us/],
    ['[IPv6:2001:db8::1]', /not your address/],
    ['[nonsense]', /not an address literal/],
    ['localhost', /fully qualified/],
    ['MX.test', /that is us/],
    ['a.ours.example', /that is us/],
    ['missing.example', /no such host/],
    ['__proto__', /fully qualified/],
  ]
  const plugin = helo({ name: all, ourNames: ['*.ours.example'] })
  for (const [name, refusal] of table) {
    const steps = on(plugin).from('203.0.113.1').helo(name)
    if (name === 'missing.example') steps.mail('a@b.example')
    await (refusal ? steps.expectRefusal('5.7.1', refusal) : steps.expectAccepted())
  }
})

test('HELO that is said again, after STARTTLS, counts once; that of an authenticated client does not', async () => {
  const login = definePlugin({
    name: 'login',
    hooks: { auth: { mechanisms: ['PLAIN'], handler: () => ({ name: 'u' }) } },
  })
  const steps = () =>
    on(helo({ reverse: { none: 0 } }), login())
      .from('203.0.113.99')
      .helo('missing.example')
      .tls()
      .helo('missing.example')
  const points =
    (expected: RegExp) =>
    ({ lines }: SessionOutcome) =>
      assert.match(JSON.stringify(lines), expected)
  await steps()
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .data()
    .expect(points(/"points":1[,}]/))
  await steps()
    .auth({ username: 'u', password: '' })
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .data()
    .expect(points(/"points":0[,}]/))
})

test('by default only our own name is refused; the rest is points', async () => {
  await on(helo()).from('203.0.113.99').helo('mx.test').expectRefusal('5.7.1')
  await on(helo())
    .from('203.0.113.99')
    .helo('missing.example')
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .data()
    .expectAccepted()
    .expect(({ lines }) => assert.match(JSON.stringify(lines), /"points":2\.5/))
})
