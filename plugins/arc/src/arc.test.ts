import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { type Zone, zoneDns } from '@postroad/dns'
import { nodeResolver } from '@postroad/mailauth'
import { messageFromBytes } from '@postroad/message'
import type { Message } from '@postroad/plugin'
import fc from 'fast-check'
import { arcOptions } from './options.ts'
import { sealMessage } from './seal.ts'
import { ArcVerification } from './verification.ts'

const NOW = 1_700_000_000_000
const pair = generateKeyPairSync('rsa', { modulusLength: 1024 })
const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const record = {
  TXT: [`v=DKIM1; k=rsa; p=${pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`],
}
const names = ['first.example', 'second.example', 'third.example']
const zone: Zone = Object.fromEntries(names.map((name) => [`s._domainkey.${name}`, record]))
const plain = messageFromBytes(Buffer.from('From: joe@a.example\r\nSubject: x\r\n\r\nHello\r\n'))

async function bytesOf(message: Message): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of message.raw()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function validate(bytes: Uint8Array, trust: readonly string[] = [], dns: Zone = zone) {
  const verification = new ArcVerification(arcOptions.parse({ trust }), {
    resolver: nodeResolver(zoneDns(dns)),
    now: NOW,
  })
  verification.write(bytes)
  return verification.finish()
}

/** A message that went through these, each of which found what it is told to. */
async function chain(...seals: readonly (readonly [domain: string, dmarc: string])[]): Promise<Buffer> {
  let message: Message = plain
  for (const [index, [domain, dmarc]] of seals.entries()) {
    const sealed = await sealMessage(message, {
      key: { domain, selector: 's', privateKey },
      authResults: `mx.${domain};\r\n\tdmarc=${dmarc} header.from=a.example`,
      result: index === 0 ? 'none' : 'pass',
      now: NOW,
    })
    assert.ok(sealed)
    message = sealed
  }
  return bytesOf(message)
}

test('a message without a chain costs no lookup', async () => {
  const dns = zoneDns({})
  const verification = new ArcVerification(arcOptions.parse({}), { resolver: nodeResolver(dns), now: NOW })
  verification.write(await bytesOf(plain))
  assert.deepEqual(await verification.finish(), {
    result: 'none',
    comment: undefined,
    sealers: [],
    trusted: undefined,
    isTemporary: false,
  })
  assert.deepEqual(dns.questions, [])
})

test('RFC 8617 §5: what is sealed validates, and a change of the body since does not', async () => {
  const bytes = await chain(['first.example', 'pass'], ['second.example', 'fail'])
  const found = await validate(bytes)
  assert.deepEqual(
    [found.result, found.sealers, found.trusted],
    ['pass', ['first.example', 'second.example'], undefined],
  )
  const changed = await validate(Buffer.from(bytes.toString().replace('Hello', 'Hullo')), ['*.example'])
  assert.deepEqual([changed.result, changed.trusted, changed.isTemporary], ['fail', undefined, false])
})

test('names of the DNS that are no host names seal and validate as others do', async () => {
  for (const [domain, selector] of [
    ['a_b.example', 's_1'],
    ['first.example', 'k1-'],
    ['-x.example', '_x._y'],
  ] as const) {
    const key = { domain, selector, privateKey }
    const sealed = await sealMessage(plain, {
      key,
      authResults: `mx.${domain};\r\n\tdmarc=pass`,
      result: 'none',
      now: NOW,
    })
    assert.ok(sealed, domain)
    const found = await validate(await bytesOf(sealed), [domain], { [`${selector}._domainkey.${domain}`]: record })
    assert.deepEqual(
      [found.result, found.sealers, found.trusted?.results[0]?.result],
      ['pass', [domain], 'pass'],
      found.comment,
    )
  }
})

test('a chain goes on through sealers of all kinds of names, in capitals and with other scripts, too', async () => {
  const zoneOf = (...names: string[]): Zone => Object.fromEntries(names.map((name) => [name, record]))
  const hops = [
    ['first.example', 's'],
    ['A_b.example', 'S_1'],
    ['bänk.example', 'k1-'],
  ] as const
  let message: Message = plain
  for (const [index, [domain, selector]] of hops.entries()) {
    const key = { domain, selector, privateKey }
    const sealed = await sealMessage(message, {
      key,
      authResults: 'mx; dmarc=pass',
      result: index === 0 ? 'none' : 'pass',
      now: NOW,
    })
    assert.ok(sealed, domain)
    message = sealed
  }
  const dns = zoneOf('s._domainkey.first.example', 's_1._domainkey.a_b.example', 'k1-._domainkey.xn--bnk-qla.example')
  const found = await validate(await bytesOf(message), ['xn--bnk-qla.example', 'a_b.example', 'first.example'], dns)
  const sealers = ['first.example', 'a_b.example', 'xn--bnk-qla.example']
  assert.deepEqual(
    [found.result, found.sealers, found.trusted?.results[0]?.result],
    ['pass', sealers, 'pass'],
    found.comment,
  )
})

test('a sealer that writes its name in its own script is told by the name that the operator may trust', async () => {
  const bytes = (await chain(['first.example', 'pass'])).toString().replaceAll(/\bd=first\.example/g, 'd=BÄNK.example')
  assert.deepEqual((await validate(Buffer.from(bytes))).sealers, ['xn--bnk-qla.example'])
})

test('RFC 8617 §7.2.1: the oldest of the unbroken row of trusted sealers is believed', async () => {
  const bytes = await chain(['first.example', 'pass'], ['second.example', 'none'], ['third.example', 'fail'])
  const seen = async (...trust: string[]) => (await validate(bytes, trust)).trusted?.results[0]?.result
  assert.equal(await seen('third.example'), 'fail')
  assert.equal(await seen('second.example', 'third.example'), 'none')
  assert.equal(await seen('*.EXAMPLE'), 'pass')
  assert.equal(await seen('first.example', 'third.example'), 'fail')
  assert.equal(await seen('first.example', 'second.example'), undefined)
})

test('what Microsoft seals helps those who trust it', async () => {
  const words =
    'mx.microsoft.example 1; spf=pass (sender ip is 192.0.2.9) smtp.rcpttodomain=b.example smtp.mailfrom=a.example; dmarc=pass (p=none sp=none pct=100) action=none header.from=a.example; dkim=pass (signature was verified) header.d=a.example; arc=none (0)'
  const key = { domain: 'first.example', selector: 's', privateKey }
  const sealed = await sealMessage(plain, { key, authResults: words, result: 'none', now: NOW })
  const { trusted } = await validate(await bytesOf(sealed ?? plain), ['first.example'])
  const dmarc = trusted?.results.find(({ method }) => method === 'dmarc')
  assert.equal(dmarc?.result, 'pass')
  assert.deepEqual(dmarc?.properties.at(-1), { type: 'header', name: 'from', value: 'a.example' })
})

test('DNS that fails is no pass, and temporary when the newest sealer is trusted', async () => {
  const bytes = await chain(['first.example', 'pass'])
  const down: Zone = { 's._domainkey.first.example': 'SERVFAIL' }
  assert.deepEqual(await validate(bytes, ['first.example'], down), {
    result: 'fail',
    comment: 'DNS failed',
    sealers: ['first.example'],
    trusted: undefined,
    isTemporary: true,
  })
  assert.equal((await validate(bytes, [], down)).isTemporary, false)
  assert.equal((await validate(bytes, ['first.example'], {})).isTemporary, false)
})

test('RFC 8617 §5.1.2: a chain that failed is sealed once as such, and then no more', async () => {
  const key = { domain: 'second.example', selector: 's', privateKey }
  const broken = messageFromBytes(await chain(['first.example', 'pass']))
  const sealed = await sealMessage(broken, { key, authResults: 'mx; none', result: 'fail', now: NOW })
  assert.match(sealed?.headers.get('arc-seal') ?? '', /cv=fail/)
  assert.equal(
    await sealMessage(sealed ?? plain, { key, authResults: 'mx; none', result: 'fail', now: NOW }),
    undefined,
  )
})

test('long header sections, many fields and long ARC fields are not looked at', async () => {
  const bytes = (await chain(['first.example', 'pass'])).toString()
  const cases = [
    [`X: ${'y'.repeat(1_000_000)}\r\n`, 'header section too long'],
    ['X: y\r\n'.repeat(2000), 'too many header fields'],
    [`ARC-Seal: ${'y'.repeat(20_000)}\r\n`, 'ARC field too long'],
    [`ARC-Seal: i=1;${' '.repeat(300)}\r\n`, 'ARC field too long'],
  ] as const
  for (const [extra, comment] of cases)
    assert.deepEqual(
      [(await validate(Buffer.from(extra + bytes))).result, (await validate(Buffer.from(extra + bytes))).comment],
      ['fail', comment],
    )
})

test('nobody can trust everybody: anybody may seal', () => {
  for (const trust of ['*', '*.*', '**', '*.?', 'a.b.c*', '*.'])
    assert.match(
      arcOptions.safeParse({ trust: [trust] }).error?.message ?? '',
      /would believe everybody.*write the domain/,
      trust,
    )
  for (const trust of ['example.org', '*.example.org', '.example.org', 'mx?.example.org', '*.internal', 'localhost'])
    assert.deepEqual(arcOptions.parse({ trust: [trust] }).trust, [trust])
})

test('options are checked', () => {
  assert.throws(() => arcOptions.parse({ trust: ['not a domain'] }))
  assert.throws(() => arcOptions.parse({ seal: { domain: 'a.example' } }))
  assert.throws(() => arcOptions.parse({ trusted: [] }))
})

test('whatever stands in ARC fields, there is a result', async () => {
  const name = fc.constantFrom('ARC-Seal', 'ARC-Message-Signature', 'ARC-Authentication-Results')
  const piece = fc.constantFrom(
    'i=1',
    'i=51',
    ';',
    ' ',
    'a=rsa-sha256',
    'b=',
    'bh=',
    'd=first.example',
    's=s',
    'h=from',
    'cv=none',
    'cv=pass',
    'mx; spf=pass',
    '(',
    '"',
    't=y',
    '=',
    '\u0000',
  )
  const field = fc
    .tuple(name, fc.array(piece, { maxLength: 15 }))
    .map(([key, pieces]) => `${key}: ${pieces.join('')}\r\n`)
  await fc.assert(
    fc.asyncProperty(fc.array(field, { maxLength: 5 }), async (fields) => {
      const { result } = await validate(Buffer.from(`${fields.join('')}From: a@b.example\r\n\r\nx`), ['*.example'])
      assert.ok(['none', 'fail', 'pass'].includes(result))
    }),
    { numRuns: 300 },
  )
})
