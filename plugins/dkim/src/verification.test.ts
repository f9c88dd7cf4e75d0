import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { before, test } from 'node:test'
import { type Zone, zoneDns } from '@postroad/dns'
import { BodyHash } from '@postroad/mailauth'
import { messageFromBytes } from '@postroad/message'
import fc from 'fast-check'
import { keyRecord } from './command.ts'
import { KeyStore } from './key-store.ts'
import { dkimOptions } from './options.ts'
import { readSigningKey, type SigningKey } from './sign/key-ring.ts'
import { makeSignature, signedFields } from './sign/signature.ts'
import { overall, Verification } from './verification.ts'

const NOW = Date.UTC(2026, 0, 1)

/** RFC 8463 appendix A: one message, signed with both algorithms. */
const RFC8463 = `DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
`

const zone: Zone = {
  'brisbane._domainkey.football.example.com': {
    TXT: ['v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='],
  },
  'test._domainkey.football.example.com': {
    TXT: [
      'v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB',
    ],
  },
}

interface Check {
  readonly zone?: Zone
  readonly cut?: number
  readonly options?: object
}

async function verify(message: string | Uint8Array, { zone: extra = {}, cut, options = {} }: Check = {}) {
  const bytes = typeof message === 'string' ? Buffer.from(message.replace(/\r?\n/g, '\r\n')) : message
  const dns = zoneDns({ ...zone, ...extra })
  const parsed = dkimOptions.parse(options)
  const store = new KeyStore(parsed)
  const verdict = () => {
    const verification = new Verification(parsed, { keys: store.forMessage({ dns, now: NOW }), now: NOW })
    const size = cut ?? bytes.length
    for (let at = 0; at < bytes.length; at += size) verification.write(Uint8Array.from(bytes.subarray(at, at + size)))
    return verification.finish()
  }
  const found = await verdict()
  const questions = [...dns.questions]
  // The keys are known now; it is the same message.
  assert.deepEqual(await verdict(), found)
  return { ...found, dns: { questions }, results: found.signatures.map(({ result }) => result) }
}

let rsa: SigningKey
let ed: SigningKey
let keys: Zone

before(() => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const edPair = generateKeyPairSync('ed25519')
  rsa = readSigningKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), {
    domain: 'a.example',
    selector: 'r',
  })
  ed = readSigningKey(edPair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), {
    domain: 'a.example',
    selector: 'e',
  })
  keys = {
    'r._domainkey.a.example': { TXT: [keyRecord(pair.publicKey)] },
    'e._domainkey.a.example': { TXT: [keyRecord(edPair.publicKey)] },
  }
})

const HEAD = 'From: joe@a.example\r\nTo: x@b.example\r\nSubject: =?utf-8?q?h=C3=A9?=\r\n\r\n'

/** A message with a signature of ours on top. */
async function signed(
  text = `${HEAD}Hello \r\n\r\n`,
  key = rsa,
  options: { expires?: number; headers?: string[] } = {},
): Promise<string> {
  const message = messageFromBytes(Buffer.from(text))
  const body = new BodyHash({ canonicalization: 'relaxed' })
  for await (const chunk of message.body()) body.update(chunk)
  const signable = { fields: signedFields(message.headers), bodyHash: body.digest().toString('base64') }
  const value = await makeSignature(key, signable, {
    headers: ['From', 'Subject'],
    looseHeaders: ['List-Id'],
    time: NOW / 1000 - 60,
    ...options,
  })
  return `DKIM-Signature: ${value}\r\n${text}`
}

test('RFC 8463 appendix A: both signatures of the example verify, and a change of the body is seen', async () => {
  const { results, signatures } = await verify(RFC8463)
  assert.deepEqual(results, ['pass', 'pass'])
  assert.deepEqual(signatures[0], {
    result: 'pass',
    domain: 'football.example.com',
    selector: 'brisbane',
    algorithm: 'ed25519-sha256',
    identity: '@football.example.com',
    b: '/gCrinpc',
    comment: undefined,
    unsigned: 0,
  })
  assert.deepEqual((await verify(RFC8463.replace('lost', 'won'))).results, ['fail', 'fail'])
  assert.deepEqual((await verify(RFC8463.replace('dinner', 'lunch'))).results, ['fail', 'fail'])
})

test('a message cut at any size gives the same result', async () => {
  const bytes = Buffer.from(RFC8463.replace(/\n/g, '\r\n'))
  const whole = (await verify(bytes)).signatures
  for (const cut of [1, 2, 3, 5, 7, 13, 64, 100, 511, 1000, bytes.length - 1])
    assert.deepEqual((await verify(bytes, { cut })).signatures, whole, String(cut))
})

test('RFC 6376 §5: what is signed here verifies, with either algorithm', async () => {
  for (const key of [rsa, ed])
    assert.deepEqual((await verify(await signed(undefined, key), { zone: keys })).results, ['pass'])
})

/** A key that signs in other names; `domain` may bring more tags. */
const named = (selector: string, domain: string) => ({ ...ed, selector, domain })

test('selectors and domains are names of the DNS, as senders have them: with underscores, and hyphens at an end', async () => {
  const record = keys['e._domainkey.a.example']
  for (const [selector, domain] of [
    ['s_1', 'a.example'],
    ['k1-', 'a.example'],
    ['_x._y', 'a.example'],
    ['-', 'a.example'],
    ['s', 'bounce_1.a.example'],
    ['s', 'a-.example'],
    ['S_1', 'A_B.example'],
  ] as const) {
    const host = domain.toLowerCase()
    const zone = { [`${selector.toLowerCase()}._domainkey.${host}`]: record ?? {} }
    const { signatures } = await verify(await signed(undefined, named(selector, domain)), { zone })
    const [found] = signatures
    assert.deepEqual(
      [found?.result, found?.selector, found?.domain, found?.identity.toLowerCase()],
      ['pass', selector, host, `@${host}`],
    )
  }
})

test('RFC 8616 §4: a signature with U-labels verifies by the key of the A-labels', async () => {
  const record = { TXT: [keyRecord(createPublicKey(ed.key))] }
  const zone = { 's._domainkey.xn--bnk-qla.example': record, 's_1._domainkey.xn--bnk-qla.example': record }
  // The signer writes octets.
  const octets = (text: string) => Buffer.from(text).toString('latin1')
  for (const selector of ['s', 's_1'])
    for (const tags of [
      'b\u00e4nk.example',
      'b\u00e4nk.example; i=j\u00f6e@b\u00e4nk.example',
      'b\u00e4nk.example; i=@mail.xn--bnk-qla.example',
    ]) {
      const message = await signed(undefined, named(selector, octets(tags)))
      const { signatures } = await verify(Buffer.from(message, 'latin1'), { zone })
      assert.deepEqual(
        [signatures[0]?.result, signatures[0]?.domain],
        ['pass', 'xn--bnk-qla.example'],
        `${tags} ${signatures[0]?.comment}`,
      )
    }
})

test('RFC 6376 §6.1.1: what else is wrong with such a signature is seen as with any', async () => {
  const record = keyRecord(createPublicKey(ed.key))
  const zone = {
    's_1._domainkey.a_b.example': { TXT: [record] },
    't._domainkey.a_b.example': { TXT: [`${record}; t=s`] },
  }
  for (const [selector, tags, result, comment] of [
    ['s_1', 'a_b.example; i=joe@a_b.example', 'pass', undefined],
    ['s_1', 'a_b.example; i=joe=2Fx@mail.A_B.example', 'pass', undefined],
    ['t', 'a_b.example; i=@a_b.example', 'pass', undefined],
    ['t', 'a_b.example; i=@mail.a_b.example', 'neutral', 'domain mismatch'],
    ['s_1', 'a_b.example; i=@axb.example', 'neutral', 'domain mismatch'],
    ['s_1', 'a_b.example; i=@d.example', 'neutral', 'domain mismatch'],
    ['s_1', 'a_b.example; i=joe(doe@a_b.example', 'neutral', 'signature syntax error'],
    ['s_1', 'a_b.example; i=a_b.example', 'neutral', 'signature syntax error'],
    ['s_1', 'a_b.example; q=x', 'neutral', 'unsupported query method'],
    ['s_1', 'a_b.example; x=1', 'neutral', 'invalid expiration'],
    ['s_1', 'a_b.example; l=-1', 'neutral', 'signature syntax error'],
    ['s_1', 'a_b..example', 'neutral', 'signature syntax error'],
    ['s_1', 'a b.example', 'neutral', 'signature syntax error'],
    ['s_1', 'a_b', 'neutral', 'signature syntax error'],
    ['s/1', 'a_b.example', 'neutral', 'signature syntax error'],
    ['s_2', 'a_b.example', 'neutral', 'no key'],
  ] as const) {
    const { signatures } = await verify(await signed(undefined, named(selector, tags)), { zone })
    assert.deepEqual([signatures[0]?.result, signatures[0]?.comment], [result, comment], `${selector} ${tags}`)
  }
})

test('RFC 6376 §8.15: a field added to an oversigned name breaks the signature, a list field does not', async () => {
  const message = await signed()
  assert.deepEqual((await verify(message.replace('To: x', 'From: evil@c.example\r\nTo: x'), { zone: keys })).results, [
    'fail',
  ])
  assert.deepEqual((await verify(message.replace('To: x', 'Subject: evil\r\nTo: x'), { zone: keys })).results, ['fail'])
  assert.deepEqual((await verify(message.replace('To: x', 'List-Id: <l.example>\r\nTo: x'), { zone: keys })).results, [
    'pass',
  ])
  const listed = await signed(`List-Id: <l.example>\r\n${HEAD}Hello`)
  assert.deepEqual((await verify(listed.replace('<l.example>', '<m.example>'), { zone: keys })).results, ['fail'])
})

test('a message without signatures asks nothing', async () => {
  const { signatures, ignored, dns } = await verify(`${HEAD}DKIM-Signature: v=1\r\n`)
  assert.deepEqual([signatures, ignored, dns.questions], [[], 0, []])
  assert.equal(overall({ signatures, ignored }), 'none')
})

test('RFC 6376 §6.1.2: DNS that fails is a temperror, a key that is not there or withdrawn is neutral', async () => {
  const message = await signed()
  assert.deepEqual((await verify(message, { zone: { 'r._domainkey.a.example': 'SERVFAIL' } })).results, ['temperror'])
  assert.deepEqual((await verify(message, { zone: { 'r._domainkey.a.example': 'TIMEOUT' } })).results, ['temperror'])
  assert.deepEqual((await verify(message, { zone: { 'r._domainkey.a.example': 'BUDGET' } })).results, ['temperror'])
  assert.deepEqual((await verify(message)).results, ['neutral'])
  assert.deepEqual((await verify(message, { zone: { 'r._domainkey.a.example': { TXT: ['v=DKIM1; p='] } } })).results, [
    'neutral',
  ])
  assert.deepEqual((await verify(message, { zone: { 'r._domainkey.a.example': { TXT: ['nonsense'] } } })).results, [
    'neutral',
  ])
})

test('RFC 6376 §3.5: an expired signature, and one of another version or without From, are no good', async () => {
  assert.deepEqual((await verify(await signed(undefined, rsa, { expires: NOW / 1000 - 1 }), { zone: keys })).results, [
    'neutral',
  ])
  assert.deepEqual((await verify((await signed()).replace('v=1', 'v=2'), { zone: keys })).results, ['neutral'])
  assert.deepEqual((await verify(RFC8463.replaceAll(/from : /g, ''))).results, ['neutral', 'neutral'])
})

test('RFC 8301 §3: rsa-sha1 and short keys do not count', async () => {
  const weak = await verify(RFC8463, { options: { minBits: 2048 } })
  assert.deepEqual(weak.results, ['pass', 'policy'])
  assert.match(weak.signatures[1]?.comment ?? '', /weak-key/)
  assert.deepEqual((await verify(RFC8463.replace('rsa-sha256', 'rsa-sha1'))).results[1], 'fail')
})

test('RFC 6376 §8.2: what l= leaves unsigned is the operator’s choice', async () => {
  const text = `${HEAD}Hello\r\n`
  const hash = new BodyHash({ canonicalization: 'relaxed' })
  hash.update(Buffer.from('Hello\r\n'))
  const message = messageFromBytes(Buffer.from(text))
  const bodyHash = `${hash.digest().toString('base64')}; l=7`
  const value = await makeSignature(
    rsa,
    { fields: signedFields(message.headers), bodyHash },
    { headers: [], looseHeaders: [], time: NOW / 1000 },
  )
  const whole = `DKIM-Signature: ${value}\r\n${text}`
  const result = async (text: string, bodyLength: string) =>
    (await verify(text, { zone: keys, options: { bodyLength } })).signatures[0]
  assert.equal((await result(whole, 'whole'))?.result, 'pass')
  assert.equal((await result(whole, 'refuse'))?.result, 'policy')
  const longer = `${whole}Buy now\r\n`
  assert.equal((await result(longer, 'accept'))?.result, 'pass')
  assert.equal((await result(longer, 'accept'))?.unsigned, 9)
  assert.equal((await result(longer, 'whole'))?.result, 'policy')
})

test('fifty signatures: ten are looked at, and the rest counted', async () => {
  const [field] = (await signed()).split('\r\nFrom:')
  const message = `${`${field}\r\n`.repeat(50)}${HEAD}Hello\r\n`
  const { results, ignored, dns } = await verify(message, { zone: keys })
  assert.deepEqual(results, Array(10).fill('pass'))
  assert.equal(ignored, 40)
  assert.equal(dns.questions.length, 1)
  const unlucky = await verify(message, { zone: keys, options: { maxSignatures: 1 } })
  assert.equal(unlucky.ignored, 49)
})

test('a header section, a number of fields, and a signature field beyond the limits are not looked at', async () => {
  const message = await signed()
  const long = await verify(message.replace('To: x', `X: ${'y'.repeat(1_000_000)}\r\nTo: x`), { zone: keys })
  assert.deepEqual([long.results, long.signatures[0]?.comment], [['policy'], 'header section too long'])
  const many = await verify(message.replace('To: x', `${'X: y\r\n'.repeat(2000)}To: x`), { zone: keys })
  assert.deepEqual([many.results, many.signatures[0]?.comment], [['policy'], 'too many header fields'])
  for (const junk of ['x=y;'.repeat(3000), ' '.repeat(300), `h=${'from:'.repeat(600)}from;`]) {
    const { results, signatures } = await verify(message.replace(/h=[^;]*;/, junk), { zone: keys })
    assert.deepEqual(results, ['neutral'], junk.slice(0, 10))
    assert.equal(signatures[0]?.comment, 'signature field too long')
  }
})

test('a single line of 25 MB and ten signatures with their own l= are hashed in bounded time', async () => {
  const message = await signed()
  const start = process.cpuUsage()
  const verification = new Verification(dkimOptions.parse({}), {
    keys: new KeyStore({ minBits: 1024, maxBits: 4096 }).forMessage({ dns: zoneDns(keys), now: NOW }),
    now: NOW,
  })
  verification.write(Buffer.from(message))
  const chunk = Buffer.alloc(65_536, 'a')
  for (let i = 0; i < 400; i++) verification.write(chunk)
  assert.equal((await verification.finish()).signatures[0]?.result, 'fail')
  assert.ok(process.cpuUsage(start).user < 2_000_000)
})

test('a plain signature with a known key is verified at once', async () => {
  const bytes = Buffer.from(await signed())
  const parsed = dkimOptions.parse({})
  const store = new KeyStore(parsed)
  const verdict = () => {
    const deps = { keys: store.forMessage({ dns: zoneDns(keys), now: NOW }), now: NOW }
    const verification = new Verification(parsed, deps)
    verification.write(bytes)
    return verification.finish()
  }
  const first = verdict()
  assert.ok(first instanceof Promise)
  const asking = await first
  assert.deepEqual(verdict(), asking)
})

test('whatever stands in a signature field, there is a result', async () => {
  const piece = fc.constantFrom(
    'v=1',
    ';',
    ' ',
    'a=rsa-sha256',
    'b=',
    'bh=',
    'd=a.example',
    's=r',
    'h=from',
    ':',
    'l=',
    '9999999999999',
    'x=1',
    'i=@',
    '=',
    '\r\n ',
    'c=simple',
    '/',
    '\u00e9',
    '\u0000',
    '__proto__=1',
    't=y',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 25 }), async (pieces) => {
      const { results } = await verify(Buffer.from(`DKIM-Signature: ${pieces.join('')}\r\n${HEAD}Hello`), {
        zone: keys,
      })
      assert.equal(results.length, 1)
    }),
    { numRuns: 300 },
  )
})
