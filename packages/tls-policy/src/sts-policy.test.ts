import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stsAnswer } from './sts.ts'
import { isPublic } from './sts-fetch.ts'
import { namesHost, parseKept, parseStsPolicy, stsId } from './sts-policy.ts'

test('RFC 8461 §3.1: one record names a policy', () => {
  for (const [texts, id] of [
    [['v=STSv1; id=20160831085700Z;'], '20160831085700Z'],
    [['v=STSv1;id=a'], 'a'],
    [['v=STSv1 ; id=a ; x=y'], 'a'],
    [['v=spf1 -all', 'v=STSv1; id=b'], 'b'],
    [['v=STSv1; x=y; id=c'], 'c'],
    [['v=STSv1; id=a; id=b'], 'a'],
    [['v=STSv1; id=a', 'v=STSv1; id=a'], undefined],
    [[], undefined],
    [['v=STSv1'], undefined],
    [['v=STSv1;'], undefined],
    [['v=STSv1; id='], undefined],
    [['v=STSv1; id=a-b'], undefined],
    [[`v=STSv1; id=${'a'.repeat(33)}`], undefined],
    [['v=STSv2; id=a'], undefined],
    [['V=STSv1; id=a'], undefined],
    [[' v=STSv1; id=a'], undefined],
    [['v=STSv10; id=a'], undefined],
  ] as const)
    assert.equal(stsId(texts), id, JSON.stringify(texts))
})

const lines = (...rest: readonly string[]) => ['version: STSv1', ...rest].map((line) => `${line}\r\n`).join('')
const enforce = { mode: 'enforce', mx: ['mx.example.com'], maxAge: 86_400 }

test('RFC 8461 §3.2: policies as they are found, and what none is', () => {
  for (const [text, expected] of [
    [lines('mode: enforce', 'mx: mx.example.com', 'max_age: 86400'), enforce],
    ['version:STSv1\nmode:enforce\nmx:MX.Example.COM\nmax_age:86400', enforce],
    ['version: STSv1\nmode: enforce\nmx: mx.example.com.\nmax_age: 86400\n\n', enforce],
    ['mode: enforce\nmx: mx.example.com\nversion: STSv1\nmax_age:  86400  ', enforce],
    [lines('mode: enforce', 'mode: none', 'mx: mx.example.com', 'max_age: 86400', 'max_age: 1'), enforce],
    [lines('x-y: z', 'this is no field', 'mode: enforce', 'mx: mx.example.com', 'max_age: 86400'), enforce],
    [
      lines('mode: testing', 'mx: a.example', 'mx: *.b.example', 'max_age: 1'),
      { mode: 'testing', mx: ['a.example', '*.b.example'], maxAge: 1 },
    ],
    [lines('mode: none', 'max_age: 86400'), { mode: 'none', mx: [], maxAge: 86_400 }],
    [lines('mode: none', 'mx: mx.example.com', 'max_age: 0'), { mode: 'none', mx: ['mx.example.com'], maxAge: 0 }],
    [lines('mode: enforce', 'mx: mx.example.com', 'max_age: 9999999999'), { ...enforce, maxAge: 31_557_600 }],
    [
      lines('mode: enforce', 'mx: xn--bcher-kva.example', 'max_age: 86400'),
      { ...enforce, mx: ['xn--bcher-kva.example'] },
    ],
  ] as const)
    assert.deepEqual(parseStsPolicy(text), expected, text)
  for (const [text, mistake] of [
    ['', /version/],
    ['version: STSv2\nmode: none\nmax_age: 1', /version/],
    ['VERSION: STSv1\nmode: none\nmax_age: 1', /version/],
    ['version: STSv2\nversion: STSv1\nmode: none\nmax_age: 1', /version/],
    [lines('max_age: 1', 'mx: a.example'), /mode/],
    [lines('mode: Enforce', 'max_age: 1', 'mx: a.example'), /mode/],
    [lines('mode: enforce', 'mx: a.example'), /max_age/],
    [lines('mode: enforce', 'mx: a.example', 'max_age: -1'), /max_age/],
    [lines('mode: enforce', 'mx: a.example', 'max_age: 1d'), /max_age/],
    [lines('mode: enforce', 'mx: a.example', 'max_age: 12345678901'), /max_age/],
    [lines('mode: enforce', 'max_age: 1'), /no mx/],
    [lines('mode: testing', 'max_age: 1'), /no mx/],
    [lines('mode: enforce', 'mx: ', 'max_age: 1'), /mx/],
    [lines('mode: enforce', 'mx: a.*.example', 'max_age: 1'), /mx/],
    [lines('mode: enforce', 'mx: .example.com', 'max_age: 1'), /mx/],
    [lines('mode: enforce', 'mx: a..example', 'max_age: 1'), /mx/],
    [lines('mode: enforce', 'mx: a.example, b.example', 'max_age: 1'), /mx/],
    [lines('mode: enforce', 'mx: bücher.example', 'max_age: 1'), /mx/],
    ['<html><body>version: STSv1</body></html>', /version/],
    ['{"version": "STSv1"}', /version/],
  ] as const) {
    const policy = parseStsPolicy(text)
    assert.match('mistake' in policy ? policy.mistake : JSON.stringify(policy), mistake, text)
  }
})

test('RFC 8461 §4.1: a wildcard is the whole first label, and only that', () => {
  for (const [pattern, host, names] of [
    ['mx.example.com', 'mx.example.com', true],
    ['mx.example.com', 'MX.example.com.', true],
    ['mx.example.com', 'mx2.example.com', false],
    ['*.example.com', 'mx.example.com', true],
    ['*.example.com', 'a.mx.example.com', false],
    ['*.example.com', 'example.com', false],
    ['*.com', 'example.com', true],
    ['*.example.com', 'mx.example.com.evil.test', false],
    ['example.com', 'mx.example.com', false],
  ] as const)
    assert.equal(namesHost({ mx: [pattern] }, host), names, `${pattern} ${host}`)
})

test('RFC 8461 §5: what each mode makes of a host', () => {
  const at = (mode: 'enforce' | 'testing' | 'none', host: string) => {
    const answer = stsAnswer({ mode, mx: ['mx.example.com'], maxAge: 1 }, 'example.com', host)
    return answer && ('refusal' in answer ? `left out ${answer.refusal.code}` : answer.mode)
  }
  assert.deepEqual([at('enforce', 'mx.example.com'), at('enforce', 'other.test')], ['required', 'left out 451'])
  assert.deepEqual([at('testing', 'mx.example.com'), at('testing', 'other.test')], ['opportunistic', 'opportunistic'])
  assert.deepEqual([at('none', 'mx.example.com'), at('none', 'other.test')], [undefined, undefined])
})

test('domains at one provider share its connections, and not with those that only test', () => {
  const of = (mode: 'enforce' | 'testing', domain: string) => {
    const answer = stsAnswer({ mode, mx: ['mx.example.com'], maxAge: 1 }, domain, 'mx.example.com')
    return answer && 'mode' in answer ? answer.id : assert.fail()
  }
  assert.equal(of('enforce', 'a.test'), of('enforce', 'b.test'))
  assert.notEqual(of('enforce', 'a.test'), of('testing', 'a.test'))
})

test('what was kept is judged again when it is read', () => {
  const kept = { id: 'a', policy: enforce, fetchedAt: 5 }
  assert.deepEqual(parseKept(JSON.stringify(kept)), kept)
  for (const wrong of [
    {},
    { ...kept, id: 1 },
    { ...kept, policy: { ...enforce, mx: [] } },
    { ...kept, policy: { ...enforce, mode: 'x' } },
    null,
  ])
    assert.equal(wrong === null ? parseKept(undefined) : parseKept(JSON.stringify(wrong)), undefined)
})

test('only addresses that everybody reaches are public', () => {
  const closed =
    '127.0.0.1 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 192.0.2.1 198.18.0.1 ::1 :: ::ffff:127.0.0.1 ::ffff:10.0.0.1 fe80::1 fc00::1 fd12::1 ff02::1 2001:db8::1 64:ff9b::7f00:1 2002:7f00:1::1 ::127.0.0.1'
  for (const address of ['', ...closed.split(' ')]) assert.equal(isPublic(address), false, address)
  for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1', '::ffff:8.8.8.8'])
    assert.ok(isPublic(address), address)
})

test('whatever a web server says, it is read without an error', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => typeof parseStsPolicy(`version: STSv1\n${text}`) === 'object'),
  )
  fc.assert(fc.property(fc.array(fc.string()), (texts) => ['string', 'undefined'].includes(typeof stsId(texts))))
})
