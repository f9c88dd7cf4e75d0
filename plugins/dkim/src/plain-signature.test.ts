import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { DkimVerifier, parseDkimHeaders, readFields, type SignatureHeader, type SignedField } from '@postroad/mailauth'
import fc from 'fast-check'
import { signatureRules } from './names.ts'
import { canonicalFields, type KnownKey, verifiesPlainly } from './plain-signature.ts'

const NOW = Date.UTC(2026, 0, 1)
const BODY_HASH = createHash('sha256').update('').digest('base64')
const pair = generateKeyPairSync('ed25519')
const KEY: KnownKey = { publicKey: pair.publicKey, keyType: 'ed25519', flags: [] }

interface Parts {
  readonly own: SignedField
  readonly fields: readonly SignedField[]
  readonly header: SignatureHeader
}

function take(head: string, tags: string): Parts {
  const fields = readFields(Buffer.from(`DKIM-Signature:${tags}\r\n${head}`, 'latin1'), 1_000) ?? []
  const own = fields[0] as SignedField // a field was just put there
  const header = parseDkimHeaders(own.line, { strict: true })
  header.type = 'DKIM'
  signatureRules.prepareSignature(header)
  return { own, fields, header }
}

/** Signs what we think is signed; undefined where we leave it to mailauth. */
function signed(head: string, tags: (signature: string) => string): Parts | undefined {
  const parts = take(head, tags(''))
  const text = parts.header.parsed['h'] && canonicalFields(parts.header, parts)
  if (typeof text !== 'string') return undefined
  const digest = createHash('sha256').update(Buffer.from(text, 'latin1')).digest()
  return take(head, tags(sign(null, digest, pair.privateKey).toString('base64')))
}

async function verdictOf({ header, fields }: Parts, bodyHash = BODY_HASH): Promise<string> {
  const verifier = new DkimVerifier({ strict: true, minBitLength: 1024, curTime: new Date(NOW) })
  verifier.headers = { parsed: fields }
  verifier.keyCache = { get: async () => ({ ...KEY, rr: '', testing: false, warnings: [] }) }
  header.bodyHashKey = 'body'
  verifier.bodyHashes.set('body', { hash: bodyHash, digest: () => bodyHash })
  return (await verifier.verifySignature(header)).status.result
}

const isPlain = (parts: Parts, key = KEY, bodyHash = BODY_HASH) =>
  verifiesPlainly(parts.header, { ...parts, bodyHash, key, now: NOW })

const TAGS = `v=1; a=ed25519-sha256; d=a.example; s=s; h=from:subject; bh=${BODY_HASH}`
const HEAD = 'From: joe@a.example\r\nSubject: x\r\n\r\n'
const PLAIN = (signature: string) => ` ${TAGS}; c=relaxed/relaxed; b=${signature}`

test('RFC 6376 §3.4, §3.7: what is said to be signed is what mailauth takes for signed', async () => {
  const piece = fc.constantFrom('a', 'Bc', ' ', '  ', '\t', '\r\n ', '\r\n\t', '\u00e9', '\u00a0', ':', '\r', ';', 'b=')
  const value = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
  const name = fc.constantFrom('From', 'FROM', 'Subject', 'To', 'X-\u00e9', 'To ', 'Subject\t', 'X')
  const names = fc.array(fc.constantFrom('from', ' Subject', 'to ', 'x', 'x', 'From', '\r\n\tto'), { maxLength: 8 })
  const tail = fc.constantFrom('', ';', '; z=b=x', ' ; x-b=1', ';\r\n\tt=1767225000 ')
  let told = 0
  const property = fc.asyncProperty(
    fc.array(fc.tuple(name, value), { maxLength: 6 }),
    names,
    tail,
    fc.constantFrom('relaxed', 'simple'),
    async (fields, listed, end, canon) => {
      const head = `${['From: a@b', ...fields.map(([key, text]) => `${key}:${text}`)].join('\r\n')}\r\n\r\n`
      const parts = signed(head, (signature) => {
        const folded = signature.replace(/.{30}/g, '$&\r\n\t ')
        const list = ['from', ...listed].join(':')
        return `\tv=1; a=ed25519-sha256;  c=${canon}/relaxed;\r\n d=a.example; s=s; h=${list}; bh=${BODY_HASH};\r\n\tb= ${folded}${end}`
      })
      if (parts === undefined || parts.header.skip || parts.header.invalid) return
      assert.equal(await verdictOf(parts), 'pass', JSON.stringify([head, parts.own.text]))
      if (isPlain(parts)) told++
    },
  )
  await fc.assert(property, { numRuns: 400 })
  assert.ok(told > 100, `${told}`)
})

test('RFC 6376 §6.1: nothing that is odd, and nothing that fails, is told here', async () => {
  const parts = signed(HEAD, PLAIN)
  assert.ok(parts && isPlain(parts))
  assert.ok(!isPlain(parts, { ...KEY, keyType: 'rsa' }), 'a key for another algorithm')
  assert.ok(!isPlain(parts, { ...KEY, flags: ['s'] }), 't=s')
  assert.ok(!isPlain(parts, { ...KEY, publicKey: generateKeyPairSync('ed25519').publicKey }), 'the key of another')
  assert.ok(!isPlain(parts, KEY, 'x'), 'another body')
  const changed = take(HEAD.replace('joe', 'eve'), parts.own.text.slice('DKIM-Signature:'.length))
  assert.ok(!isPlain(changed))
  assert.equal(await verdictOf(changed), 'fail')
})

test('RFC 6376 §3.5 x=: an expired signature is not told here, one that has time is', () => {
  const until = (time: number) => (signature: string) => ` t=1; x=${time}; ${TAGS}; c=relaxed/relaxed; b=${signature}`
  const late = signed(HEAD, until(NOW / 1_000 - 1))
  const early = signed(HEAD, until(NOW / 1_000 + 1))
  assert.ok(late && !isPlain(late))
  assert.ok(early && isPlain(early))
})

test('RFC 6376 §5.4.2: fields of one name are signed from the bottom up, and one more than there are', async () => {
  const twice = `From: a@a.example\r\nSubject: one\r\nSubject: two\r\n\r\n`
  const tags = (list: string) => (signature: string) =>
    ` ${TAGS.replace('from:subject', list)}; c=simple/relaxed; b=${signature}`
  const lowest = signed(twice, tags('from:subject'))
  const all = signed(twice, tags('from:subject:subject:subject:to'))
  assert.ok(lowest && all && isPlain(lowest) && isPlain(all))
  const added = `Subject: zero\r\n${twice}`
  const again = (parts: Parts) => take(added, parts.own.text.slice('DKIM-Signature:'.length))
  assert.ok(isPlain(again(lowest)), 'as the standard has it')
  assert.ok(!isPlain(again(all)))
  assert.equal(await verdictOf(again(all)), 'fail')
})
