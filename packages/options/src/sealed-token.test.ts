import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openToken, sealToken } from './sealed-token.ts'

const key = { name: 'k1', secret: Buffer.alloc(32, 1) }
const other = { name: 'k2', secret: Buffer.alloc(32, 2) }
const fields = ['news@shop.test', 'alice@x.test', 'T1']

test('what was sealed is opened again, by whichever key of those that there are', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
        { minLength: 1, maxLength: 4 },
      ),
      (all) => {
        const token = sealToken(all, 'p', key)
        assert.deepEqual(openToken(token, 'p', [other, key]), token.length > 1_024 ? undefined : all)
      },
    ),
  )
})

test('the same fields make the same token, and nothing of them stands in it', () => {
  const token = sealToken(fields, 'p', key)
  assert.equal(token, sealToken(fields, 'p', key))
  assert.match(token, /^k1\.[\w-]+$/)
  const octets = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('latin1')
  for (const word of ['news', 'shop', 'alice', 'T1']) assert.ok(!octets.includes(word) && !token.includes(word))
  // Two that begin alike do not look alike.
  assert.notEqual(token.slice(0, 20), sealToken([...fields.slice(0, 2), 'T2'], 'p', key).slice(0, 20))
})

test('a token of another purpose, key, or with any character changed is none', () => {
  const token = sealToken(fields, 'p', key)
  assert.equal(openToken(token, 'q', [key]), undefined)
  assert.equal(openToken(token, 'p', [other]), undefined)
  assert.equal(openToken(token, 'p', [{ ...other, name: 'k1' }]), undefined)
  for (let at = 0; at < token.length; at++) {
    const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
    assert.equal(openToken(changed, 'p', [key]), undefined, String(at))
  }
})

test('whatever text it is, it is opened or is none', () => {
  fc.assert(fc.property(fc.string({ maxLength: 2_000 }), (text) => openToken(text, 'p', [key]) === undefined))
  for (const text of ['', '.', 'k1.', 'k1.AAAA', `k1.${'A'.repeat(22)}`, `k1.${'A'.repeat(5_000)}`])
    assert.equal(openToken(text, 'p', [key]), undefined)
  assert.throws(() => sealToken(['a\0b'], 'p', key), TypeError)
})
