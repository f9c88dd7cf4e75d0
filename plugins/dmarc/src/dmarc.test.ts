import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Arc, parseAuthResults } from '@postroad/authres'
import { zoneDns } from '@postroad/dns'
import { messageFromBytes } from '@postroad/message'
import fc from 'fast-check'
import addressparser from 'nodemailer/lib/addressparser'
import { readAuthor } from './author.ts'
import { checkDmarc, DmarcChecks } from './check.ts'
import { judge } from './dmarc.ts'
import { check, dkim, type Evidence, spf, zone } from './fixture.test.ts'
import { dmarcOptions, readTrust } from './options.ts'

test('RFC 9989 §4.10.2: SPF or DKIM must pass for a domain that is aligned', async () => {
  const cases: readonly (readonly [string, Evidence, string, readonly string[]])[] = [
    ['joe@example.com', { spf: spf('pass', 'example.com') }, 'pass', ['spf']],
    ['joe@example.com', { spf: spf('pass', 'bounce.example.com') }, 'pass', ['spf']],
    ['joe@example.com', { dkim: dkim(['pass', 'mail.example.com']) }, 'pass', ['dkim']],
    ['joe@example.com', { dkim: dkim(['fail', 'example.com'], ['pass', 'other.test']) }, 'fail', []],
    ['joe@example.com', { spf: spf('softfail', 'example.com') }, 'fail', []],
    ['joe@example.com', { spf: spf('pass', 'notexample.com') }, 'fail', []],
    ['joe@b\u00fccher.example', { dkim: dkim(['pass', 'xn--bcher-kva.example']) }, 'pass', ['dkim']],
    ['"j@x" (x@y.test) <"j@x"@B\u00dcCHER.example>', { spf: spf('pass', 'xn--bcher-kva.example') }, 'pass', ['spf']],
    ['J\u00f6e <j\u00f6e@B\u00dcCHER.example>', { spf: spf('pass', 'mail.xn--bcher-kva.example') }, 'pass', ['spf']],
    ['joe@b\u00fccher\u3002example', {}, 'fail', []],
    ['joe@\uff45xample.com', {}, 'fail', []],
    ['joe@a_b-.example.com', { dkim: dkim(['pass', 'a_b-.example.com']) }, 'pass', ['dkim']],
    ['joe@example.com', { spf: spf('pass', 'bounce_1.example.com') }, 'pass', ['spf']],
    [
      'joe@strict.example',
      { spf: spf('pass', 'bounce.strict.example'), dkim: dkim(['pass', 'strict.example']) },
      'pass',
      ['dkim'],
    ],
    ['joe@strict.example', { dkim: dkim(['pass', 'sub.strict.example']) }, 'fail', []],
  ]
  for (const [from, evidence, result, aligned] of cases) {
    const found = await check(from, evidence)
    assert.deepEqual([found.result, found.aligned], [result, aligned], `${from} ${JSON.stringify(evidence)}`)
  }
})

test('RFC 9989 §4.10.1: p, sp, np and t decide what is asked for, pct does not', async () => {
  const cases = [
    ['joe@example.com', 'reject'],
    ['joe@sub.example.com', 'quarantine'],
    ['joe@none.example.com', 'reject'],
    ['joe@test.example', 'quarantine'],
    ['joe@watch.example', 'none'],
    ['joe@pct.example', 'reject'],
    ['joe@BCHER.example', undefined],
    ['joe@b\u00fccher.example', 'reject'],
  ] as const
  for (const [from, policy] of cases) assert.equal((await check(from)).policy, policy, from)
})

test('RFC 9989 §4.10: the tree is walked in at most eight steps; two records are none', async () => {
  const found = await check('joe@1.2.3.a.b.c.d.e.f.g.long.example')
  assert.equal(found.policyDomain, 'long.example')
  assert.ok(found.questions.filter((question) => question.startsWith('TXT')).length <= 8)
  assert.equal((await check('joe@two.example')).result, 'none')
  assert.equal((await check('joe@x.psd.test')).policyDomain, 'psd.test')
  assert.equal((await check('joe@nowhere.test')).result, 'none')
})

test('RFC 9989 §5.3.1: there must be one author domain', async () => {
  assert.equal((await check(['joe@example.com', 'joe@evil.test'])).result, 'permerror')
  assert.equal((await check('joe@example.com, ann@evil.test')).result, 'permerror')
  assert.equal((await check('joe@example.com, ann@EXAMPLE.com')).result, 'fail')
  assert.equal((await check('Group: joe@example.com;')).result, 'fail')
  assert.equal((await check('"joe@example.com" <joe@evil.test>')).domain, 'evil.test')
  assert.equal((await check('')).result, 'none')
  assert.equal((await check([])).result, 'none')
})

test('a From field in disguise counts as one', () => {
  const fields = (text: string) => readAuthor(messageFromBytes(Buffer.from(text)).headers)
  assert.deepEqual(fields('From : joe@a.example\r\n\r\n'), { fields: 1, addresses: ['joe@a.example'] })
  assert.equal(fields('From\r\n : joe@a.example\r\nFrom: ann@b.example\r\n\r\n').fields, 2)
  assert.equal(fields('X-From: joe@a.example\r\n\r\n').fields, 0)
})

test('DNS that fails is a temperror, and so is a failure that a check not done might have prevented', async () => {
  assert.equal((await check('joe@down.example')).result, 'temperror')
  assert.equal((await check('joe@example.com', { spf: spf('temperror', 'example.com') })).result, 'temperror')
  assert.equal((await check('joe@example.com', { dkim: dkim(['temperror', 'example.com']) })).result, 'temperror')
  assert.equal(
    (await check('joe@example.com', { arc: { ...sealed('pass'), trusted: undefined, isTemporary: true } })).result,
    'temperror',
  )
  assert.equal((await check('joe@example.com', { spf: undefined })).comment, 'SPF was not checked')
  assert.equal((await check('joe@example.com', { dkim: undefined })).comment, 'DKIM was not checked')
  assert.equal((await check('joe@example.com', { spf: undefined, dkim: dkim(['pass', 'example.com']) })).result, 'pass')
  const evidence = {
    author: { fields: 1, addresses: ['a@example.com'] },
    spf: undefined,
    dkim: undefined,
    arc: undefined,
    address: '',
  }
  const broken = await checkDmarc(evidence, {
    dns: { txt: () => Promise.reject(new Error('out of order')) } as never,
    now: 0,
    trust: readTrust([]),
    options: { arc: true },
  })
  assert.equal(broken.result, 'temperror')
})

test('what cannot align is not waited for: a check that failed matters only where its pass would have', async () => {
  const down = (domain: string) => ({ dkim: dkim(['temperror', domain]) })
  const cases: readonly (readonly [string, Evidence, string])[] = [
    ['joe@example.com', { spf: spf('temperror', 'elsewhere.test') }, 'fail'],
    ['joe@example.com', { spf: spf('temperror', '') }, 'fail'],
    ['joe@example.com', { spf: spf('temperror', 'bounce.example.com') }, 'temperror'],
    ['joe@example.com', down('elsewhere.test'), 'fail'],
    ['joe@example.com', down('notexample.com'), 'fail'],
    ['joe@example.com', down('mail.example.com'), 'temperror'],
    ['joe@sub.example.com', down('other.example.com'), 'temperror'],
    ['joe@strict.example', down('mail.strict.example'), 'fail'],
    ['joe@strict.example', down('strict.example'), 'temperror'],
    [
      'joe@example.com',
      { spf: spf('temperror', 'elsewhere.test'), dkim: dkim(['temperror', 'example.com']) },
      'temperror',
    ],
    ['joe@example.com', { spf: spf('temperror', 'example.com'), dkim: dkim(['pass', 'example.com']) }, 'pass'],
    ['joe@example.com', { spf: spf('temperror', 'elsewhere.test'), dkim: undefined }, 'temperror'],
    [
      'joe@strict.example',
      { spf: spf('temperror', 'x.example'), zone: { ...zone, '_dmarc.x.example': 'SERVFAIL' } },
      'fail',
    ],
  ]
  for (const [from, evidence, result] of cases)
    assert.equal((await check(from, evidence)).result, result, `${from} ${JSON.stringify(evidence)}`)
  assert.equal((await check('joe@example.com', { spf: spf('temperror', 'elsewhere.test') })).comment, undefined)
})

test('a message is not deferred where every answer would come to the same', async () => {
  const opinion = async (from: string, evidence: Evidence = {}, options: object = {}) =>
    judge(await check(from, evidence), dmarcOptions.parse(options))?.kind
  const doubtful = { spf: spf('temperror', 'watch.example') }
  assert.equal(await opinion('joe@watch.example', doubtful), undefined, 'p=none')
  assert.equal(await opinion('joe@watch.example', { spf: undefined }), undefined, 'p=none')
  assert.equal(
    await opinion('joe@watch.example', doubtful, { monitor: 2 }),
    'defer',
    'but where the operator gives points',
  )
  assert.equal(await opinion('joe@watch.example', doubtful, { pass: -1, monitor: -1, overridden: -1 }), 'suspect')
  assert.equal(await opinion('joe@example.com', { spf: spf('temperror', 'example.com') }), 'defer')
  assert.equal(
    await opinion('joe@down.example', { dkim: dkim(['pass', 'down.example']) }),
    undefined,
    'it passes, or there is no policy',
  )
  assert.equal(
    await opinion('joe@down.example', { dkim: dkim(['pass', 'mail.down.example']) }),
    'defer',
    'the policy may be strict',
  )
  assert.equal(await opinion('joe@down.example', { spf: spf('pass', 'down.example') }), undefined)
  assert.equal(await opinion('joe@down.example', { trust: ['192.0.2.9'] }), undefined, 'it would be overridden')
  const lost = { 'lost.example': 'SERVFAIL' as const, '_dmarc.lost.example': 'NXDOMAIN' as const }
  const unsure = (record: string): Evidence => ({
    zone: {
      '_dmarc.up.example': { TXT: [record] },
      'lost.up.example': 'SERVFAIL',
      '_dmarc.lost.up.example': 'NXDOMAIN',
      ...lost,
    },
  })
  assert.equal(await opinion('joe@lost.up.example', unsure('v=DMARC1; p=none; np=reject')), 'defer', 'it may not exist')
  assert.equal(await opinion('joe@lost.up.example', unsure('v=DMARC1; p=reject; sp=none; np=none')), undefined)
  const temporary = { arc: { ...sealed('pass'), trusted: undefined, isTemporary: true } }
  assert.equal(await opinion('joe@example.com', temporary), 'defer')
  assert.equal(await opinion('joe@watch.example', temporary), undefined)
})

test('ARC that nobody asked for is no reason to wait', async () => {
  const evidence = {
    author: { fields: 1, addresses: ['joe@example.com'] },
    spf: spf('fail', 'example.com'),
    dkim: dkim(),
    arc: { ...sealed('pass'), trusted: undefined, isTemporary: true },
    address: '192.0.2.1',
  }
  for (const [arc, result] of [
    [true, 'temperror'],
    [false, 'fail'],
  ] as const)
    assert.equal(
      (await checkDmarc(evidence, { dns: zoneDns(zone), now: 0, trust: readTrust([]), options: { arc } })).result,
      result,
    )
})

const sealed = (dmarc: string, from?: string): Arc => ({
  result: 'pass',
  comment: undefined,
  sealers: ['lists.example'],
  isTemporary: false,
  trusted: {
    authservId: 'lists.example',
    results: [
      {
        method: 'dmarc',
        result: dmarc,
        properties: from === undefined ? [] : [{ type: 'header', name: 'from', value: from }],
      },
    ],
  },
})

test('RFC 8617 §7.2.1: a trusted sealer that saw a pass of this author overrides the failure, and only then', async () => {
  assert.equal((await check('joe@example.com', { arc: sealed('pass') })).override, 'arc')
  assert.equal((await check('joe@example.com', { arc: sealed('pass', 'Example.com') })).override, 'arc')
  assert.equal((await check('joe@example.com', { arc: sealed('pass', 'other.test') })).override, undefined)
  assert.equal((await check('joe@example.com', { arc: sealed('fail') })).override, undefined)
  assert.equal((await check('joe@example.com', { arc: { ...sealed('pass'), trusted: undefined } })).override, undefined)
})

test('of several results of a sealer each must be a pass of this author, and words that nobody knows stand for no author', async () => {
  const overrideOf = async (text: string) => {
    const trusted = parseAuthResults(text)
    assert.ok(trusted)
    return (await check('joe@example.com', { arc: { ...sealed('pass'), trusted } })).override
  }
  assert.equal(await overrideOf('mx.test; dmarc=pass header.from=example.com'), 'arc')
  assert.equal(await overrideOf('mx.test; dmarc=pass action=none header.from=example.com'), 'arc')
  assert.equal(await overrideOf('mx.test; dmarc=pass action=none'), undefined)
  assert.equal(
    await overrideOf('mx.test; dmarc=fail header.from=example.com; dmarc=pass header.from=example.com'),
    undefined,
  )
  assert.equal(
    await overrideOf('mx.test; dmarc=pass header.from=example.com; dmarc=pass header.from=other.test'),
    undefined,
  )
})

test('trusted forwarders are known by address, network, SPF or DKIM', async () => {
  const evidence = { spf: spf('pass', 'lists.test'), dkim: dkim(['pass', 'mx.signer.test']) }
  for (const trust of ['192.0.2.9', '192.0.2.0/24', 'lists.test', '*.signer.test'])
    assert.equal((await check('joe@example.com', { ...evidence, trust: [trust] })).override, 'forwarder', trust)
  for (const trust of ['192.0.2.8', '198.51.100.0/24', '2001:db8::/32', 'signer.test', '*.lists.test'])
    assert.equal((await check('joe@example.com', { ...evidence, trust: [trust] })).override, undefined, trust)
  assert.equal(
    (await check('joe@example.com', { trust: ['2001:db8::/32'], address: '2001:db8::7' })).override,
    'forwarder',
  )
  for (const wrong of ['lists', '192.0.2.0/33', '::/129', 'a b.c', '', '*', '*.com', '*.*.*', 'a.b.c*'])
    assert.throws(() => dmarcOptions.parse({ trust: [wrong] }), wrong)
})

test('the policy is followed unless the operator says otherwise', async () => {
  const opinion = async (from: string, options: object = {}, evidence: Evidence = {}) =>
    judge(await check(from, evidence), dmarcOptions.parse(options))
  assert.deepEqual(await opinion('joe@example.com'), {
    kind: 'reject',
    text: 'DMARC check failed for example.com',
    status: '5.7.26',
    code: 550,
    disconnect: false,
  })
  assert.deepEqual(await opinion('joe@sub.example.com'), {
    kind: 'quarantine',
    reason: 'dmarc=fail from=sub.example.com p=quarantine',
  })
  assert.equal(await opinion('joe@watch.example'), undefined)
  assert.deepEqual(await opinion('joe@watch.example', { monitor: 2 }), {
    kind: 'suspect',
    points: 2,
    reason: 'dmarc=fail from=watch.example p=none',
  })
  assert.equal(await opinion('joe@example.com', {}, { trust: ['192.0.2.9'] }), undefined)
  assert.equal((await opinion('joe@example.com', { reject: 'quarantine' }))?.kind, 'quarantine')
  assert.equal((await opinion('joe@example.com, x@evil.test'))?.kind, 'reject')
  assert.deepEqual(await opinion('joe@down.example'), {
    kind: 'defer',
    text: 'DMARC check could not be done, try again later',
    status: '4.4.3',
    code: 451,
    disconnect: false,
  })
  assert.throws(() => dmarcOptions.parse({ polcy: 1 }))
})

test('whatever a From field or a record says, there is a result', async () => {
  const piece = fc.constantFrom(
    '<',
    '>',
    '@',
    'a',
    '"',
    '(',
    ')',
    ',',
    ';',
    ':',
    ' ',
    'example.com',
    '[',
    ']',
    '\\',
    '=?utf-8?q?x?=',
    '\u00e9',
    '.',
  )
  const tag = fc.constantFrom(
    'v=DMARC1',
    ';',
    'p=reject',
    'p=',
    'sp=x',
    'np=none',
    '=',
    'psd=y',
    't=y',
    'adkim=s',
    ' ',
    '__proto__=x',
    'rua=mailto:a@b',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 15 }), fc.array(tag, { maxLength: 10 }), async (from, record) => {
      const { result } = await check(from.join(''), { zone: { '_dmarc.example.com': { TXT: [record.join('')] } } })
      assert.ok(['none', 'pass', 'fail', 'permerror', 'temperror'].includes(result))
    }),
    { numRuns: 300 },
  )
})

test('RFC 5322 §3.4: a plain author is read as the parser reads it', () => {
  const atom = fc.stringMatching(/^[A-Za-z0-9_+-]{1,8}$/)
  const local = fc.array(atom, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'))
  const domain = fc
    .array(fc.stringMatching(/^[A-Za-z0-9-]{1,8}$/), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join('.'))
  const name = fc.stringMatching(/^[A-Za-z0-9_ ,.'"@<>()-]{0,12}$/)
  const shape = fc.constantFrom('', ' ', '<', ' <', '" <', '">')
  const tail = fc.constantFrom('', '>', ' >', '> ', ',', '>, b@c.example')
  fc.assert(
    fc.property(
      fc.constantFrom('', '"'),
      name,
      shape,
      local,
      domain,
      tail,
      (quote, who, before, mailbox, host, after) => {
        const value = `${quote}${who}${before}${mailbox}@${host}${after}`.trim()
        const parsed = addressparser(value, { flatten: true }).map(({ address }) => address)
        const { addresses } = readAuthor([{ name: 'From', value, raw: new Uint8Array() }] as never)
        assert.deepEqual(
          addresses,
          parsed.filter((address) => address !== ''),
        )
      },
    ),
    { numRuns: 2_000 },
  )
})

test('what a domain asks for is found again without a question, for every author and each of its ways to pass', async () => {
  const dns = zoneDns({ '_dmarc.example.com': { TXT: ['v=DMARC1; p=reject'], ttl: 60 } })
  const checks = new DmarcChecks()
  const check = (author: string, passed: string, now: number) =>
    checks.check(
      {
        author: { fields: 1, addresses: [author] },
        spf: spf('pass', passed),
        dkim: dkim(),
        arc: undefined,
        address: '192.0.2.1',
      },
      { dns, now, trust: readTrust([]), options: { arc: true } },
    )
  assert.equal((await check('joe@example.com', 'example.com', 0)).result, 'pass')
  const asked = dns.questions.length
  assert.ok(!(check('ann.b@example.com', 'example.com', 1) instanceof Promise))
  assert.equal(dns.questions.length, asked)
  assert.equal((await check('joe@example.com', 'example.net', 1)).result, 'fail')
  assert.equal((await check('joe@example.com', 'example.com', 400_000)).result, 'pass')
  assert.ok(dns.questions.length > 2 * asked)
  assert.ok(check('"joe spf:example.com"@example.net', 'example.net', 1) instanceof Promise)
})
