import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import type { TlsVerdict } from '@postroad/mail'
import fc from 'fast-check'
import { identities } from '../../../test/tls/certificate.ts'
import { matchDane } from './dane-match.ts'
import { isUsable, strongest, type TlsaAssociation } from './tlsa.ts'

type Name = keyof typeof identities

const NOW = Date.parse('2026-06-01')
const HOST = ['mx.dane.test']
const certificateOf = (name: Name) => new X509Certificate(identities[name].cert)
const chainOf = (...names: readonly Name[]) => names.map(certificateOf) as [X509Certificate, ...X509Certificate[]] // one at least is given

/** The record of a certificate: `2 1 1`. */
function tlsa(text: string, name: Name, octets?: number): TlsaAssociation {
  const [usage = 0, selector = 0, matching = 0] = text.split(' ').map(Number)
  const certificate = certificateOf(name)
  const selected = selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' })
  const data =
    matching === 0
      ? selected
      : createHash(matching === 2 ? 'sha512' : 'sha256')
          .update(selected)
          .digest()
  return { usage, selector, matching, data: octets === undefined ? data : data.subarray(0, octets) }
}

function judge(chain: readonly Name[], records: readonly TlsaAssociation[], names: readonly string[] = HOST): string {
  const verdict: TlsVerdict = matchDane({ chain: chainOf(...chain) }, { records, names }, NOW)
  return 'verified' in verdict ? verdict.verified : verdict.failure
}

test('RFC 7672 §3.1.1: usage 3 looks at the certificate or its key, and not at name, dates or chain', () => {
  for (const form of ['3 0 0', '3 0 1', '3 0 2', '3 1 0', '3 1 1', '3 1 2'])
    for (const name of ['ee', 'leaf', 'expiredEe', 'otherNameEe', 'expiredLeaf'] as const) {
      assert.equal(judge([name], [tlsa(form, name)]), 'dane-ee', `${form} of ${name}`)
      assert.equal(judge([name], [tlsa(form, 'root')]), 'validation-failure', `${form} of another for ${name}`)
    }
  // A certificate further up is not the server's own.
  assert.equal(judge(['leaf', 'intermediate'], [tlsa('3 1 1', 'intermediate')]), 'validation-failure')
})

test('RFC 7672 §3.1.2: usage 2 leads to an anchor that the server sends, wherever it stands, and though nobody else trusts it', () => {
  const full: readonly Name[] = ['leaf', 'intermediate', 'root']
  for (const form of ['2 0 1', '2 1 1', '2 0 2', '2 1 2', '2 0 0', '2 1 0']) {
    assert.equal(judge(full, [tlsa(form, 'root')]), 'dane-ta', form)
    assert.equal(judge(['leaf', 'root', 'intermediate'], [tlsa(form, 'root')]), 'dane-ta', `${form}, out of order`)
    assert.equal(
      judge(['leaf', 'intermediate'], [tlsa(form, 'intermediate')]),
      'dane-ta',
      `${form} of the intermediate`,
    )
    assert.equal(judge(full, [tlsa(form, 'otherRoot')]), 'validation-failure', `${form} of another`)
  }
  assert.equal(judge(['leaf', 'otherRoot', 'root'], [tlsa('2 1 1', 'root')]), 'validation-failure', 'a link is missing')
  assert.equal(
    judge(['leaf', 'otherRoot', 'intermediate', 'root'], [tlsa('2 1 1', 'otherRoot')]),
    'validation-failure',
    'it has signed nothing',
  )
})

test('RFC 7671 §5.2.2: an anchor that is not sent will do where the record has all of it, and not where it has a digest', () => {
  for (const [
    form,
    shown,
  ] of [['2 0 1', 'validation-failure'], ['2 1 1', 'validation-failure'], ['2 0 0', 'dane-ta'], ['2 1 0', 'dane-ta']] as const) // biome-ignore format: a table
    assert.equal(judge(['leaf', 'intermediate'], [tlsa(form, 'root')]), shown, form)
  assert.equal(judge(['leaf'], [tlsa('2 0 0', 'root')]), 'validation-failure')
})

test('RFC 7672 §3.2: with usage 2 names and dates count; a name must be an alternative one, and a wildcard is one label', () => {
  const root = [tlsa('2 1 1', 'root')]
  const shown = (leaf: Name, names?: readonly string[]) => judge([leaf, 'intermediate', 'root'], root, names)
  assert.equal(shown('expiredLeaf'), 'certificate-expired')
  assert.equal(shown('otherLeaf'), 'certificate-host-mismatch')
  assert.equal(shown('cnLeaf'), 'certificate-host-mismatch')
  assert.equal(shown('clientLeaf'), 'certificate-not-trusted')
  assert.equal(shown('wildLeaf'), 'dane-ta')
  assert.equal(shown('wildLeaf', ['a.mx.dane.test']), 'certificate-host-mismatch')
  assert.equal(shown('domainLeaf'), 'certificate-host-mismatch')
  assert.equal(shown('domainLeaf', ['mx.dane.test', 'dane.test']), 'dane-ta')
})

test('one record that fits is enough, whatever the others say', () => {
  const good = tlsa('3 1 1', 'ee')
  const bad = tlsa('3 1 1', 'leaf')
  for (const records of [[good, bad], [bad, good], [tlsa('2 0 1', 'root'), good], [{ ...good, usage: 1 }, good]]) // biome-ignore format: a table
    assert.equal(judge(['ee'], records), 'dane-ee')
})

test('RFC 7671 §9: of one usage and selector only the strongest digest counts; what stands there whole always does', () => {
  const weak = tlsa('3 1 1', 'ee')
  assert.equal(judge(['ee'], [weak, tlsa('3 1 2', 'leaf')]), 'validation-failure')
  assert.equal(judge(['ee'], [weak, tlsa('3 0 2', 'leaf')]), 'dane-ee', 'another selector')
  assert.equal(judge(['ee'], [weak, tlsa('2 1 2', 'root')]), 'dane-ee', 'another usage')
  assert.equal(judge(['ee'], [tlsa('3 1 0', 'ee'), tlsa('3 1 2', 'leaf')]), 'dane-ee', 'a whole key')
  assert.equal(judge(['ee'], [weak, tlsa('3 1 2', 'leaf', 63)]), 'dane-ee', 'what cannot be used is not stronger')
  assert.deepEqual(
    strongest([weak, tlsa('3 1 2', 'leaf')]).map(({ matching }) => matching),
    [2],
  )
})

test('RFC 7672 §3.1.3, RFC 6698 §4.1: what can be used', () => {
  for (const [form, octets, usable] of [
    ['0 0 1', undefined, false],
    ['1 1 1', undefined, false],
    ['4 1 1', undefined, false],
    ['3 2 1', undefined, false],
    ['3 1 3', undefined, false],
    ['3 1 1', 31, false],
    ['3 1 1', 0, false],
    ['3 1 2', 32, false],
    ['3 0 0', 10, false],
    ['3 0 0', undefined, true],
    ['3 1 0', undefined, true],
    ['2 0 1', undefined, true],
    ['3 1 1', undefined, true],
    ['3 1 2', undefined, true],
  ] as const)
    assert.equal(isUsable(tlsa(form, 'ee', octets)), usable, `${form} ${octets}`)
})

test('records of whatever octets are judged, and never let anybody pass', () => {
  const octet = fc.nat(255)
  const record = fc.record({ usage: octet, selector: octet, matching: octet, data: fc.uint8Array({ maxLength: 70 }) })
  const likely = fc.record({
    usage: fc.constantFrom(2, 3),
    selector: fc.nat(1),
    matching: fc.nat(2),
    data: fc.uint8Array({ maxLength: 64 }),
  })
  const chain = chainOf('leaf', 'intermediate', 'root')
  fc.assert(
    fc.property(
      fc.array(fc.oneof(record, likely), { maxLength: 5 }),
      (records) => 'failure' in matchDane({ chain }, { records, names: HOST }, NOW),
    ),
    { numRuns: 300 },
  )
})
