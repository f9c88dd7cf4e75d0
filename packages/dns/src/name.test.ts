import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseServer } from '@postroad/options'
import fc from 'fast-check'
import { normaliseName, reverseName } from './name.ts'
import { parseResolvConf, systemServers } from './servers.ts'
import { zoneDns } from './zone.ts'

const names: readonly (readonly [string, string | undefined])[] = [
  ['Example.COM', 'example.com'],
  ['example.com.', 'example.com'],
  ['_dmarc.example.com', '_dmarc.example.com'],
  ['b\u00fccher.example', 'xn--bcher-kva.example'],
  ['sel._domainkey.B\u00dcCHER.example', 'sel._domainkey.xn--bcher-kva.example'],
  ['with space.example', 'with space.example'],
  ['', undefined],
  ['.', undefined],
  ['a..b', undefined],
  ['.a', undefined],
  [`${'a'.repeat(63)}.b`, `${'a'.repeat(63)}.b`],
  [`${'a'.repeat(64)}.b`, undefined],
  [`${'a.'.repeat(126)}b`, `${'a.'.repeat(126)}b`],
  [`${'a.'.repeat(127)}b`, undefined],
  ['a\nb.example', undefined],
  ['a\u0000.example', undefined],
  ['constructor', 'constructor'],
]

test('RFC 1035 §2.3.4: names are asked in lower case and A-labels, and impossible ones not at all', () => {
  for (const [name, expected] of names) assert.equal(normaliseName(name), expected, JSON.stringify(name))
})

test('any text gives a name within the limits or none', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), (text) => {
      const name = normaliseName(text)
      if (name !== undefined)
        assert.ok(name.length <= 253 && name.split('.').every((label) => label.length > 0 && label.length <= 63))
    }),
    { numRuns: 60 },
  )
})

test('RFC 3596 §2.5: the reverse name of an IPv6 address has 32 nibbles', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => assert.match(reverseName(address) ?? '', /^([0-9a-f]\.){32}ip6\.arpa$/)),
  )
  assert.equal(reverseName('192.0.2.1'), '1.2.0.192.in-addr.arpa')
  assert.equal(reverseName('1.2.0.192.IN-ADDR.arpa'), '1.2.0.192.IN-ADDR.arpa')
  assert.equal(reverseName('example.com'), undefined)
})

test('resolv.conf(5) gives servers and trust-ad; what is not understood is skipped', () => {
  const text =
    '# comment\nnameserver 192.0.2.53\nnameserver  2001:db8::53\nnameserver nonsense\nsearch example.com\noptions edns0 trust-ad\n'
  assert.deepEqual(parseResolvConf(text), {
    servers: [
      { address: '192.0.2.53', port: 53 },
      { address: '2001:db8::53', port: 53 },
    ],
    trustAd: true,
  })
  assert.deepEqual(systemServers('/nonexistent').servers, [{ address: '127.0.0.1', port: 53 }])
  assert.deepEqual(parseServer('[2001:db8::1]:5353'), { address: '2001:db8::1', port: 5353 })
  assert.deepEqual(parseServer('2001:db8::1'), { address: '2001:db8::1', port: 53 })
  assert.deepEqual(parseServer('192.0.2.1:5353'), { address: '192.0.2.1', port: 5353 })
})

const code = (expected: string) => (error: unknown) => (error as { code: string }).code === expected

test('a zone literal answers, denies, fails and follows aliases', async () => {
  const dns = zoneDns({
    'Example.com': {
      MX: [[10, 'mx.example.com'], { preference: 20, exchange: '' }],
      TXT: ['a', 'b'],
      A: 'TIMEOUT',
      secure: true,
      ttl: 60,
    },
    'deep.sub.example.com': { A: ['192.0.2.1'] },
    'alias.example': { CNAME: 'deep.sub.example.com' },
    'dangling.example': { CNAME: 'gone.example' },
    'loop.example': { CNAME: 'loop.example' },
    'bad.example': 'SERVFAIL',
    '192.0.2.1': { PTR: ['host.example'] },
    constructor: { A: ['192.0.2.2'] },
  })
  assert.deepEqual(await dns.txt('EXAMPLE.com'), {
    records: ['a', 'b'],
    secure: true,
    ttl: 60,
    canonical: 'example.com',
  })
  assert.deepEqual((await dns.mx('example.com')).records, [
    { preference: 10, exchange: 'mx.example.com' },
    { preference: 20, exchange: '' },
  ])
  assert.deepEqual((await dns.a('alias.example')).records, ['192.0.2.1'])
  assert.deepEqual((await dns.ptr('192.0.2.1')).records, ['host.example'])
  await assert.rejects(dns.a('example.com'), code('TIMEOUT'))
  await assert.rejects(dns.aaaa('example.com'), code('NODATA'))
  await assert.rejects(dns.a('sub.example.com'), code('NODATA'))
  await assert.rejects(dns.a('gone.example'), code('NXDOMAIN'))
  await assert.rejects(dns.a('loop.example'), code('NODATA'))
  await assert.rejects(dns.txt('bad.example'), code('SERVFAIL'))
  await assert.rejects(dns.a('dangling.example'), (error: { alias: boolean }) => error.alias)
  await assert.rejects(dns.a('toString'), code('NXDOMAIN'))
  assert.equal(dns.questions[0], 'TXT example.com')
  assert.throws(() => zoneDns({ 'a..b': {} }), /neither a name/)
})

test('a zone literal dawdles on the clock it is given, and hears the signal', async () => {
  const slept: number[] = []
  const clock = {
    now: () => 0,
    sleep: async (ms: number, signal?: AbortSignal) => {
      signal?.throwIfAborted()
      slept.push(ms)
    },
  }
  const dns = zoneDns({ 'slow.example': { A: ['192.0.2.1'], delay: 3000 } }, { clock, lookupsPerMessage: 1 })
  await dns.a('slow.example')
  await assert.rejects(dns.a('slow.example', AbortSignal.abort()), code('TIMEOUT'))
  assert.deepEqual(slept, [3000])
  const budget = { left: 1 }
  await dns.limited(budget).a('slow.example')
  await assert.rejects(dns.limited(budget).a('slow.example'), code('BUDGET'))
})
