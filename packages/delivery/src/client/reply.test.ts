import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reply } from '@postroad/mail'
import fc from 'fast-check'
import { ReplyParser } from './reply.ts'

function read(...chunks: readonly (string | Buffer)[]): Reply[] | undefined {
  const replies: Reply[] = []
  const parser = new ReplyParser()
  for (const chunk of chunks) {
    const octets = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk
    if (octets.length === 0) continue
    const isGood = parser.read(octets, (reply) => {
      replies.push(reply)
      return true
    })
    if (!isGood) return undefined
  }
  return replies
}

const TABLE: readonly (readonly [input: string, replies: Reply[] | undefined])[] = [
  ['250 Ok\r\n', [{ code: 250, text: 'Ok' }]],
  ['250\r\n', [{ code: 250, text: '' }]],
  ['421\r\n', [{ code: 421, text: '' }]],
  ['250 \r\n', [{ code: 250, text: '' }]],
  ['250 2.1.5 Ok\r\n', [{ code: 250, status: '2.1.5', text: 'Ok' }]],
  ['250 2.1.5\r\n', [{ code: 250, status: '2.1.5', text: '' }]],
  [
    '550 5.1.1 a\r\n250 b\r\n',
    [
      { code: 550, status: '5.1.1', text: 'a' },
      { code: 250, text: 'b' },
    ],
  ],
  ['550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\r\n', [{ code: 550, status: '5.7.1', text: 'one\ntwo\nthree' }]],
  ['550-one\r\n550 two\r\n', [{ code: 550, text: 'one\ntwo' }]],
  ['250 Ok\n', [{ code: 250, text: 'Ok' }]],
  ['450 5.1.1 class differs\r\n', [{ code: 450, text: '5.1.1 class differs' }]],
  ['550 5.1.1x\r\n', [{ code: 550, text: '5.1.1x' }]],
  ['550 5.1.1 gar\u00e7on\r\n', [{ code: 550, status: '5.1.1', text: 'gar\u00e7on' }]],
  ['550 a\u0000\u001b[31mb\r\n', [{ code: 550, text: 'a??[31mb' }]],
  // What was clearly meant.
  ['250-one\r\n251 two\r\n', [{ code: 251, text: 'one\ntwo' }]],
  ['250Ok\r\n', [{ code: 250, text: 'Ok' }]],
  ['250\tOk\r\n', [{ code: 250, text: '?Ok' }]],
  ['250:Ok\r\n', [{ code: 250, text: ':Ok' }]],
  ['\r\n250 Ok\r\n\n', [{ code: 250, text: 'Ok' }]],
  ['250-one\r\ntwo\r\n\r\n250 three\r\n', [{ code: 250, text: 'one\ntwo\n\nthree' }]],
  ['250-\n250-\n250\n', [{ code: 250, text: '\n\n' }]],
  ['250 \0a\0\r\n', [{ code: 250, text: '?a?' }]],
  // What was not.
  ['250-one\r\n550 two\r\n', undefined],
  ['550-one\r\n250 two\r\n', undefined],
  ['2500 Ok\r\n', undefined],
  ['\x00250 Ok\r\n', undefined],
  [' 250 Ok\r\n', undefined],
  ['150 Ok\r\n', undefined],
  ['OK\r\n', undefined],
  ['25 Ok\r\n', undefined],
  ['HTTP/1.1 400\r\n', undefined],
  ['650 Ok\r\n', undefined],
  ['\r\n', []],
]

test('RFC 5321 §4.2: replies of one or more lines, bare codes, foreign line ends; and what is none', () => {
  for (const [input, replies] of TABLE) assert.deepEqual(read(input), replies, JSON.stringify(input))
})

test('the result is the same wherever the octets are cut', () => {
  for (const [input, replies] of TABLE) {
    const octets = Buffer.from(input)
    for (let i = 0; i <= octets.length; i++)
      assert.deepEqual(read(octets.subarray(0, i), octets.subarray(i)), replies, `${input} at ${i}`)
  }
})

test('a reply that never ends is refused at 64 KiB, in lines or in one', () => {
  assert.equal(read(...Array.from({ length: 2000 }, () => `250-${'x'.repeat(100)}\r\n`)), undefined)
  assert.equal(read(...Array.from({ length: 2000 }, () => 'x'.repeat(100))), undefined)
})

test('the text that is kept has at most 2,000 characters', () => {
  const [reply] = read(`550-${'x'.repeat(1900)}\r\n550-${'y'.repeat(1900)}\r\n550 z\r\n`) ?? []
  assert.equal(reply?.text.length, 2000)
})

test('never throws, and never keeps a control character', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.constantFrom(...TABLE.map(([input]) => Buffer.from(input)))),
        {
          maxLength: 8,
        },
      ),
      (chunks) => {
        for (const reply of read(...chunks.map((chunk) => Buffer.from(chunk))) ?? [])
          assert.doesNotMatch(reply.text, /[\0-\x09\x0b-\x1f\x7f-\x9f]/)
      },
    ),
  )
})
