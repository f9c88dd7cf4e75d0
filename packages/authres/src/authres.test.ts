import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AuthResults, MethodResult } from './field.ts'
import { describe, hasAuthservId, parseArcAuthResults, parseAuthResults, toOpinion, writeAuthResults } from './index.ts'

const unfold = (text: string) => text.replace(/\r\n/g, '')

test('RFC 8601 §2.2: the examples of appendix B are read', () => {
  assert.deepEqual(parseAuthResults('example.org 1; none'), { authservId: 'example.org', results: [] })
  assert.deepEqual(parseAuthResults('example.com;\r\n               spf=pass smtp.mailfrom=example.net'), {
    authservId: 'example.com',
    results: [
      { method: 'spf', result: 'pass', properties: [{ type: 'smtp', name: 'mailfrom', value: 'example.net' }] },
    ],
  })
  const b5 = parseAuthResults(
    'example.com;\r\n  auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n  spf=pass smtp.mailfrom=example.net',
  )
  assert.equal(b5?.results[0]?.comment, 'cram-md5')
  assert.equal(b5?.results[1]?.method, 'spf')
  const b6 = parseAuthResults(
    'example.com;\r\n   dkim=pass reason="good signature"\r\n     header.i=@mail-router.example.net;\r\n   dkim=fail reason="bad signature"\r\n     header.i=@newyork.example.com',
  )
  assert.deepEqual(b6?.results[1], {
    method: 'dkim',
    result: 'fail',
    reason: 'bad signature',
    properties: [{ type: 'header', name: 'i', value: '@newyork.example.com' }],
  })
  const b7 = parseAuthResults(
    "foo.example.net (foobar) 1 (baz);\r\n    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n      policy (A dot can go here) . (like that) expired\r\n      (this surprised me) = (as I wasn't expecting it) 1362471462",
  )
  assert.deepEqual(b7?.results, [
    { method: 'dkim', result: 'fail', properties: [{ type: 'policy', name: 'expired', value: '1362471462' }] },
  ])
})

test('fields as they are found on the net are read, half a field is not', () => {
  const gmail =
    'mx.google.com; dkim=pass header.i=@a.example header.s=s1 header.b=ab/c+d=; spf=pass (google.com: domain of x@a.example designates 1.2.3.4) smtp.mailfrom="x y"@a.example;'
  assert.deepEqual(parseAuthResults(gmail)?.results[1]?.properties, [
    { type: 'smtp', name: 'mailfrom', value: '"x y"@a.example' },
  ])
  assert.equal(parseAuthResults(gmail)?.results[0]?.properties[2]?.value, 'ab/c+d=')
  for (const broken of [
    '',
    ';',
    'a b c; spf=pass',
    'mx; spf=pass (open',
    'mx; x=" ; spf=pass',
    'mx; spf=pass smtp.mailfrom="a',
    'mx (((',
    '"mx',
    `mx ${'('.repeat(100)}`,
  ]) {
    assert.equal(parseAuthResults(broken), undefined, broken)
  }
})

/** As the great receivers write them; names and addresses are ours. */
const FOUND: readonly (readonly [who: string, field: string, results: string])[] = [
  [
    'Microsoft, ARC',
    'i=1; mx.microsoft.com 1; spf=pass\r\n smtp.mailfrom=a.example; dmarc=pass action=none header.from=a.example;\r\n dkim=pass header.d=a.example; arc=none',
    'spf=pass smtp.mailfrom=a.example; dmarc=pass .action=none header.from=a.example; dkim=pass header.d=a.example; arc=none',
  ],
  [
    'Microsoft, ARC of a foreign message',
    'i=2; mx.microsoft.com 1; spf=pass (sender ip is\r\n 192.0.2.9) smtp.rcpttodomain=b.example smtp.mailfrom=a.example;\r\n dmarc=pass (p=none sp=none pct=100) action=none header.from=a.example;\r\n dkim=pass (signature was verified) header.d=a.example; arc=pass (0 oda=1 ltdi=1\r\n spf=[1,1,smtp.mailfrom=a.example] dkim=[1,1,header.d=a.example]\r\n dmarc=[1,1,header.from=a.example])',
    'spf=pass smtp.rcpttodomain=b.example smtp.mailfrom=a.example; dmarc=pass .action=none header.from=a.example; dkim=pass header.d=a.example; arc=pass',
  ],
  [
    'Microsoft, with the tenant between',
    'mx.a.example; spf=pass (sender IP is 192.0.2.9)\r\n smtp.mailfrom=a.example; tenant.onmicrosoft.example; dkim=none (message not signed)\r\n header.d=none;tenant.onmicrosoft.example; dmarc=bestguesspass\r\n action=none header.from=a.example;compauth=pass reason=109',
    'spf=pass smtp.mailfrom=a.example; dkim=none header.d=none; dmarc=bestguesspass .action=none header.from=a.example; compauth=pass reason=109',
  ],
  [
    'Google, ARC',
    'i=1; mx.google.com;\r\n       dkim=pass header.i=@a.example header.s=s1 header.b="AbC+/9d1";\r\n       spf=pass (google.com: domain of x@a.example designates 192.0.2.9 as permitted sender) smtp.mailfrom=x@a.example;\r\n       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=a.example',
    'dkim=pass header.i=@a.example header.s=s1 header.b=AbC+/9d1; spf=pass smtp.mailfrom=x@a.example; dmarc=pass header.from=a.example',
  ],
  [
    'Yahoo',
    'atlas101.mail.yahoo.example;\r\n dkim=unknown;\r\n spf=softfail smtp.mailfrom=a.example arc_overridden_status=NOT_OVERRIDDEN;\r\n dmarc=pass(p=QUARANTINE,sp=QUARANTINE) header.from=a.example;',
    'dkim=unknown; spf=softfail smtp.mailfrom=a.example .arc_overridden_status=NOT_OVERRIDDEN; dmarc=pass header.from=a.example',
  ],
  [
    'Fastmail',
    'mx1.messagingengine.example;\r\n    bimi=none (No BIMI records found);\r\n    dkim=pass (2048-bit rsa key sha256) header.d=a.example header.i=@a.example\r\n    header.b=AbC+/9d1 header.a=rsa-sha256 header.s=s1 x-bits=2048;\r\n    dmarc=pass policy.published-domain-policy=none\r\n    policy.applied-disposition=none (p=none,d=none,d.eval=none) policy.policy-from=p header.from=a.example;\r\n    x-return-mx=pass header.domain=a.example policy.is_org=yes (MX Records found: a,b);\r\n    x-tls=pass smtp.version=TLSv1.3 smtp.bits=256/256; x-vs=clean score=0 state=0',
    'bimi=none; dkim=pass header.d=a.example header.i=@a.example header.b=AbC+/9d1 header.a=rsa-sha256 header.s=s1 .x-bits=2048; dmarc=pass policy.published-domain-policy=none policy.applied-disposition=none policy.policy-from=p header.from=a.example; x-return-mx=pass header.domain=a.example policy.is_org=yes; x-tls=pass smtp.version=TLSv1.3 smtp.bits=256/256; x-vs=clean .score=0 .state=0',
  ],
  ['Apple', 'bimi.icloud.example; bimi=skipped reason="insufficient dmarc"', 'bimi=skipped reason=insufficient dmarc'],
  [
    'Apple, DKIM',
    'dkim-verifier.icloud.example;\r\n\tdkim=pass (2048-bit key) header.d=a.example header.i=@a.example header.b=AbC+9d1x',
    'dkim=pass header.d=a.example header.i=@a.example header.b=AbC+9d1x',
  ],
  [
    'Mimecast',
    'relay.mimecast.example;\r\n auth=pass smtp.auth=CUSA124A263 smtp.mailfrom=x@a.example',
    'auth=pass smtp.auth=CUSA124A263 smtp.mailfrom=x@a.example',
  ],
  [
    'Proofpoint',
    'ppops.example;\r\n\tspf=pass smtp.mailfrom=x@a.example smtp.helo=mx.a.example;\r\n\tdkim=pass header.s=s1 header.d=a.example;\r\n\tdmarc=pass (policy=reject; dkim=pass) header.from=a.example',
    'spf=pass smtp.mailfrom=x@a.example smtp.helo=mx.a.example; dkim=pass header.s=s1 header.d=a.example; dmarc=pass header.from=a.example',
  ],
  [
    'kernel.org',
    'smtp.subspace.example; dkim=pass (2048-bit key,\r\n unprotected) header.d=a.example; arc=none smtp.client-ip=192.0.2.9',
    'dkim=pass header.d=a.example; arc=none smtp.client-ip=192.0.2.9',
  ],
]

const inShort = ({ results }: AuthResults) =>
  results
    .map(({ method, result, reason, properties }) =>
      [
        `${method}=${result}`,
        ...(reason === undefined ? [] : [`reason=${reason}`]),
        ...properties.map(({ type, name, value }) => `${type}.${name}=${value}`),
      ].join(' '),
    )
    .join('; ')

test('fields of the great receivers are read, their own words too, and written back as they were read', () => {
  for (const [who, field, expected] of FOUND) {
    const read = field.startsWith('i=') ? parseArcAuthResults(field)?.results : parseAuthResults(field)
    assert.equal(read && inShort(read), expected, who)
    assert.deepEqual(read && parseAuthResults(writeAuthResults(read).replaceAll('\r\n\t', ' ')), read, who)
  }
})

test('a result that cannot be understood is left out whole, the others stay', () => {
  for (const [field, expected] of [
    ['mx; spf; dkim=pass', 'dkim=pass'],
    ['mx; spf=; dkim=pass', 'dkim=pass'],
    ['mx; dmarc=pass header.from; dkim=pass', 'dkim=pass'],
    ['mx; dmarc=pass header.from=a b.example; dkim=pass', 'dkim=pass'],
    ['mx; dmarc=pass "; spf=pass"; dkim=pass', 'dkim=pass'],
    ['mx; dmarc=pass x (; spf=pass) y; dkim=pass', 'dkim=pass'],
    ['mx; dkim/2x=pass; spf=pass \0 x; arc=pass;; none ;', 'arc=pass'],
    ['mx; spf=pass smtp.mailfrom=', 'spf=pass smtp.mailfrom='],
  ] as const) {
    const read = parseAuthResults(field)
    assert.equal(read && inShort(read), expected, field)
  }
})

test('RFC 8617 §4.1.1: an ARC-Authentication-Results field begins with its instance', () => {
  assert.deepEqual(parseArcAuthResults(' i=2; lists.example; dmarc=pass'), {
    instance: 2,
    results: { authservId: 'lists.example', results: [{ method: 'dmarc', result: 'pass', properties: [] }] },
  })
  assert.equal(parseArcAuthResults('lists.example; dmarc=pass'), undefined)
})

test('RFC 8601 §5: a field that claims to be ours is known by its id in any spelling, and so is one nobody can read', () => {
  for (const forged of [
    'mx.example.com; dkim=pass',
    'MX.Example.COM. 1; none',
    '(a comment (nested)) mx.example.com(x); spf=pass',
    '"mx.example.com"; spf=pass',
    '"m\\x.example.com"; spf=pass',
    'mx\uff0eexample\uff0ecom; spf=pass',
    '\r\n\tmx.example.com\r\n\t; spf=pass',
    'mx.example.com other; spf=pass',
    '(never closed mx.example.com; spf=pass',
    '; spf=pass',
    'mx.example.com@; spf=pass',
    'x@mx.example.com; spf=pass',
    '<mx.example.com>; spf=pass',
    'mx.example.com,; spf=pass',
    'mx.example.com/1; spf=pass',
    'mx.exam\0ple.com; spf=pass',
    'mx.example\u00ad.com; spf=pass',
    'mx.example.\u200bcom; spf=pass',
    '"mx.example .com"; spf=pass',
    '"x mx.example.com"; spf=pass',
    'mx.example.com=x; spf=pass',
  ]) {
    assert.ok(hasAuthservId(forged, 'mx.example.com'), forged)
  }
  for (const foreign of [
    'mx.example.org; dkim=pass',
    'example.com; none',
    'mx.example.com.evil.example; none',
    'x-mx.example.com; none',
    'example.org (mx.example.com); none',
  ])
    assert.ok(!hasAuthservId(foreign, 'mx.example.com'), foreign)
  assert.ok(hasAuthservId('xn--bcher-kva.example; none', 'B\u00dcCHER.example'))
  assert.ok(hasAuthservId('b\u00fccher.example; none', 'xn--bcher-kva.example'))
  assert.ok(hasAuthservId('mx7.example.com; none', '*.example.com'))
  assert.ok(!hasAuthservId('mxexample.com; none', '*.example.com'))
})

const sample: AuthResults = {
  authservId: 'mx.example.com',
  results: describe('mx.example.com', {
    auth: 'joe',
    spf: {
      mailFrom: {
        identity: 'mailfrom',
        result: 'fail',
        domain: 'a.example',
        comment: 'evil) dkim=pass (\r\nX: y',
        explanation: undefined,
      },
      helo: { identity: 'helo', result: 'none', domain: 'h.example', comment: undefined, explanation: undefined },
    },
    dkim: {
      signatures: [
        {
          result: 'pass',
          domain: 'a.example',
          selector: 's1',
          algorithm: 'rsa-sha256',
          identity: '@a.example',
          b: 'AbC/+d==',
          comment: undefined,
          unsigned: 0,
        },
      ],
      ignored: 3,
    },
    arc: {
      result: 'pass',
      comment: undefined,
      sealers: ['l.example', 'm.example'],
      trusted: undefined,
      isTemporary: false,
    },
    dmarc: {
      result: 'fail',
      domain: 'sub.a.example',
      policyDomain: 'a.example',
      policy: 'reject',
      aligned: [],
      override: 'arc',
      comment: undefined,
    },
  }).results,
}

test('what the plugins found out becomes one field, and foreign text stays in its place', () => {
  const lines = writeAuthResults(sample).split('\r\n\t')
  assert.deepEqual(lines, [
    'mx.example.com;',
    'auth=pass smtp.auth=joe;',
    'spf=none smtp.helo=h.example;',
    'spf=fail (evil\\) dkim=pass \\( X: y) smtp.mailfrom=a.example;',
    'dkim=pass header.d=a.example header.i=@a.example header.s=s1',
    'header.a=rsa-sha256 header.b="AbC/+d==";',
    'dkim=policy (3 more signatures were not looked at);',
    'arc=pass (i=2 sealed by l.example m.example);',
    'dmarc=fail (p=reject from a.example, not applied: arc)',
    'header.from=sub.a.example policy.dmarc=reject',
  ])
  assert.equal(writeAuthResults({ authservId: 'mx.example.com', results: [] }), 'mx.example.com;\r\n\tnone')
  assert.throws(() => writeAuthResults({ authservId: ' ', results: [] }), TypeError)
})

const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
  .filter((value) => value === value.replace(/[\x00-\x20\x7f]+/g, ' ').trim())
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/).filter((value) => value !== 'none' && value !== 'reason')
const result: fc.Arbitrary<MethodResult> = fc.record(
  {
    method: word,
    result: word,
    reason: text,
    comment: text,
    properties: fc.array(
      fc.record(
        { type: word, name: word, value: text.filter((value) => !/^".*@/.test(value) && !value.includes('@')) },
        { noNullPrototype: true },
      ),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: ['method', 'result', 'properties'], noNullPrototype: true },
)

test('what is written is read again, and no line is longer than it must be', () => {
  fc.assert(
    fc.property(fc.array(result, { maxLength: 4 }), (results) => {
      const written = writeAuthResults({ authservId: 'mx.example.com', results })
      assert.deepEqual(parseAuthResults(unfold(written)), { authservId: 'mx.example.com', results })
      assert.doesNotMatch(written.replaceAll('\r\n\t', ''), /[\r\n]/)
    }),
    { numRuns: 300 },
  )
})

test('any text is read or not, but never throws', () => {
  const soup = fc.array(
    fc.constantFrom(
      'mx',
      ';',
      '=',
      '.',
      '"',
      '\\',
      '(',
      ')',
      ' ',
      'spf',
      'pass',
      'reason',
      '@',
      '/',
      '1',
      'none',
      '\r\n ',
      '\u00e9',
    ),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(soup, (parts) => {
      parseAuthResults(parts.join(''))
      hasAuthservId(parts.join(''), 'mx')
    }),
    { numRuns: 1000 },
  )
})

test('RFC 5322 §3.2.4: blanks of a quoted string are part of it, and are written as they were read', () => {
  for (const text of [
    'x.example; dkim=pass reason="two  blanks \\" here" header.d=a',
    'x.example; dkim=pass header.d=" a b "',
    'x.example; spf=perm_fail smtp.mailfrom="\\"a  b\\"@c.example"',
  ]) {
    const read = parseAuthResults(text)
    assert.ok(read)
    assert.deepEqual(parseAuthResults(unfold(writeAuthResults(read))), read, text)
  }
})

test('a result becomes the opinion the operator wants', () => {
  const refusal = { text: 'SPF failed', reason: 'spf=fail', rejectStatus: '5.7.23', deferStatus: '4.7.24' } as const
  assert.deepEqual(toOpinion('reject', refusal), {
    kind: 'reject',
    text: 'SPF failed',
    status: '5.7.23',
    code: 550,
    disconnect: false,
  })
  assert.deepEqual(toOpinion('defer', refusal), {
    kind: 'defer',
    text: 'SPF failed',
    status: '4.7.24',
    code: 451,
    disconnect: false,
  })
  assert.deepEqual(toOpinion(2.5, refusal), { kind: 'suspect', points: 2.5, reason: 'spf=fail' })
  assert.deepEqual(toOpinion({ kind: 'suspect', points: 1, reason: 'mine' }, refusal), {
    kind: 'suspect',
    points: 1,
    reason: 'mine',
  })
  assert.deepEqual(toOpinion('quarantine', refusal), { kind: 'quarantine', reason: 'spf=fail' })
  assert.equal(toOpinion('none', refusal), undefined)
  assert.equal(toOpinion(0, refusal), undefined)
})

test('what was written before is written again, and nothing else that is like it', () => {
  const write = (...results: readonly MethodResult[]) => writeAuthResults({ authservId: 'mx.example', results })
  const spf = { method: 'spf', result: 'pass', properties: [{ type: 'smtp', name: 'mailfrom', value: 'a.example' }] }
  const alike: MethodResult[] = [
    spf,
    { ...spf, reason: '' },
    { ...spf, reason: 'a' },
    { ...spf, comment: 'a' },
    { ...spf, method: 'spfp', result: 'ass' },
    { ...spf, properties: [{ type: 'smtp', name: 'mailfro', value: 'ma.example' }] },
    { ...spf, properties: [...spf.properties, ...spf.properties] },
    { ...spf, properties: [] },
  ]
  const first = alike.map((result) => write(result))
  assert.equal(new Set(first).size, alike.length)
  assert.deepEqual(
    alike.map((result) => write(result)),
    first,
  )
  assert.notEqual(write(spf, spf), write(spf))
  const signed = (b: string) =>
    write({ method: 'dkim', result: 'pass', properties: [{ type: 'header', name: 'b', value: b }] })
  assert.match(signed('AAAA'), /header\.b=AAAA/)
  assert.match(signed('BBBB'), /header\.b=BBBB/)
  for (let i = 0; i < 2_000; i++) assert.match(write({ ...spf, comment: `${i}` }), new RegExp(`\\(${i}\\)`))
})
