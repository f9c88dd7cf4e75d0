import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { identities } from '../../../../test/tls/certificate.ts'
import { certificatesOf, publicKeyOf } from './pem.ts'

const { publicKey: next, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

test('a key is read from a private key, a public one and a certificate; other texts are none', () => {
  const pems = [privateKey.export({ type: 'pkcs8', format: 'pem' }), next.export({ type: 'spki', format: 'pem' })]
  for (const pem of pems) assert.ok(publicKeyOf(String(pem)).equals(next))
  assert.ok(publicKeyOf(identities.leaf.cert).equals(new X509Certificate(identities.leaf.cert).publicKey))
  assert.throws(() => publicKeyOf('nothing'))
  assert.equal(certificatesOf(identities.leaf.cert + identities.intermediate.cert).length, 2)
  assert.deepEqual(certificatesOf(identities.leaf.key), [])
})
