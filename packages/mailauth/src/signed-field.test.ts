import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readFields } from './signed-field.ts'

const read = (text: string, limit = 1000) =>
  readFields(Buffer.from(text, 'latin1'), limit)?.map(({ key, line }) => [key, line.toString('latin1')])

test('RFC 5322 §2.2: fields have a lower-case key and all their octets', () => {
  assert.deepEqual(read('From: a@b\r\nSUBJECT : x\r\n\ty\r\nTo\r\n : z\r\n\r\n'), [
    ['from', 'From: a@b'],
    ['subject', 'SUBJECT : x\r\n\ty'],
    ['to', 'To\r\n : z'],
  ])
  assert.deepEqual(read(''), [])
  assert.deepEqual(read('\r\n'), [])
  assert.deepEqual(read('From: a\nTo: b\n\n'), [
    ['from', 'From: a'],
    ['to', 'To: b'],
  ])
})

test('a line that is no field belongs to the one above: it can only spoil a signature, not hide from it', () => {
  assert.deepEqual(read('From: a\r\n\u00a0Subject: fake\r\n>From b\r\nTo: c\r\n'), [
    ['from', 'From: a\r\n\u00a0Subject: fake\r\n>From b'],
    ['to', 'To: c'],
  ])
  assert.deepEqual(read('no field at all\r\nTo: c'), [
    ['no field at all', 'no field at all'],
    ['to', 'To: c'],
  ])
  assert.deepEqual(read('__proto__: x'), [['__proto__', '__proto__: x']])
})

test('too many fields are none', () => {
  assert.equal(read('A: b\r\n'.repeat(11), 10), undefined)
  assert.equal(read('A: b\r\n'.repeat(10), 10)?.length, 10)
})

test('nothing is lost, and a hundred thousand continuation lines take no time', () => {
  const piece = fc.constantFrom('A', 'b', ':', ' ', '\t', '\r\n', '\n', '\r', '\u00e9')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join('')
      const lines = (read(text) ?? []).map(([, line]) => line)
      assert.equal(
        lines.join('\r\n'),
        text
          .replace(/[\r\n]+$/, '')
          .split(/\r?\n/)
          .join('\r\n'),
      )
    }),
    { numRuns: 500 },
  )
  const start = process.cpuUsage()
  read(`A: b\r\n${' \r\n'.repeat(100_000)}`)
  assert.ok(process.cpuUsage(start).user < 1_000_000)
})
