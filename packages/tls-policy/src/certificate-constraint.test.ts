import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { identities } from '../../../test/tls/certificate.ts'
import { brokenConstraint } from './certificate-constraint.ts'

type Name = keyof typeof identities

const certificateOf = (name: Name) => new X509Certificate(identities[name].cert)

function broken(names: string, name = 'mx.dane.test'): string | undefined {
  return brokenConstraint(
    names.split(' ').map((one) => certificateOf(one as Name)),
    name,
  ) // `as`: written below
}

const TOO_LONG = 'The chain is longer than an authority in it allows'
const NOT_FOR = 'An authority of the chain is not one for a name in it'

test('RFC 5280 §4.2.1.9: an authority says how many may stand below it, and the server is none of them', () => {
  assert.equal(broken('shortLeaf shortRoot'), undefined)
  assert.equal(broken('longLeaf belowShort'), undefined)
  assert.equal(broken('longLeaf belowShort shortRoot'), TOO_LONG)
  assert.equal(broken('leaf intermediate root'), undefined)
})

test('RFC 5280 §4.2.1.10: an authority for some names is none for others, in whatever certificate below it', () => {
  assert.equal(broken('narrowLeaf narrowRoot'), undefined)
  assert.equal(broken('wideLeaf narrowRoot'), NOT_FOR)
  assert.equal(broken('secretLeaf narrowRoot'), NOT_FOR)
  // The name that is taken from a wildcard counts as well.
  assert.equal(broken('narrowLeaf narrowRoot', 'mx.secret.dane.test'), NOT_FOR)
  assert.equal(broken('narrowLeaf narrowRoot', 'mx.other.test'), NOT_FOR)
})

test('RFC 5280 §7.1: organizations are compared as people read them, and addresses as networks', () => {
  assert.equal(broken('officeLeaf officeRoot'), undefined)
  assert.equal(broken('strangerLeaf officeRoot'), NOT_FOR)
  assert.equal(broken('addressLeaf officeRoot'), NOT_FOR)
})

test('RFC 5280 §4.2: what is critical and not understood is refused, with its number', () => {
  assert.match(broken('oddLeaf shortRoot') ?? '', /unknown critical extension \(1\.3\.6\.1\.4\.1\.55555\.1\)$/)
})

test('a certificate whose octets were changed is read, or refused; nothing is thrown', () => {
  const { raw } = certificateOf('officeRoot')
  fc.assert(
    fc.property(fc.nat({ max: raw.length - 1 }), fc.nat({ max: 255 }), (at, octet) => {
      const changed = Buffer.from(raw)
      changed[at] = octet
      const shown = { raw: changed } as unknown as X509Certificate // only its octets are read
      const said = brokenConstraint([certificateOf('officeLeaf'), shown], 'mx.dane.test')
      assert.ok(said === undefined || typeof said === 'string')
    }),
    { numRuns: 500 },
  )
})
