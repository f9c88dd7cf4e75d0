import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Offer } from '../stages.ts'
import { isReply, parseMailParameters, parseRcptParameters } from './parameters.ts'
import { decodeXtext } from './xtext.ts'

const ALL: Offer = {
  mechanisms: ['PLAIN'],
  eightBitMime: true,
  binaryMime: true,
  smtputf8: true,
  dsn: true,
  requireTls: true,
  prdr: true,
}
const NOTHING: Offer = {
  mechanisms: [],
  eightBitMime: false,
  binaryMime: false,
  smtputf8: false,
  dsn: false,
  requireTls: false,
}
const RULES = { offer: ALL, size: 1000, isSecure: true, hasAuth: true }

for (const [text, expected] of [
  ['', {}],
  ['SIZE=1000', { size: 1000 }],
  ['  size=0   body=7bit ', { size: 0, body: '7BIT' }],
  ['BODY=BINARYMIME SMTPUTF8 REQUIRETLS PRDR', { body: 'BINARYMIME', smtputf8: true, requireTls: true, prdr: true }],
  ['RET=hdrs ENVID=QQ+2B1', { ret: 'HDRS', envid: 'QQ+1' }],
  ['AUTH=<>', { auth: null }],
  ['AUTH=e+3Dmc2@example.com', { auth: 'e=mc2@example.com' }],
  ['SIZE=1001', 552],
  ['SIZE=-1', 501],
  ['SIZE=123456789012345678901', 501],
  ['SIZE=', 501],
  ['BODY', 501],
  ['SMTPUTF8=', 501],
  ['RET', 501],
  ['ENVID=a b', 555],
  ['ENVID=+zz', 501],
  ['ENVID=a+7F', 501],
  ['AUTH=a=b', 501],
  ['-X=1', 501],
  ['X-1=1', 555],
  ['SMTPUTF8=x', 501],
  ['REQUIRETLS=x', 501],
  ['PRDR=x', 501],
  ['=x', 501],
  ['AUTH=+zz', 501],
  ['SIZE=1 SIZE=1', 501],
  ['__proto__=1', 501],
  ['constructor=1', 555],
] as const)
  test(`RFC 5321 §4.1.2: the parameters ${JSON.stringify(text)} of MAIL`, () => {
    const result = parseMailParameters(text, RULES)
    assert.deepEqual(isReply(result) ? result.code : result, expected)
  })

for (const [text, expected] of [
  ['', {}],
  ['NOTIFY=never', { notify: ['NEVER'] }],
  [
    'NOTIFY=SUCCESS,DELAY ORCPT=RFC822;a+2Bb@x',
    { notify: ['SUCCESS', 'DELAY'], orcpt: { type: 'rfc822', address: 'a+b@x' } },
  ],
  ['NOTIFY=', 501],
  ['NOTIFY=NEVER,NEVER', 501],
  ['NOTIFY=SUCCESS,', 501],
  ['ORCPT=;x', 501],
  ['ORCPT=rfc822;', 501],
  ['ORCPT=rfc822;a+0Ab', 501],
  ['ORCPT=x', 501],
  ['SIZE=1', 555],
] as const)
  test(`RFC 3461 §4: the parameters ${JSON.stringify(text)} of RCPT`, () => {
    const result = parseRcptParameters(text, ALL)
    assert.deepEqual(isReply(result) ? result.code : result, expected)
  })

test('RFC 3461 §4, RFC 4954 §5: what is longer than its limit is malformed', () => {
  const codeOf = (result: object) => (isReply(result) ? result.code : 0)
  const mail = (text: string) => codeOf(parseMailParameters(text, RULES))
  const rcpt = (text: string) => codeOf(parseRcptParameters(text, ALL))
  const [envid, auth, orcpt] = [
    `ENVID=${'x'.repeat(100)}`,
    `AUTH=${'x'.repeat(500)}`,
    `ORCPT=rfc822;${'x'.repeat(493)}`,
  ]
  assert.deepEqual([mail(envid), mail(auth), rcpt(orcpt)], [0, 0, 0])
  assert.deepEqual([mail(`${envid}x`), mail(`${auth}x`), rcpt(`${orcpt}x`)], [501, 501, 501])
})

test('RFC 8689 §2: REQUIRETLS needs TLS', () => {
  const result = parseMailParameters('REQUIRETLS', { ...RULES, isSecure: false })
  assert.equal(isReply(result) && result.code, 530)
})

test('RFC 5321 §4.1.1.11: what is not offered is not known', () => {
  const rules = { offer: NOTHING, size: 1000, isSecure: true, hasAuth: false }
  for (const text of ['BODY=7BIT', 'SMTPUTF8', 'REQUIRETLS', 'RET=FULL', 'ENVID=x', 'AUTH=<>', 'PRDR']) {
    const result = parseMailParameters(text, rules)
    assert.ok(isReply(result) && result.code === 555, text)
  }
  for (const text of ['NOTIFY=NEVER', 'ORCPT=rfc822;x']) {
    const result = parseRcptParameters(text, NOTHING)
    assert.ok(isReply(result) && result.code === 555, text)
  }
})

test('the parameter parsers never throw, and never pass a control character on', () => {
  const words = fc.constantFrom(
    'SIZE=',
    'BODY=8BITMIME',
    'ENVID=',
    'ORCPT=',
    'rfc822;',
    'NOTIFY=',
    'AUTH=',
    ' ',
    '+0A',
    '+',
    '=',
    '\x07',
    '\u0085',
    'x',
  )
  const text = fc.oneof(
    fc.string({ maxLength: 100 }),
    fc.array(words, { maxLength: 20 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (parameters) => {
      for (const result of [parseMailParameters(parameters, RULES), parseRcptParameters(parameters, ALL)])
        if (!isReply(result)) assert.doesNotMatch(Object.values(result).map(String).join(), /[\x00-\x1f\x7f-\x9f]/)
    }),
  )
})

/** As a client encodes it: octets. */
const encodeXtext = (text: string): string =>
  Buffer.from(text)
    .toString('latin1')
    .replace(/[^!-*,-<>-~]/g, (octet) => `+${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)

test('RFC 3461 §4: xtext comes back as it went in, whatever the script: it encodes octets', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (text) => {
      const isPrintable = !/[\x00-\x1f\x7f-\x9f]/.test(text)
      assert.equal(decodeXtext(encodeXtext(text)), isPrintable ? text : undefined)
      assert.doesNotThrow(() => decodeXtext(text))
    }),
  )
})

test('RFC 3461 §4.4: octets that are no text could not be said again to the next hop, and are malformed', () => {
  assert.equal(decodeXtext('a+C3+A9b'), 'aéb')
  for (const text of ['a+E9b', 'a+C3b', '+FF', '+C0+80', '+ED+A0+80']) assert.equal(decodeXtext(text), undefined, text)
})
