import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock, Dns, DnsFailure } from '@postroad/plugin'
import { createDns, type DnsError, forMessage } from './index.ts'
import type { DnsReply } from './packet.ts'
import type { DnsOptions } from './resolver.ts'

/** Time that passes only when told to; sleepers wake in order. */
function fakeClock(): Clock & { advance(ms: number): Promise<void> } {
  let now = 1_000_000
  const sleepers: { readonly at: number; wake(): void }[] = []
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
        sleepers.push({ at: now + ms, wake: resolve })
      }),
    async advance(ms) {
      now += ms
      for (const sleeper of sleepers) if (sleeper.at <= now) sleeper.wake()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

const found: DnsReply = {
  code: 'NOERROR',
  truncated: false,
  secure: true,
  records: ['192.0.2.1'],
  ttl: 60,
  alias: false,
  canonical: 'example.com',
}

/** A resolver whose servers say what the script says, by address, in turn; `silent` never answers. */
function scripted(script: Record<string, (Partial<DnsReply> | 'silent' | Error)[]>, options: DnsOptions = {}) {
  const clock = fakeClock()
  const asked: string[] = []
  const dns = createDns({
    clock,
    servers: Object.keys(script),
    trustAd: true,
    ...options,
    exchange: async (server, query, transport, signal) => {
      asked.push(`${server.address} ${transport} ${query.type} ${query.name}`)
      const next = script[server.address]?.shift()
      if (next instanceof Error) throw next
      if (next === 'silent')
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      return { ...found, ...(next as Partial<DnsReply> | undefined) }
    },
  })
  return { dns, clock, asked }
}

const fails = (code: DnsFailure) => (error: unknown) => (error as DnsError).code === code
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('the resolver is the Dns service', () => {
  const service: Dns = scripted({ '192.0.2.53': [] }).dns
  assert.equal(typeof service.tlsa, 'function')
})

test('an answer is kept for its TTL, whatever the case of the name, and its TTL counts down', async () => {
  const { dns, clock, asked } = scripted({ '192.0.2.53': [] })
  assert.deepEqual(await dns.a('Example.COM'), {
    records: ['192.0.2.1'],
    secure: true,
    ttl: 60,
    canonical: 'example.com',
  })
  await clock.advance(20_000)
  assert.equal((await dns.a('example.com.')).ttl, 40)
  assert.equal(asked.length, 1)
  await clock.advance(40_000)
  await dns.a('example.com')
  assert.equal(asked.length, 2)
  assert.equal(dns.stats().hits, 1)
  dns.flush()
  assert.equal(dns.stats().cached, 0)
})

test('RFC 4035 §5.4: a denial says whether it is proven, and only to whom the resolver is trusted; a failure proves nothing', async () => {
  for (const trustAd of [true, false]) {
    const none = { records: [], secure: true, ttl: 60 } as const
    const { dns } = scripted(
      { '192.0.2.53': [none, { ...none, code: 'NXDOMAIN' }, { ...none, code: 'SERVFAIL' }] },
      { trustAd },
    )
    for (const [name, code, secure] of [
      ['empty.example', 'NODATA', trustAd],
      ['empty.example', 'NODATA', trustAd],
      ['no.example', 'NXDOMAIN', trustAd],
      ['bogus.example', 'SERVFAIL', false],
    ] as const)
      await assert.rejects(dns.mx(name), { code, secure })
  }
})

test('RFC 2308 §5: NXDOMAIN and NODATA are kept for the negative TTL, at most an hour, and without an SOA for a few seconds', async () => {
  const none: Partial<DnsReply> = { code: 'NXDOMAIN', records: [], ttl: 9000 }
  const { dns, clock, asked } = scripted({
    '192.0.2.53': [none, { records: [], ttl: undefined }, { records: [], ttl: undefined }],
  })
  await assert.rejects(dns.txt('no.example'), fails('NXDOMAIN'))
  await clock.advance(3_599_000)
  await assert.rejects(dns.txt('no.example'), fails('NXDOMAIN'))
  assert.equal(asked.length, 1)
  await assert.rejects(dns.txt('empty.example'), fails('NODATA'))
  await assert.rejects(dns.txt('empty.example'), fails('NODATA'))
  assert.equal(asked.length, 2)
  await clock.advance(5000)
  await assert.rejects(dns.txt('empty.example'), fails('NODATA'))
  assert.equal(asked.length, 3)
})

test('RFC 9520 §3.2: a failure is kept for a few seconds, not longer', async () => {
  const { dns, clock, asked } = scripted({ '192.0.2.53': [{ code: 'SERVFAIL' }] })
  await assert.rejects(dns.a('broken.example'), fails('SERVFAIL'))
  await assert.rejects(dns.a('broken.example'), fails('SERVFAIL'))
  assert.equal(asked.length, 1)
  await clock.advance(5000)
  await dns.a('broken.example')
  assert.equal(asked.length, 2)
})

test('equal questions on their way are one query; a caller that leaves does not spoil it for the others', async () => {
  const { dns, asked } = scripted({ '192.0.2.53': [] })
  const left = new AbortController()
  const first = dns.a('example.com', left.signal)
  const second = dns.a('example.com')
  left.abort(new Error('client gone'))
  await assert.rejects(first, fails('TIMEOUT'))
  assert.deepEqual((await second).records, ['192.0.2.1'])
  assert.equal(asked.length, 1)
  assert.equal(dns.stats().coalesced, 1)
  await assert.rejects(dns.a('another.example', AbortSignal.abort()), fails('TIMEOUT'))
})

test('a server that is silent, refuses or fails is followed by the next one, and a silent one is asked last for a while', async () => {
  const { dns, clock, asked } = scripted({
    '192.0.2.1': ['silent'],
    '192.0.2.2': [{ code: 'REFUSED' }],
    '192.0.2.3': [],
  })
  const answer = dns.a('one.example')
  await turn()
  await clock.advance(1500)
  assert.deepEqual((await answer).records, ['192.0.2.1'])
  await dns.a('two.example')
  assert.deepEqual(
    asked.map((line) => line.split(' ')[0]),
    ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.2'],
  )
  assert.equal(dns.stats().timeouts, 1)
})

test('RFC 9520 §3.1: a silent server is asked again, one that said SERVFAIL is not', async () => {
  const { dns, clock, asked } = scripted({ '192.0.2.1': ['silent'], '192.0.2.2': [{ code: 'SERVFAIL' }] })
  const answer = dns.a('one.example')
  await turn()
  await clock.advance(1500)
  await answer
  assert.deepEqual(
    asked.map((line) => line.split(' ')[0]),
    ['192.0.2.1', '192.0.2.2', '192.0.2.1'],
  )
})

test('no lookup takes longer than the deadline', async () => {
  const { dns, clock } = scripted({ '192.0.2.1': ['silent', 'silent', 'silent'] }, { rounds: 3, timeoutMs: 4000 })
  const answer = dns.a('slow.example')
  const outcome = assert.rejects(answer, fails('TIMEOUT'))
  for (const ms of [1500, 2500]) {
    await turn()
    await clock.advance(ms)
  }
  await outcome
})

test('an unreachable server is a failure, and its reason is kept as the cause', async () => {
  const { dns } = scripted({ '192.0.2.1': [new Error('ECONNREFUSED')] })
  await assert.rejects(
    dns.a('x.example'),
    (error: DnsError) => error.code === 'SERVFAIL' && (error.cause as Error).message === 'ECONNREFUSED',
  )
})

test('a truncated reply is asked again over TCP', async () => {
  const { dns, asked } = scripted({ '192.0.2.1': [{ truncated: true }] })
  await dns.txt('big.example')
  assert.deepEqual(asked, ['192.0.2.1 udp TXT big.example', '192.0.2.1 tcp TXT big.example'])
})

test('the AD bit counts only when the servers are trusted', async () => {
  assert.equal((await scripted({ '192.0.2.1': [] }).dns.a('x.example')).secure, true)
  assert.equal((await scripted({ '192.0.2.1': [] }, { trustAd: false }).dns.a('x.example')).secure, false)
  assert.equal((await scripted({ '127.0.0.1': [] }, { trustAd: undefined as never }).dns.a('x.example')).secure, true)
})

test('all plugins of one message share its budget; what is known already is free', async () => {
  const { dns } = scripted({ '192.0.2.1': [] }, { lookupsPerMessage: 2 })
  const session = {}
  const message = { session, envelope: { id: 'a' } }
  await forMessage(dns, message).a('one.example')
  await forMessage(dns, message).a('two.example')
  await assert.rejects(forMessage(dns, message).a('three.example'), fails('BUDGET'))
  await forMessage(dns, message).a('one.example')
  await forMessage(dns, { session, envelope: { id: 'b' } }).a('three.example')
  assert.equal(dns.stats().overBudget, 1)
  const foreign = { a: () => undefined }
  assert.equal(forMessage(foreign, message), foreign)
})

test('the cache and the queries on their way are bounded', async () => {
  const { dns } = scripted({ '192.0.2.1': [] }, { cacheSize: 3, concurrency: 2 })
  await Promise.all(Array.from({ length: 10 }, (_, i) => dns.a(`n${i}.example`)))
  assert.equal(dns.stats().cached, 3)
  assert.equal(dns.stats().inFlight, 0)
})

test('RFC 6761 §6: localhost is this machine and invalid does not exist, without a query', async () => {
  const { dns, asked } = scripted({ '192.0.2.1': [] })
  assert.deepEqual((await dns.a('localhost')).records, ['127.0.0.1'])
  assert.deepEqual((await dns.aaaa('mail.localhost')).records, ['::1'])
  await assert.rejects(dns.mx('localhost'), fails('NODATA'))
  await assert.rejects(dns.a('x.invalid'), fails('NXDOMAIN'))
  await assert.rejects(dns.a(`${'a'.repeat(64)}.example`), fails('NXDOMAIN'))
  await assert.rejects(dns.ptr('not an address'), fails('NXDOMAIN'))
  assert.equal(asked.length, 0)
})

test('an address is asked for under its reverse name', async () => {
  const { dns, asked } = scripted({ '192.0.2.1': [] })
  await dns.ptr('192.0.2.9')
  await dns.ptr('2001:db8::192.0.2.1')
  assert.equal(asked[0], '192.0.2.1 udp PTR 9.2.0.192.in-addr.arpa')
  assert.equal(asked[1], '192.0.2.1 udp PTR 1.0.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa')
})

test('a server must be an address', () => {
  assert.throws(() => createDns({ servers: ['ns.example.com'] }), /not the address of a server/)
  assert.throws(() => createDns({ servers: ['192.0.2.1:70000'] }), /not the address of a server/)
  assert.throws(() => createDns({ servers: [] }), /no servers/)
})
