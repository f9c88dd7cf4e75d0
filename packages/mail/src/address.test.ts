import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cpuMs } from '../../../test/runner/cpu.ts'
import { makeAddress, parseAddress, sameMailbox } from './address.ts'
import { normalizeDomain } from './domain.ts'
import { parseForwardPath, parseReversePath } from './path.ts'

const reverse = (text: string) => parseReversePath(text)?.address?.toString()
const forward = (text: string) => parseForwardPath(text)?.address.toString()
const wide = (text: string) => parseAddress(text, { smtputf8: true })

test('RFC 5321 §4.1.1.2: a reverse-path gives the address and the parameters', () => {
  assert.equal(parseReversePath('<Jane.Doe@Example.COM>  SIZE=1 BODY=7BIT')?.rest, 'SIZE=1 BODY=7BIT')
  assert.equal(reverse('<Jane.Doe@Example.COM>'), 'Jane.Doe@example.com')
  assert.deepEqual(parseReversePath('<> RET=HDRS'), { address: undefined, rest: 'RET=HDRS' })
  for (const bad of [
    '<a@b>SIZE=1',
    '<a@b',
    'a@b>',
    '<a@b>>',
    '<<a@b>',
    '< a@b>',
    '<a@b >',
    '<>x',
    '',
    '<',
    '<@>',
    '\t<a@b>',
  ])
    assert.equal(parseReversePath(bad), undefined, bad)
})

test('RFC 5321 §4.1.1.3: a forward-path is never null, and postmaster needs no domain', () => {
  assert.equal(parseForwardPath('<>'), undefined)
  assert.equal(forward('<PostMaster>'), 'PostMaster')
  assert.equal(forward('<"postmaster">'), undefined)
  assert.equal(forward('<other>'), undefined)
  assert.equal(reverse('<postmaster>'), undefined)
})

test('paths without angle brackets are taken only by option; a space after the colon always', () => {
  assert.equal(forward('a@b.example'), undefined)
  assert.deepEqual(parseForwardPath('a@b.example NOTIFY=NEVER', { lenient: true })?.rest, 'NOTIFY=NEVER')
  assert.equal(forward(' <a@b.example>'), 'a@b.example')
})

test('RFC 5321 §C: a source route is read and ignored', () => {
  assert.equal(forward('<@one.example,@two.example:c@d.example>'), 'c@d.example')
  for (const bad of ['<@a>', '<@a:>', '<@a,b:c@d>', '<@a,:c@d>', '<@:c@d>', '<@a,@b>', '<@a:@b:c@d>'])
    assert.equal(forward(bad), undefined, bad)
})

test('RFC 5321 §4.1.2: addresses are written with as few quotes as possible', () => {
  assert.equal(makeAddress('a b', 'Example.com').toString(), '"a b"@example.com')
  assert.equal(makeAddress('postmaster', '').toString(), 'postmaster')
  assert.equal(parseAddress('"plain"@example.com')?.toString(), 'plain@example.com')
  assert.equal(parseAddress('"a\\"\\\\@<>"@example.com')?.local, 'a"\\@<>')
  assert.equal(parseAddress('""@example.com')?.toString(), '""@example.com')
  assert.equal(forward('<"a> SIZE=1 <b"@example.com>'), '"a> SIZE=1 <b"@example.com')
})

test('makeAddress throws on what no address can be', () => {
  const table = [
    ['a\r\nb', 'c.d'],
    ['a\0', 'c.d'],
    ['a', ''],
    ['a', 'c..d'],
    ['a', 'c d'],
    ['x'.repeat(65), 'c.d'],
    ['\ud800', 'c.d'],
    ['ä\u0085', 'c.d'],
  ]
  for (const [local = '', domain = ''] of table)
    assert.throws(() => makeAddress(local, domain), TypeError, JSON.stringify([local, domain]))
})

test('RFC 5321 §4.1.3: address literals are IPv4, IPv6 or tagged, in one form', () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ['[192.0.2.1]', '[192.0.2.1]'],
    ['[IPv6:2001:DB8:0:0::1]', '[IPv6:2001:db8::1]'],
    ['[ipv6:::ffff:192.0.2.1]', '[IPv6:::ffff:c000:201]'],
    ['[Tag-1:What/Ever]', '[tag-1:What/Ever]'],
    ...[
      '[192.0.2.01]',
      '[192.0.2]',
      '[256.0.0.1]',
      '[fe80::1]',
      '[IPv6:fe80::1%eth0]',
      '[IPv6:g::]',
      '[x-:y]',
      '[:y]',
      '[x:]',
      '[]',
      '[',
      '[x:y z]',
      '[x:[y]',
    ].map((bad) => [bad, undefined] as const),
  ]
  for (const [text, expected] of table) assert.equal(normalizeDomain(text), expected, text)
})

test('RFC 5891 §5: U-labels become A-labels with SMTPUTF8, and nothing is mapped into another name', () => {
  assert.equal(wide('user@Bücher.Example')?.domain, 'xn--bcher-kva.example')
  assert.equal(wide('user@xn--bcher-kva.bücher')?.domain, 'xn--bcher-kva.xn--bcher-kva')
  assert.equal(parseAddress('user@bücher.example'), undefined)
  const refused = [
    'ａ.com',
    'a。ü',
    'ü\u00ad.de',
    '①.ü.com',
    '１.２.３.４',
    'ü/x',
    'ü%41',
    'ü..de',
    '-ü.de',
    'ü-.de',
    'ab--ü.de',
    'ü_.de',
    'ü\u0085.de',
    'ü.de.',
    'a\u200db.de',
  ]
  for (const domain of refused) assert.equal(wide(`user@${domain}`), undefined, domain)
  assert.equal(wide(`user@${'ü'.repeat(63)}.de`), undefined, 'too long as A-label')
})

test('RFC 5321 §4.1.2: host names are letters, digits and hyphens; underscores, which senders use, unless they are not wanted', () => {
  for (const bad of ['-a.b', 'a-.b', 'a..b', '.a', 'a.', 'a b', '', `${'x'.repeat(64)}.c`])
    assert.equal(normalizeDomain(bad), undefined, bad)
  assert.equal(normalizeDomain('A_b.c', { underscore: false }), undefined)
  assert.equal(normalizeDomain('A_b.c'), 'a_b.c')
  for (const domain of ['bounce_1.shop.example', '_spf.example', 'a_.b_c.example'])
    for (const parse of [parseReversePath, parseForwardPath])
      assert.equal(parse(`<b@${domain}>`)?.address?.domain, domain)
  assert.equal(normalizeDomain('bounce_1.bücher.example', { smtputf8: true }), 'bounce_1.xn--bcher-kva.example')
  assert.equal(normalizeDomain('constructor'), 'constructor')
})

test('RFC 6531 §3.3: local parts beyond ASCII need SMTPUTF8, and are marked', () => {
  assert.equal(parseAddress('jürgen@example.com'), undefined)
  assert.equal(wide('jürgen@example.com')?.isInternational, true)
  assert.equal(wide('"jür gen"@example.com')?.toString(), '"jür gen"@example.com')
  assert.equal(wide('user@bücher.example')?.isInternational, false)
  for (const bad of ['\u0080', '\u009f', '\ufffd', '\ud83d', '\u2028', '"\\ü"'])
    assert.equal(wide(`${bad}@example.com`), undefined, JSON.stringify(bad))
})

test('RFC 5321 §4.5.3.1: local part 64, domain 255, path 256 octets', () => {
  const label = 'd'.repeat(49)
  const domain = `${label}.${label}.${label}.${'d'.repeat(39)}`
  assert.ok(parseAddress(`${'l'.repeat(64)}@${domain}`), '254 octets')
  assert.equal(parseAddress(`${'l'.repeat(64)}@${domain}d`), undefined)
  assert.ok(parseAddress(`${'l'.repeat(64)}@${domain}d`, { pathLimit: 300 }))
  assert.equal(parseAddress(`${'l'.repeat(65)}@a.b`), undefined)
  assert.ok(wide(`${'ü'.repeat(32)}@a.b`))
  assert.equal(wide(`${'ü'.repeat(33)}@a.b`), undefined)
  assert.equal(forward(`<@${domain}:${'l'.repeat(60)}@a.b>`), undefined, 'the route counts')
})

test('mailboxes are the same when local part and domain are; postmaster without case', () => {
  assert.ok(!sameMailbox(makeAddress('A', 'b.c'), makeAddress('a', 'b.c')))
  assert.ok(!sameMailbox(makeAddress('a', 'b.c'), makeAddress('a', 'b.d'), { foldCase: true }))
  assert.ok(sameMailbox(makeAddress('A', 'b.c'), makeAddress('a', 'B.c'), { foldCase: true }))
  assert.ok(sameMailbox(makeAddress('Postmaster', 'b.c'), makeAddress('postmaster', 'b.c')))
})

const noise = fc.string({
  unit: fc.constantFrom(
    'a',
    'B',
    '1',
    '.',
    '-',
    '@',
    '"',
    '\\',
    '[',
    ']',
    ':',
    ' ',
    '<',
    '>',
    ',',
    'ü',
    '\0',
    '_',
    'IPv6:',
  ),
  maxLength: 40,
})

test('whatever is read as an address is written as one that reads the same', () => {
  const local = fc.string({
    unit: fc.constantFrom('a', 'B', '.', ' ', '"', '\\', '@', 'ü', '>'),
    minLength: 1,
    maxLength: 20,
  })
  fc.assert(
    fc.property(
      fc.oneof(
        noise,
        fc.tuple(local, noise).map(([a, b]) => `"${a.replace(/["\\]/g, '\\$&')}"@x.${b}`),
      ),
      (text) => {
        const address = parseAddress(text, { smtputf8: true })
        if (!address) return
        assert.deepEqual({ ...parseAddress(String(address), { smtputf8: true }) }, { ...address })
        assert.doesNotMatch(String(address), /[\0-\x1f]/)
        assert.deepEqual({ ...parseForwardPath(`<${address}> X=1`, { smtputf8: true })?.address }, { ...address })
      },
    ),
    { numRuns: 1000 },
  )
  fc.assert(
    fc.property(local, (text) => {
      const address = makeAddress(text, 'example.com')
      assert.equal(parseAddress(String(address), { smtputf8: true })?.local, text)
    }),
  )
})

test('reading paths never throws and is linear', () => {
  fc.assert(
    fc.property(noise, (text) => {
      parseReversePath(text, { smtputf8: true, lenient: true })
      parseForwardPath(`<${text}>`, { underscore: false })
    }),
    { numRuns: 1000 },
  )
  const started = process.cpuUsage()
  for (const unit of ['a', '"', '\\', '.', '@a,', '[', 'ü', ' ', '"\\a'])
    for (const text of [unit.repeat(200_000), `<"${unit.repeat(200_000)}`, `<a@${unit.repeat(200_000)}>`])
      parseForwardPath(text, { smtputf8: true, lenient: true })
  assert.ok(cpuMs(started) < 1500)
})
