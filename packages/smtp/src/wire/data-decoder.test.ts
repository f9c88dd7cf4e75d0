import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DataDecoder, type DecoderOptions } from './data-decoder.ts'

interface Decoded {
  readonly content: string
  readonly rest: string
  readonly ended: boolean
  readonly bare: boolean
  readonly long: boolean
}

function decode(text: string, cuts: readonly number[], options: DecoderOptions = {}): Decoded {
  const decoder = new DataDecoder()
  decoder.start(options)
  const bytes = Buffer.from(text, 'latin1')
  const bounds = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b)
  let content = ''
  let at = 0
  for (const bound of bounds) {
    const chunk = Buffer.from(bytes.subarray(at, bound))
    const end = decoder.feed(chunk, 0)
    content += decoder.output?.toString('latin1') ?? ''
    const state = { content, bare: decoder.hasBareLineEnd, long: decoder.isLineTooLong }
    if (end >= 0) return { ...state, ended: true, rest: text.slice(at + end) }
    at = bound
  }
  return { content, rest: '', ended: false, bare: decoder.hasBareLineEnd, long: decoder.isLineTooLong }
}

/** The standard, said in the simplest way there is: RFC 5321 §4.5.2. */
function oracle(text: string): { content: string; rest: string; ended: boolean } {
  let rest = text
  let content = ''
  let bol = true
  while (rest.length > 0) {
    if (bol && rest.startsWith('.\r\n')) return { content, rest: rest.slice(3), ended: true }
    if (bol && rest.startsWith('.')) rest = rest.slice(1)
    const end = rest.indexOf('\r\n')
    const cut = end < 0 ? rest.length : end + 2
    content += rest.slice(0, cut)
    rest = rest.slice(cut)
    bol = true
  }
  return { content, rest: '', ended: false }
}

const pieces = fc.constantFrom(
  'a',
  '.',
  '..',
  '\r',
  '\n',
  '\r\n',
  '\r\n.',
  '\r\n..',
  '\r\n.\r',
  '\0',
  '\t',
  'x'.repeat(70),
  '\x8e\xff',
)
const contents = fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join(''))
const cuts = fc.array(fc.nat(400), { maxLength: 12 })

for (const [name, text, content] of [
  ['an empty message', '.\r\n', ''],
  ['one line', 'a\r\n.\r\n', 'a\r\n'],
  ['a stuffed dot', '..a\r\n.\r\n', '.a\r\n'],
  ['a line of one dot', '..\r\n.\r\n', '.\r\n'],
  ['a dot that was not stuffed', '.a\r\n.\r\n', 'a\r\n'],
  ['dots inside a line', 'a.\r\nb..\r\n.\r\n', 'a.\r\nb..\r\n'],
] as const)
  test(`RFC 5321 §4.5.2: ${name} is decoded at every cut`, () => {
    for (let cut = 0; cut <= text.length; cut++) {
      const decoded = decode(`${text}QUIT\r\n`, [cut])
      assert.equal(decoded.content, content)
      assert.equal(decoded.ended, true)
      assert.equal(decoded.bare, false)
    }
  })

test('RFC 5321 §4.1.1.4: nothing but CRLF.CRLF ends a message, wherever the segments are cut', () => {
  for (const end of [
    '\n.\n',
    '\r.\r',
    '\r.\n',
    '\n.\r',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r\n',
    '\r\n.\r',
    '\r\n\0.\r\n',
    '\r\n.\0\r\n',
    '\r\n.\r\r\n',
  ])
    for (let cut = 0; cut <= end.length + 1; cut++) {
      const decoded = decode(`a${end}b`, [cut, cut + 1])
      assert.equal(decoded.ended, false, JSON.stringify(end))
      assert.equal(decoded.bare, !end.includes('\0'), JSON.stringify(end))
    }
})

test('content, rest and end are what the standard says, for any octets at any cuts', () => {
  fc.assert(
    fc.property(contents, cuts, (whole, at) => {
      const text = `${whole}\r\n.\r\nNOOP\r\n`
      const { bare: _bare, long: _long, ended, content, rest } = decode(text, at)
      const expected = oracle(text)
      assert.deepEqual({ content, ended }, { content: expected.content, ended: expected.ended })
      assert.equal(rest, expected.rest.slice(0, rest.length))
    }),
    { numRuns: 3000 },
  )
})

test('a bare CR or LF is reported, for any octets at any cuts', () => {
  fc.assert(
    fc.property(contents, cuts, (whole, at) => {
      const text = `${whole}\r\n.\r\n`
      const read = text.slice(0, text.length - oracle(text).rest.length)
      assert.equal(decode(text, at).bare, /\r(?!\n)|(?<!\r)\n/.test(read))
    }),
    { numRuns: 2000 },
  )
})

test('a normalised message has CRLF and no other line end, and its text is untouched', () => {
  fc.assert(
    fc.property(contents, cuts, (whole, at) => {
      const text = `${whole}\r\n.\r\n`
      const expected = oracle(text).content.replace(/\r\n|\r|\n/g, '\r\n')
      assert.equal(decode(text, at, { normalise: true }).content, expected)
    }),
    { numRuns: 2000 },
  )
})

test('RFC 3030 §2: in a BDAT chunk dots are content', () => {
  fc.assert(
    fc.property(contents, cuts, (whole, at) => {
      const decoded = decode(whole, at, { dots: false })
      assert.equal(decoded.content, whole)
      assert.equal(decoded.ended, false)
    }),
  )
})

test('RFC 5321 §4.5.3.1.6: a line above the limit is reported, at any cut', () => {
  for (let cut = 0; cut < 30; cut++) {
    assert.equal(decode('12345678\r\n12345678\r\n.\r\n', [cut, cut + 3], { lineLimit: 10 }).long, false)
    assert.equal(decode('12345678\r\n123456789\r\n.\r\n', [cut, cut + 3], { lineLimit: 10 }).long, true)
    assert.equal(decode('12345678901234567890', [cut], { lineLimit: 10 }).long, true)
  }
})

test('a megabyte of stuffed dots is decoded in place, in one piece a chunk', () => {
  const decoder = new DataDecoder()
  decoder.start()
  const chunk = Buffer.from('..\r\n'.repeat(16_384))
  for (let i = 0; i < 16; i++) {
    assert.equal(decoder.feed(Buffer.from(chunk), 0), -1)
    assert.equal(decoder.output?.length, 3 * 16_384)
  }
})
