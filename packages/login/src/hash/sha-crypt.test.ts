import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { shaCrypt } from './sha-crypt.ts'

// Hashes that OpenSSL and glibc have made; two are examples of the specification.
const CASES: readonly (readonly [setting: string, password: string, hash: string])[] = [
  ['$5$saltstring', 'Hello world!', '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
  [
    '$6$saltstring',
    'Hello world!',
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  ],
  [
    '$6$rounds=10000$saltstringsaltstring',
    'Hello world!',
    '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
  ],
  [
    '$5$rounds=10000$saltstringsaltstring',
    'Hello world!',
    '$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA',
  ],
]

test('known hashes, and rounds and salts beyond what counts', () => {
  for (const [setting, password, hash] of CASES) {
    assert.equal(shaCrypt(password, setting), hash)
    assert.equal(shaCrypt(password, hash), hash)
  }
})

test('as OpenSSL makes it, for passwords of any length', () => {
  for (const kind of ['5', '6'])
    for (const password of ['x', 'pässwörd', 'a'.repeat(31), 'b'.repeat(64), 'c'.repeat(200)]) {
      const expected = execFileSync('openssl', ['passwd', `-${kind}`, '-salt', 'Xy7/.abc', password], {
        encoding: 'utf8',
      })
      assert.equal(shaCrypt(password, `$${kind}$Xy7/.abc`), expected.trim())
    }
})
