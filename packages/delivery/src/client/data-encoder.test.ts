import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DataEncoder } from './data-encoder.ts'

function encode(...chunks: readonly Uint8Array[]): string {
  return encodeWith(new DataEncoder(), chunks)
}

function encodeWith(encoder: DataEncoder, chunks: readonly Uint8Array[]): string {
  const out: Uint8Array[] = []
  for (const chunk of chunks) encoder.encode(chunk, out)
  encoder.end(out)
  return Buffer.concat(out).toString('latin1')
}

/** The obvious implementation, on the whole message. */
function slowEncode(text: string): string {
  const lines = text
    .replace(/\r\n|\n/g, '\n')
    .replace(/\r$/, '\n')
    .replace(/\r/g, ' ')
  const ended = lines === '' || lines.endsWith('\n') ? lines : `${lines}\n`
  return `${ended.replace(/(^|\n)\./g, '$1..').replaceAll('\n', '\r\n')}.\r\n`
}

const TABLE: readonly (readonly [input: string, output: string])[] = [
  ['', '.\r\n'],
  ['a', 'a\r\n.\r\n'],
  ['a\r\n', 'a\r\n.\r\n'],
  ['.', '..\r\n.\r\n'],
  ['.\r\n', '..\r\n.\r\n'],
  ['a\r\n.\r\nb\r\n', 'a\r\n..\r\nb\r\n.\r\n'],
  ['..\r\n', '...\r\n.\r\n'],
  ['a.b\r\n', 'a.b\r\n.\r\n'],
  ['a\n.\nb', 'a\r\n..\r\nb\r\n.\r\n'],
  ['a\n.\r\nb', 'a\r\n..\r\nb\r\n.\r\n'],
  ['a\r\n.\nb', 'a\r\n..\r\nb\r\n.\r\n'],
  ['a\r.\r\nb', 'a .\r\nb\r\n.\r\n'],
  ['a\r\n.\rb', 'a\r\n.. b\r\n.\r\n'],
  ['a\r\r\n.', 'a \r\n..\r\n.\r\n'],
  ['a\r', 'a\r\n.\r\n'],
  ['a\r\n\r', 'a\r\n\r\n.\r\n'],
]

test('RFC 5321 §4.5.2: dots at the beginning of a line are doubled, and line ends are CRLF', () => {
  for (const [input, output] of TABLE) assert.equal(encode(Buffer.from(input, 'latin1')), output, JSON.stringify(input))
})

test('the result is the same wherever the message is cut', () => {
  for (const [input, output] of TABLE) {
    for (let i = 0; i <= input.length; i++) {
      for (let j = i; j <= input.length; j++) {
        const cut = [input.slice(0, i), input.slice(i, j), input.slice(j)].map((text) => Buffer.from(text, 'latin1'))
        assert.equal(encode(...cut), output, JSON.stringify(cut.map(String)))
      }
    }
  }
})

test('CVE-2023-51764: whatever comes in, no bare CR or LF and no early end goes out', () => {
  const octets = fc.array(fc.constantFrom('\r', '\n', '.', 'a', '\0', '\xff'), { maxLength: 40 })
  fc.assert(
    fc.property(fc.array(octets, { maxLength: 6 }), (pieces) => {
      const text = pieces.flat().join('')
      const encoded = encode(...pieces.map((piece) => Buffer.from(piece.join(''), 'latin1')))
      assert.equal(encoded, slowEncode(text))
      assert.doesNotMatch(encoded, /\r(?!\n)|(?<!\r)\n/)
      assert.equal(`\r\n${encoded}`.indexOf('\r\n.\r\n'), encoded.length - 3)
    }),
    { numRuns: 2000 },
  )
})

test('chunks that need no change are not copied', () => {
  const chunk = Buffer.from('Subject: x\r\n\r\nbody\r\n')
  const out: Uint8Array[] = []
  new DataEncoder().encode(chunk, out)
  assert.equal(out[0], chunk)
})

test('a megabyte of stuffed dots, and one of bare line feeds, take linear time and space', () => {
  for (const line of ['..\r\n', '\n', '\r', '.\n']) {
    const chunk = Buffer.from(line.repeat(1_048_576 / line.length), 'latin1')
    const out: Uint8Array[] = []
    const encoder = new DataEncoder()
    const start = performance.now()
    encoder.encode(chunk, out)
    encoder.end(out)
    assert.ok(performance.now() - start < 500)
    assert.ok(out.length <= 18)
  }
})

test('where it is known that there is no bare CR or LF, the same goes out, at any cut', () => {
  const texts = fc.array(fc.constantFrom('\r\n', '.', '\r\n.', 'a', '\0', '\xff'), { maxLength: 40 })
  fc.assert(
    fc.property(texts, fc.array(fc.nat(80), { maxLength: 6 }), (pieces, cuts) => {
      const octets = Buffer.from(pieces.join(''), 'latin1')
      const bounds = [0, ...cuts.map((cut) => cut % (octets.length + 1)).sort((a, b) => a - b), octets.length]
      const chunks = bounds.slice(1).map((bound, i) => octets.subarray(bounds[i], bound))
      assert.equal(encodeWith(new DataEncoder(true), chunks), slowEncode(octets.toString('latin1')))
    }),
    { numRuns: 2000 },
  )
  for (const size of [65_535, 65_536, 65_537, 131_072]) {
    const octets = Buffer.from(`${'x'.repeat(size - 3)}\r\n.${'.\r\n'.repeat(50_000)}`, 'latin1')
    assert.equal(encodeWith(new DataEncoder(true), [octets]), slowEncode(octets.toString('latin1')))
  }
})
