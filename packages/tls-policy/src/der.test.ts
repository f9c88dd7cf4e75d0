import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { children, DerError, integerOf, oidOf, readDer } from './der.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

test('X.690 §8.1: a value is its tag, its length and as many octets; in it are others', () => {
  const value = readDer(hex('30 06 02 01 05 01 01 ff'))
  assert.equal(value.tag, 0x30)
  assert.deepEqual(
    children(value).map(({ tag, data }) => [tag, data.toString('hex')]),
    [
      [2, '05'],
      [1, 'ff'],
    ],
  )
  assert.equal(readDer(Buffer.concat([hex('04 82 01 00'), Buffer.alloc(256)])).data.length, 256)
})

test('X.690 §8.19.4: an object identifier as people write it', () => {
  assert.equal(oidOf(readDer(hex('06 03 55 1d 13'))), '2.5.29.19')
  assert.equal(oidOf(readDer(hex('06 08 2b 06 01 05 05 07 03 01'))), '1.3.6.1.5.5.7.3.1')
  assert.equal(oidOf(readDer(hex('06 02 88 37'))), '2.999')
  assert.throws(() => oidOf(readDer(hex('02 01 05'))), DerError)
})

test('a number is not negative, and one that is too long is as good as none', () => {
  assert.equal(integerOf(readDer(hex('02 02 01 00'))), 256)
  assert.equal(integerOf(readDer(hex('02 09 00ffffffffffffffff'))), Number.MAX_SAFE_INTEGER)
  assert.throws(() => integerOf(readDer(hex('02 01 ff'))), DerError)
  assert.throws(() => integerOf(readDer(hex('02 00'))), DerError)
})

test('a length that is not said, lies, or leaves octets over is an error', () => {
  for (const text of ['', '30', '30 80 00 00', '30 05 00', '30 84 00000001 00', '1f 01 00', '30 00 00'])
    assert.throws(() => readDer(hex(text)), DerError, text)
})

test('whatever the octets are, they are read or an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      try {
        const value = readDer(Buffer.from(octets))
        assert.equal(value.raw.length, octets.length)
        children(value)
      } catch (error) {
        assert.ok(error instanceof DerError)
      }
    }),
  )
})
