import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Spf, type SpfResult, spfFact } from '@postroad/authres'
import { type Zone, zoneDns } from '@postroad/dns'
import type { Address, Fact, MailContext, Opinion, PluginInstance } from '@postroad/plugin'
import fc from 'fast-check'
import { checkSpf, SpfChecks } from './check.ts'
import { spfOptions } from './options.ts'
import { judge, spf } from './spf.ts'

const zone: Zone = {
  'example.com': { TXT: ['v=spf1 ip4:192.0.2.1 -all exp=why.example.com'] },
  'why.example.com': { TXT: ['%{i} is not ours'] },
  'soft.example': { TXT: ['v=spf1 ~all'] },
  'long.example': { TXT: ['v=spf1 -all exp=essay.example'] },
  'essay.example': { TXT: ['words '.repeat(3_000)] },
  'slow.example': { TXT: ['v=spf1 -all'], delay: 60_000 },
  'down.example': 'SERVFAIL',
  'client.example': { TXT: ['v=spf1 a -all'], A: ['192.0.2.1'] },
  'xn--bcher-kva.example': { TXT: ['v=spf1 -all'] },
}

const address = (local: string, domain: string): Address => ({
  local,
  domain,
  isInternational: false,
  toString: () => `${local}@${domain}`,
})

interface Attempt {
  readonly from?: Address | undefined
  readonly helo?: string
  readonly ip?: string
  readonly identity?: { readonly name: string }
}

/** Runs the plugin's handler of `mail` as the host would. */
async function mail(options: unknown, { from, helo = 'client.example', ip = '192.0.2.1', identity }: Attempt) {
  const dns = zoneDns(zone)
  const plugin = spf(options as never)
  const setup = {
    options: spfOptions.parse(plugin.options),
    dns,
    hostname: 'mx.example.net',
    signal: new AbortController().signal,
  }
  const instance = (await plugin.setup(setup as never)) as PluginInstance
  const hook = instance.mail
  assert.ok(typeof hook === 'object')
  const facts = new Map<string, unknown>()
  const session = { identity, remote: { address: ip, port: 1 } }
  const context = {
    session,
    helo: { name: helo, extended: true },
    envelope: { id: 't', from, recipients: [], parameters: {} },
    signal: setup.signal,
    now: () => 1_000,
    set: (fact: Fact<unknown>, value: unknown) => facts.set(fact.name, value),
  }
  const opinions = await hook.handler(context as unknown as MailContext)
  return { opinions: [opinions ?? []].flat() as Opinion[], spf: facts.get(spfFact.name) as Spf | undefined, dns }
}

test('both identities are checked at MAIL, and a pass says nothing', async () => {
  const { opinions, spf } = await mail({}, { from: address('joe', 'example.com') })
  assert.deepEqual(opinions, [])
  assert.equal(spf?.mailFrom.result, 'pass')
  assert.equal(spf?.mailFrom.domain, 'example.com')
  assert.equal(spf?.helo?.result, 'pass')
})

test('RFC 7208 §8.4: a fail is worth points by default, and a refusal with the explanation when the operator says so', async () => {
  const forged = { from: address('joe', 'example.com'), ip: '203.0.113.9', helo: 'unknown.example' }
  const { opinions } = await mail({}, forged)
  assert.deepEqual(opinions, [{ kind: 'suspect', points: 4, reason: 'spf=fail mailfrom=example.com' }])
  const refused = await mail({ fail: 'reject' }, forged)
  assert.deepEqual(refused.opinions, [
    {
      kind: 'reject',
      text: 'SPF MAIL FROM check failed for example.com\nThe domain example.com explains:\n203.0.113.9 is not ours',
      status: '5.7.23',
      code: 550,
      disconnect: false,
    },
  ])
  assert.doesNotMatch(JSON.stringify((await mail({ fail: 'reject', explain: false }, forged)).opinions), /explains/)
})

test('an explanation without end is cut: a refusal is for people to read', async () => {
  const forged = { from: address('joe', 'long.example'), ip: '203.0.113.9', helo: 'unknown.example' }
  const { opinions } = await mail({ fail: 'reject' }, forged)
  const text = opinions[0]?.kind === 'reject' ? opinions[0].text : ''
  assert.match(text, /explains:\nwords words .* \.\.\.$/s)
  assert.ok(text.length < 600, String(text.length))
})

test('RFC 7208 §4.6.4: more than ten mail hosts are a permerror, in whichever order they are answered', async () => {
  const hosts = Array.from({ length: 11 }, (_, i) => `mx${i}.many.example`)
  for (const order of [hosts, hosts.toReversed()]) {
    const dns = zoneDns({
      'many.example': { TXT: ['v=spf1 mx -all'], MX: order.map((host) => [10, host] as const) },
      ...Object.fromEntries(hosts.map((host, i) => [host, { A: [`192.0.2.${i + 1}`] }])),
    })
    const question = { from: address('joe', 'many.example'), ip: '192.0.2.1', helo: 'client.example', hostname: 'mx' }
    assert.equal((await checkSpf(question, { dns, timeout: 1_000 })).result, 'permerror')
  }
})

test('RFC 7208 §2.4: the null reverse-path is checked as postmaster at HELO, once', async () => {
  const { opinions, spf, dns } = await mail({ fail: 'reject', heloFail: 2 }, { from: undefined, ip: '203.0.113.9' })
  assert.equal(spf?.mailFrom.identity, 'helo')
  assert.equal(spf?.mailFrom.result, 'fail')
  assert.deepEqual(opinions, [{ kind: 'suspect', points: 2, reason: 'spf=fail helo=client.example' }])
  assert.equal(dns.questions.filter((question) => question === 'TXT client.example').length, 1)
  const without = await mail({ fail: 'reject', helo: false }, { from: undefined, ip: '203.0.113.9' })
  assert.equal(without.opinions[0]?.kind, 'suspect')
})

test('a client that proved who it is, and one on this machine, are not checked', async () => {
  for (const attempt of [{ identity: { name: 'joe' } }, { ip: '' }]) {
    const { opinions, spf, dns } = await mail({ fail: 'reject' }, { from: address('joe', 'example.com'), ...attempt })
    assert.equal(spf, undefined)
    assert.deepEqual(opinions, [])
    assert.equal(dns.questions.length, 0)
  }
})

test('RFC 7208 §2.6.6: DNS that fails or is late is a temperror, never a pass', async () => {
  assert.equal((await mail({}, { from: address('joe', 'down.example') })).spf?.mailFrom.result, 'temperror')
  const { opinions } = await mail({ temperror: 'defer' }, { from: address('joe', 'down.example') })
  assert.deepEqual(opinions[0]?.kind, 'defer')
  const late = await checkSpf(
    { ip: '192.0.2.1', helo: 'x.example', from: address('joe', 'slow.example'), hostname: 'mx' },
    { dns: zoneDns(zone), timeout: 5, signal: new AbortController().signal },
  )
  assert.equal(late.result, 'temperror')
  const broken = { txt: () => Promise.reject(new Error('out of order')) }
  const crash = await checkSpf(
    { ip: '192.0.2.1', helo: 'x.example', from: address('joe', 'a.example'), hostname: 'mx' },
    { dns: broken as never, timeout: 1000 },
  )
  assert.equal(crash.result, 'temperror')
})

const names: readonly (readonly [domain: string, result: SpfResult, asked: string])[] = [
  ['[192.0.2.1]', 'none', ''],
  ['192.0.2.1', 'none', ''],
  ['localhost', 'none', ''],
  ['a..b', 'none', ''],
  ['EXAMPLE.com.', 'pass', 'example.com'],
  ['b\u00fccher.example', 'fail', 'xn--bcher-kva.example'],
  ['nowhere.example', 'none', 'nowhere.example'],
  ['soft.example', 'softfail', 'soft.example'],
  ['constructor.prototype', 'none', 'constructor.prototype'],
]

test('RFC 7208 §4.3: what is not a domain has no record', async () => {
  for (const [domain, result, asked] of names) {
    const check = await checkSpf(
      { ip: '192.0.2.1', helo: 'h.example', from: { local: 'x', domain }, hostname: 'mx' },
      { dns: zoneDns(zone), timeout: 1000 },
    )
    assert.deepEqual([check.result, check.domain], [result, asked], domain)
  }
})

const ODD = {
  'bounce_1.shop.example': { TXT: ['v=spf1 include:_spf.%{d} exp=why.%{d} -all'] },
  '_spf.bounce_1.shop.example': { TXT: ['v=spf1 exists:%{o3}._x.%{o} -all'] },
  'bounce_1.shop.example._x.bounce_1.shop.example': { A: ['127.0.0.2'] },
  'why.bounce_1.shop.example': { TXT: ['%{o} says: not %{i}'] },
  'hard_1.example': { TXT: ['v=spf1 exp=why.bounce_1.shop.example -all'] },
  'p_q.example': { TXT: ['v=spf1 ptr -all'] },
  'lit_1.example': { TXT: ['v=spf1 ptr:Lit_1.example -all'] },
  '192.0.2.1': { PTR: ['m.P_q.example', 'm.lit_1.example'] },
  'm.p_q.example': { A: ['192.0.2.1'] },
  'm.lit_1.example': { A: ['192.0.2.1'] },
  '-a.b-.example': { TXT: ['v=spf1 a mx -all'], A: ['192.0.2.9'], MX: [[10, 'm.p_q.example'] as const] },
  'rr_.example': { TXT: ['v=spf1 redirect=p_q.example'] },
  'slow_1.example': { TXT: 'REFUSED' as const },
  '-all.wild.example': { TXT: ['v=spf1 ip4:192.0.2.9 -all'] },
  '-mx.wild.example': {
    TXT: ['v=spf1 -mx a:-mx.wild.example -all'],
    A: ['192.0.2.1'],
    MX: [[10, 'x.example'] as const],
  },
}

const odds: readonly (readonly [domain: string, result: SpfResult, comment?: string])[] = [
  ['bounce_1.shop.example', 'pass', 'domain of bounce_1.shop.example designates 192.0.2.1 as permitted sender'],
  ['hard_1.example', 'fail', 'domain of hard_1.example does not designate 192.0.2.1 as permitted sender'],
  ['P_Q.example.', 'pass'],
  ['lit_1.example', 'pass'],
  ['-a.b-.example', 'pass'],
  ['rr_.example', 'pass'],
  ['no_such.example', 'none'],
  // Below a name with a wildcard the sender chooses the label: it must not be one of the record's terms.
  ['-all.wild.example', 'fail'],
  ['-mx.wild.example', 'pass'],
  [
    'slow_1.example',
    'temperror',
    'error in processing during lookup of slow_1.example: DNS request refused by server when resolving slow_1.example',
  ],
]

test('names with underscores, and hyphens at an end, are names of the DNS: senders use them, RFC 2181 §11', async () => {
  for (const [domain, result, comment] of odds)
    for (const from of [{ local: 'x', domain }, undefined]) {
      const dns = zoneDns(ODD)
      const check = await checkSpf({ ip: '192.0.2.1', helo: domain, from, hostname: 'mx' }, { dns, timeout: 1000 })
      assert.deepEqual(
        [check.result, check.domain],
        [result, domain.toLowerCase().replace(/\.$/, '')],
        `${domain} ${check.comment}`,
      )
      if (comment !== undefined) assert.equal(check.comment, comment)
      if (domain === 'hard_1.example') assert.equal(check.explanation, 'hard_1.example says: not 192.0.2.1')
      assert.ok(!dns.questions.some((question) => question.includes('zzq')))
    }
})

test('RFC 7208 §7.1: delimiters are a set in whatever order, never a range', async () => {
  const delimiters = ['.', '-', '+', ',', '/', '_', '=']
  for (const first of delimiters)
    for (const second of delimiters)
      for (const third of delimiters) {
        const macro = `%{l2r${first}${second}${third}}`
        const dns = zoneDns({
          'a.example': { TXT: [`v=spf1 exists:${macro}.x.example -all`] },
          'b.a.x.example': { A: ['127.0.0.2'] },
        })
        const from = { local: `a${first}b${third}c`, domain: 'a.example' }
        const { result, comment } = await checkSpf(
          { ip: '192.0.2.1', helo: 'h.example', from, hostname: 'mx' },
          { dns, timeout: 1000 },
        )
        assert.equal(result, 'pass', `${macro} ${comment}`)
      }
})

test('each result is worth what the operator says', () => {
  const results: readonly SpfResult[] = ['none', 'neutral', 'pass', 'fail', 'softfail', 'temperror', 'permerror']
  for (const result of results) {
    const check = {
      identity: 'mailfrom',
      result,
      domain: 'a.example',
      comment: undefined,
      explanation: undefined,
    } as const
    const opinions = judge({ mailFrom: check, helo: undefined }, spfOptions.parse({ [result]: 'reject' }))
    const status = result === 'permerror' || result === 'temperror' ? '5.7.24' : '5.7.23'
    assert.deepEqual(
      opinions.map((opinion) => 'status' in opinion && opinion.status),
      [status],
    )
  }
  assert.throws(() => spfOptions.parse({ fial: 'reject' }))
  assert.throws(() => spfOptions.parse({ fail: 'quarantine' }))
})

test('whatever record a domain publishes, the check ends with a result', async () => {
  const word = fc.constantFrom(
    'v=spf1',
    ' ',
    'a',
    'mx',
    'ptr',
    'include:',
    'example.com',
    'exists:',
    '%{i}',
    '%{',
    '%{l1r-}',
    '/',
    '33',
    '-all',
    'redirect=',
    'exp=',
    'ip4:',
    '::',
    ':',
    '=',
    '?',
    '\u00e9',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 12 }), fc.string({ maxLength: 20 }), async (words, local) => {
      const dns = zoneDns({ ...zone, 'fuzz.example': { TXT: [`v=spf1 ${words.join('')}`] } })
      const { result } = await checkSpf(
        { ip: '2001:db8::1', helo: local, from: { local, domain: 'fuzz.example' }, hostname: 'mx' },
        { dns, timeout: 1000 },
      )
      assert.ok(['none', 'neutral', 'pass', 'fail', 'softfail', 'temperror', 'permerror'].includes(result))
    }),
    { numRuns: 200 },
  )
})

test('what was found is found again without a question, for every sender of the domain, as long as the records may be kept', async () => {
  const dns = zoneDns({
    'a.example': { TXT: ['v=spf1 include:b.example -all'], ttl: 600 },
    'b.example': { TXT: ['v=spf1 ip4:192.0.2.1'], ttl: 60 },
  })
  const checks = new SpfChecks()
  const check = (local: string, now: number) =>
    checks.check(
      { ip: '192.0.2.1', helo: 'x.example', from: address(local, 'a.example'), hostname: 'mx' },
      { dns, timeout: 1000, now },
    )
  const first = await check('joe', 0)
  assert.equal(first.comment, 'domain of a.example designates 192.0.2.1 as permitted sender')
  assert.equal(check('ann', 59_999), first)
  assert.equal(dns.questions.length, 2)
  await check('ann', 60_000)
  assert.equal(dns.questions.length, 4)
})

test('RFC 7208 §7.2: what depends on the sender is found for one sender only', async () => {
  const dns = zoneDns({
    'a.example': { TXT: ['v=spf1 exists:%{L}._spf.a.example -all'] },
    'joe._spf.a.example': { A: ['127.0.0.2'] },
  })
  const checks = new SpfChecks()
  for (const [local, result] of [
    ['joe', 'pass'],
    ['ann', 'fail'],
    ['joe', 'pass'],
  ] as const) {
    const question = { ip: '192.0.2.1', helo: 'x.example', from: address(local, 'a.example'), hostname: 'mx' }
    assert.equal((await checks.check(question, { dns, timeout: 1000, now: 0 })).result, result)
  }
})

test('other clients, other names and the null reverse-path are other questions', async () => {
  const dns = zoneDns({ 'a.example': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] } })
  const checks = new SpfChecks()
  const check = async (ip: string, from: Address | undefined) =>
    await checks.check({ ip, helo: 'a.example', from, hostname: 'mx' }, { dns, timeout: 1000, now: 0 })
  assert.equal((await check('192.0.2.1', address('joe', 'a.example'))).result, 'pass')
  assert.equal((await check('203.0.113.9', address('joe', 'a.example'))).result, 'fail')
  assert.equal((await check('192.0.2.1', undefined)).identity, 'helo')
  assert.equal((await check('192.0.2.1', address('joe', 'b.example'))).result, 'none')
})
