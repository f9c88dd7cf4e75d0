import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { BodyHash, type BodyHashOptions } from './body-hash.ts'
import { HeaderSectionReader } from './header-section.ts'

const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex')

function hashOf(body: string | Uint8Array, options: BodyHashOptions, size = 7): BodyHash & { hex: string } {
  const hash = new BodyHash(options)
  const bytes = Buffer.from(body as string, 'latin1')
  for (let i = 0; i < bytes.length; i += size) hash.update(bytes.subarray(i, i + size))
  return Object.assign(hash, { hex: hash.digest().toString('hex') })
}

/** The rules of RFC 6376 §3.4.3 and §3.4.4 as they are written, one after the other, for comparison. */
function canonical(body: string, relaxed: boolean): string {
  const lines = body.replace(/\r\n|\n/g, '\r\n').split('\r\n')
  const plain = relaxed ? lines.map((line) => line.replace(/[ \t]+/g, ' ').replace(/ $/, '')) : lines
  const text = plain.join('\r\n').replace(/(\r\n)+$/, '')
  return text === '' ? (relaxed ? '' : '\r\n') : `${text}\r\n`
}

test('RFC 6376 §3.4.5: the example of the standard', () => {
  const body = ' C \r\nD \t E\r\n\r\n\r\n'
  assert.equal(hashOf(body, { canonicalization: 'relaxed' }).hex, sha256(' C\r\nD E\r\n'))
  assert.equal(hashOf(body, { canonicalization: 'simple' }).hex, sha256(' C \r\nD \t E\r\n'))
})

test('RFC 6376 §3.4.3, §3.4.4: an empty body', () => {
  for (const body of ['', '\r\n', '\r\n\r\n']) {
    assert.equal(hashOf(body, { canonicalization: 'simple' }).hex, sha256('\r\n'))
    assert.equal(hashOf(body, { canonicalization: 'relaxed' }).hex, sha256(''))
  }
  assert.equal(hashOf(' \t\r\n ', { canonicalization: 'relaxed' }).hex, sha256(''))
})

test('RFC 6376 §3.4: any body, cut anywhere, gives what the rules give', () => {
  const pieces = fc.array(fc.constantFrom('\r\n', '\r', '\n', ' ', '\t', 'a', 'bc', '\u00e9', '\r\n\r\n', '.'), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(pieces, fc.boolean(), fc.integer({ min: 1, max: 9 }), (parts, relaxed, size) => {
      const body = parts.join('')
      const canonicalization = relaxed ? 'relaxed' : 'simple'
      assert.equal(
        hashOf(body, { canonicalization }, size).hex,
        sha256(Buffer.from(canonical(body, relaxed), 'latin1')),
      )
    }),
    { numRuns: 500 },
  )
})

test('RFC 6376 §3.4: text that is hashed where it stands, between what is not', () => {
  const long = 'Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam\r\n'.repeat(20)
  const pieces = fc.array(fc.constantFrom(long, `${long}\t`, ' ', '\r\n\r\n', '\n', ' x  y \r\n', 'z', '\r'), {
    maxLength: 8,
  })
  fc.assert(
    fc.property(pieces, fc.boolean(), fc.integer({ min: 1, max: 4_000 }), (parts, relaxed, size) => {
      const body = parts.join('')
      const canonicalization = relaxed ? 'relaxed' : 'simple'
      const limit = 3_000
      const expected = Buffer.from(canonical(body, relaxed), 'latin1')
      assert.equal(hashOf(body, { canonicalization }, size).hex, sha256(expected))
      assert.equal(hashOf(body, { canonicalization, limit }, size).hex, sha256(expected.subarray(0, limit)))
    }),
    { numRuns: 300 },
  )
})

test('RFC 6376 §3.5 l=: only that much is hashed, and what is left out is counted', () => {
  const hash = hashOf('abc\r\ndef\r\n', { canonicalization: 'simple', limit: 5 })
  assert.equal(hash.hex, sha256('abc\r\n'))
  assert.equal(hash.length, 10)
  assert.equal(hash.unsigned, 5)
  assert.equal(hashOf('abc', { canonicalization: 'simple', limit: 0 }).hex, sha256(''))
  assert.equal(hashOf('abc', { canonicalization: 'simple', limit: 99 }).unsigned, 0)
})

test('a megabyte of line ends, of spaces or of one line takes no longer than another', () => {
  const size = 1_000_000
  for (const piece of ['\r\n', ' ', '\t\r', 'a']) {
    const chunk = Buffer.from(piece.repeat(size / piece.length / 100))
    const hash = new BodyHash({ canonicalization: 'relaxed' })
    const start = process.cpuUsage()
    for (let i = 0; i < 100; i++) hash.update(chunk)
    hash.update(Buffer.from('x'))
    hash.digest()
    assert.ok(process.cpuUsage(start).user < 500_000, piece)
  }
})

test('RFC 5322 §2.1: the header section ends at the first empty line, wherever the message is cut', () => {
  for (const [message, head] of [
    ['A: b\r\nC: d\r\n\r\nbody\r\n\r\n', 'A: b\r\nC: d\r\n\r\n'],
    ['\r\nbody', '\r\n'],
    ['A: b\n\nbody', 'A: b\n\n'],
    ['A: b\r\n\r\r\n\r\nx', 'A: b\r\n\r\r\n\r\n'],
    ['A: b\r\n \r\n\r\nx', 'A: b\r\n \r\n\r\n'],
  ] as const) {
    for (let size = 1; size <= message.length; size++) {
      const section = new HeaderSectionReader(1000)
      let body = ''
      for (let i = 0; i < message.length; i += size)
        body += Buffer.from(section.push(Buffer.from(message.slice(i, i + size)))).toString()
      assert.equal(section.bytes().toString(), head)
      assert.equal(body, message.slice(head.length))
      assert.ok(section.isComplete && !section.isTooLong)
    }
  }
})

test('a header section beyond its limit is not kept, and one without an end is not complete', () => {
  const section = new HeaderSectionReader(10)
  section.push(Buffer.from('Subject: a long one\r\n'))
  assert.ok(section.isTooLong && !section.isComplete)
  assert.equal(section.bytes().length, 0)
  assert.equal(Buffer.from(section.push(Buffer.from('\r\nbody'))).toString(), 'body')
})
