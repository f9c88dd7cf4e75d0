import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodePieces } from './transfer-encoding.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function decoded(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([...decodePieces(bytes, 'base64', 0, bytes.length)])
}

/** Letter by letter, as mail has it: what is no letter is left out, and padding begins anew. */
function reference(text: string): Buffer {
  let bits = ''
  const octets: number[] = []
  for (const letter of text) {
    if (letter === '=') bits = ''
    const six = ALPHABET.indexOf(letter)
    if (six >= 0) bits += six.toString(2).padStart(6, '0')
    if (bits.length < 8) continue
    octets.push(Number.parseInt(bits.slice(0, 8), 2))
    bits = bits.slice(8)
  }
  return Buffer.from(octets)
}

test('base64: clean and damaged, in whatever pieces, is decoded as letter by letter', () => {
  const clean = fc.uint8Array({ maxLength: 3_000 }).map((octets) => Buffer.from(octets).toString('base64'))
  const lines = clean.map((text) => text.replace(/.{1,76}/g, '$&\r\n'))
  const dirt = fc.constantFrom('=', '==', ' ', '-', '_', '\n', '\r', '\0', 'é', 'a', 'ab', '!--', '\t')
  // Longer than a piece, so that what is left of one meets the next.
  const filler = fc.integer({ min: 65_500, max: 65_600 }).map((length) => 'Zm9v'.repeat(20_000).slice(0, length))
  const part = fc.oneof(clean, lines, dirt, { weight: 1, arbitrary: filler })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const text = parts.join('')
      assert.ok(decoded(text).equals(reference(text)))
    }),
    { numRuns: 100 },
  )
})

test('base64: a part of the octets is decoded as if there were no others', () => {
  const bytes = Buffer.from(`QUJD${'\r\n'}REVGRw==`)
  const of = (from: number, to: number): string =>
    Buffer.concat([...decodePieces(bytes, 'base64', from, to)]).toString()
  assert.equal(of(0, bytes.length), 'ABCDEFG')
  assert.equal(of(4, 10), 'DEF')
  assert.equal(of(0, 3), 'AB')
  assert.equal(of(6, 6), '')
})
