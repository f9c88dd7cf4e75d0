import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cpuMs } from '../../../test/runner/cpu.ts'
import { fieldBytes, prependBlock, removeFields, replaceField } from './header-edit.ts'
import { HeaderBlock, HeaderSection, parseHeaders } from './headers.ts'
import { messageFromBytes } from './message.ts'

const parse = (text: string) => parseHeaders(Buffer.from(text, 'latin1'))
const section = (text: string) => new HeaderSection([new HeaderBlock(Buffer.from(text))])
const octets = (headers: HeaderSection) => Buffer.concat(headers.blocks.map((block) => block.bytes)).toString()
const pairs = (text: string) => [...parse(text)].map((field) => [field.name, field.value])

test('RFC 5322 §2.2.3: values are unfolded and trimmed, names compared without case', () => {
  const headers = parse('Subject: one\r\n\ttwo  \r\nRECEIVED: a\r\nreceived:b\r\n\r\nNot: header\r\n')
  assert.equal(headers.length, 3)
  assert.equal(headers.get('SUBJECT'), 'one\ttwo')
  assert.deepEqual(headers.all('Received'), ['a', 'b'])
  assert.equal(headers.has('Not'), false)
  assert.equal(headers.get('absent'), undefined)
})

test('RFC 5322 §4.5: white space before the colon is taken', () => {
  assert.deepEqual(pairs('Subject \t: x\r\n'), [['Subject', 'x']])
})

test('lines that are no fields are fields without a name', () => {
  const table: readonly (readonly [string, readonly (readonly string[])[]])[] = [
    [
      'From a@b Mon Jan  1 00:00:00 2026\r\nA: b\r\n',
      [
        ['', 'From a@b Mon Jan  1 00:00:00 2026'],
        ['A', 'b'],
      ],
    ],
    [
      'no colon\r\nA: b\r\n',
      [
        ['', 'no colon'],
        ['A', 'b'],
      ],
    ],
    [
      ' starts with a space\r\nA: b',
      [
        ['', 'starts with a space'],
        ['A', 'b'],
      ],
    ],
    [': no name\r\n', [['', ': no name']]],
    ['N\0ame: x\r\n', [['', 'N\0ame: x']]],
    ['A: x\0y\r\n', [['A', 'x\0y']]],
    ['A:\r\n', [['A', '']]],
    [
      'A: b\n c\nB: d\n\nbody',
      [
        ['A', 'b c'],
        ['B', 'd'],
      ],
    ],
    ['', []],
    ['\r\nbody', []],
  ]
  for (const [text, expected] of table) assert.deepEqual(pairs(text), expected, JSON.stringify(text))
})

test('a header named __proto__ is only a header', () => {
  const headers = parse('__proto__: evil\r\n')
  assert.equal(headers.get('__proto__'), 'evil')
  assert.equal(headers.get('constructor'), undefined)
  assert.equal(headers.has('toString'), false)
})

test('octets beyond ASCII are decoded as UTF-8, broken ones do not throw', () => {
  assert.equal(parseHeaders(Buffer.from('Subject: Grüße\r\n')).get('subject'), 'Grüße')
  assert.equal(parse('Subject: \xff\xfe\r\n').get('subject'), '\ufffd\ufffd')
})

test('edits leave all other octets as they are', () => {
  const text = 'A:1\r\nb :  2\r\n\t3\r\njunk\r\nB: 4\r\nC: 5\r\n'
  assert.equal(octets(removeFields(section(text), 'B')), 'A:1\r\njunk\r\nC: 5\r\n')
  assert.equal(
    octets(removeFields(section(text), 'b', (field) => field.value === '4')),
    'A:1\r\nb :  2\r\n\t3\r\njunk\r\nC: 5\r\n',
  )
  assert.equal(octets(replaceField(section(text), 'B', 'x')), 'A:1\r\nB: x\r\njunk\r\nB: 4\r\nC: 5\r\n')
  assert.equal(octets(replaceField(section(text), 'D', 'x')), `D: x\r\n${text}`)
  assert.equal(octets(prependBlock(section(text), Buffer.from('X: y\r\n'))), `X: y\r\n${text}`)
  const same = section(text)
  assert.equal(removeFields(same, 'absent'), same)
})

test('edits of edits see what the edits before them made', () => {
  const edited = replaceField(
    removeFields(prependBlock(section('A: 1\r\nA: 2\r\nB: 3\r\n'), Buffer.from('A: 0\r\n')), 'B'),
    'A',
    'x',
  )
  assert.deepEqual(edited.all('a'), ['x', '1', '2'])
  assert.equal(octets(edited), 'A: x\r\nA: 1\r\nA: 2\r\n')
})

test('RFC 5322 §2.2: names and values cannot smuggle a second field', () => {
  for (const name of ['', 'A:', 'A b', 'A\r\nB', 'Ä', 'A\0'])
    assert.throws(() => fieldBytes(name, 'x'), TypeError, JSON.stringify(name))
  for (const value of ['a\r\nB: c', 'a\nb', 'a\rb', 'a\r\n', 'a\0b', 'a\r\n \r\n b', 'a\r\n\r\n b', 'a\n b'])
    assert.throws(() => fieldBytes('A', value), TypeError, JSON.stringify(value))
  assert.equal(fieldBytes('A', 'a\r\n b\r\n\tc').toString(), 'A: a\r\n b\r\n\tc\r\n')
  assert.throws(() => removeFields(section('A: b\r\n'), 'A:'), TypeError)
})

test('RFC 5322 §2.1.1: long values are folded at white space', () => {
  const words = Array.from({ length: 60 }, (_, index) => `word${index}`).join(' ')
  const lines = fieldBytes('X-Long', words).toString().split('\r\n')
  assert.ok(lines.length > 5 && lines.every((line) => line.length <= 78))
  const long = 'x'.repeat(995)
  assert.equal(fieldBytes('Name', long).toString(), `Name:\r\n ${long}\r\n`)
  assert.equal(fieldBytes('Name', 'x'.repeat(2000)).toString(), `Name: ${'x'.repeat(2000)}\r\n`)
  assert.equal(fieldBytes('Subject', 'Grüße').toString(), 'Subject: Grüße\r\n')
})

test('a field that was written reads back as the value it was given', () => {
  const value = fc.string({
    unit: fc.constantFrom('a', ' ', '  ', '\t', 'ü', 'wordwordword', ':', 'x'.repeat(90)),
    maxLength: 60,
  })
  fc.assert(
    fc.property(value, (text) => {
      const bytes = fieldBytes('X-Test', text)
      const headers = parseHeaders(bytes)
      assert.equal(headers.length, 1)
      assert.equal(headers.get('x-test'), text.replace(/^[ \t]+|[ \t]+$/g, ''))
      assert.ok(
        bytes
          .toString()
          .split('\r\n')
          .slice(0, -1)
          .every((line) => /[^ \t]/.test(line)),
      )
    }),
  )
})

test('reading never throws, and the fields are the section, octet for octet', () => {
  const noise = fc.string({
    unit: fc.constantFrom('A', ':', ' ', '\t', '\r', '\n', '\r\n', '\0', 'é', 'name: v\r\n'),
    maxLength: 80,
  })
  fc.assert(
    fc.property(noise, (text) => {
      const bytes = Buffer.from(text, 'latin1')
      const fields = [...parseHeaders(bytes)]
      for (const field of fields) assert.equal(typeof field.name + typeof field.value, 'stringstring')
      const joined = Buffer.concat(fields.map((field) => field.raw))
      assert.ok(bytes.subarray(0, joined.length).equals(joined))
    }),
  )
})

test('100,000 fields and one field of 1 MB are read in linear time', () => {
  // Both take tens of milliseconds; what is quadratic would take minutes.
  const started = process.cpuUsage()
  const many = parseHeaders(Buffer.from('X-Field: value\r\n'.repeat(100_000)))
  assert.equal(many.all('x-field').length, 100_000)
  const folded = parseHeaders(Buffer.from(`X: y\r\n${' z\r\n'.repeat(250_000)}`))
  assert.equal(folded.get('x')?.length, 500_001)
  const spaces = parseHeaders(Buffer.from(`X:${' '.repeat(1_000_000)}y${' '.repeat(1_000_000)}\r\n`))
  assert.equal(spaces.get('x'), 'y')
  assert.ok(fieldBytes('X', 'word '.repeat(200_000)).length > 1_000_000)
  assert.ok(cpuMs(started) < 3000)
})

test('lines that are no fields have no name to ask for, and are removed by the empty one', () => {
  const { headers } = messageFromBytes(Buffer.from('From x\r\nA: 1\r\nB\0: 2\r\n\r\n'))
  assert.deepEqual([headers.length, headers.get(''), headers.all(''), headers.has('')], [3, undefined, [], false])
  const { headers: left } = messageFromBytes(Buffer.from('From x\r\nA: 1\r\nB\0: 2\r\n\r\n')).withoutHeader(
    '',
    ({ value }) => value.startsWith('B'),
  )
  assert.deepEqual(
    [...left].map(({ value }) => value),
    ['From x', '1'],
  )
})
