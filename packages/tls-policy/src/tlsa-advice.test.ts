import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { identities } from '../../../test/tls/certificate.ts'
import type { TlsaAssociation } from './tlsa.ts'
import { adviseTlsa } from './tlsa-advice.ts'

const leaf = new X509Certificate(identities.leaf.cert)
const intermediate = new X509Certificate(identities.intermediate.cert)
const { publicKey: next } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function record(data: Uint8Array, usage = 3): TlsaAssociation {
  return { usage, selector: 1, matching: 1, data: createHash('sha256').update(data).digest() }
}
const spki = (key = leaf.publicKey) => key.export({ type: 'spki', format: 'der' })
const PRESENT = record(spki())
const NEXT = record(spki(next))
const OTHER = record(Buffer.from('another'))

function advise(records: readonly TlsaAssociation[] | undefined, isSigned = true) {
  const { state, advice, published } = adviseTlsa({
    host: 'mx.dane.test',
    port: 25,
    chain: [leaf, intermediate],
    next,
    now: Date.parse('2026-06-01'),
    ...(records && { published: { records, isSigned } }),
  })
  return { state, kinds: published.map(({ is }) => is).join(), advice: advice.join('. ') }
}

test('the record is 3 1 1, the SHA-256 of the key, RFC 7671 §5.1', () => {
  const { present, next: second } = adviseTlsa({ host: 'mx.dane.test', port: 25, chain: [leaf], next, now: Date.now() })
  const digest = (key = leaf.publicKey) => createHash('sha256').update(spki(key)).digest('hex')
  assert.equal(present, `_25._tcp.mx.dane.test. IN TLSA 3 1 1 ${digest()}`)
  assert.equal(second, `_25._tcp.mx.dane.test. IN TLSA 3 1 1 ${digest(next)}`)
})

test('records about another key stop the mail of who obeys DANE, and that is said first', () => {
  const { state, advice } = advise([OTHER])
  assert.equal(state, 'differs')
  assert.match(advice, /^No record is about this certificate: who obeys DANE brings no mail/)
  assert.equal(advise([NEXT]).state, 'differs', 'the next key alone does not help the present certificate')
})

test('each record is said to be about the present key, the next, or neither; an anchor of the chain counts', () => {
  assert.deepEqual(advise([PRESENT, NEXT]), {
    state: 'agrees',
    kinds: 'present,next',
    advice: 'The next key is published: once the TTL has passed twice the server may get it',
  })
  assert.match(
    advise([PRESENT, OTHER]).advice,
    /^The next key is not published yet.*Records about neither key can be taken away/,
  )
  assert.deepEqual(advise([record(spki(intermediate.publicKey), 2)]).state, 'agrees')
})

test('no record is no mistake; records that nobody signs are obeyed by nobody; silence is not agreement', () => {
  assert.equal(advise([]).state, 'none')
  assert.equal(advise([PRESENT], false).state, 'unsigned')
  assert.match(advise([OTHER], false).advice, /not signed by DNSSEC.*None of them is about this certificate/)
  assert.equal(advise(undefined).state, 'unknown')
})
