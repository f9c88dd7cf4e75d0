import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Answer, parseAnswer, writeAnswer } from './answer.ts'
import { MilterError } from './errors.ts'
import { FrameReader, FrameWriter } from './frame.ts'
import { formatReplyText, type MilterReply, parseReplyText } from './reply-text.ts'
import { ANSWER } from './word.ts'

const octets = (text: string) => Buffer.from(text, 'latin1')

function written(answer: Answer): Buffer {
  const out = new FrameWriter()
  writeAnswer(out, answer)
  return out.take()
}

function read(frame: Buffer): Answer {
  const reader = new FrameReader()
  reader.push(frame)
  const one = reader.next()
  assert.ok(one)
  return parseAnswer(one)
}

const CASES: readonly (readonly [string, Answer])[] = [
  ['c', { kind: 'continue' }],
  ['a', { kind: 'accept' }],
  ['r', { kind: 'reject' }],
  ['t', { kind: 'tempfail' }],
  ['d', { kind: 'discard' }],
  ['s', { kind: 'skip' }],
  ['p', { kind: 'progress' }],
  ['4', { kind: 'shutdown' }],
  ['f', { kind: 'connectionFailure' }],
  ['O\0\0\0\x06\0\0\0\x11\0\x10\0\x80', { kind: 'options', version: 6, actions: 0x11, steps: 0x10_0080 }],
  [
    'O\0\0\0\x06\0\0\x01\0\0\0\0\0\0\0\0\x02{auth_authen} i\0\0\0\0\x05i\0',
    {
      kind: 'options',
      version: 6,
      actions: 0x100,
      steps: 0,
      macros: { mail: ['auth_authen', 'i'], endOfMessage: ['i'] },
    },
  ],
  ['y550 5.7.1 Not wanted\0', { kind: 'reply', code: 550, status: '5.7.1', lines: ['Not wanted'] }],
  ['y451 Later\0', { kind: 'reply', code: 451, lines: ['Later'] }],
  ['y550-5.7.1 one\r\n550 5.7.1 two\0', { kind: 'reply', code: 550, status: '5.7.1', lines: ['one', 'two'] }],
  ['hX-A\0 b\0', { kind: 'addHeader', name: 'X-A', value: octets(' b') }],
  ['i\0\0\0\0X-A\0 b\0', { kind: 'insertHeader', index: 0, name: 'X-A', value: octets(' b') }],
  ['m\0\0\0\x02X-A\0\0', { kind: 'changeHeader', index: 2, name: 'X-A', value: octets('') }],
  ['bbody\0\r\n', { kind: 'replaceBody', data: octets('body\0\r\n') }],
  ['+<a@b.example>\0', { kind: 'addRcpt', path: '<a@b.example>', parameters: [] }],
  [
    '2<a@b.example>\0NOTIFY=NEVER ORCPT=rfc822;x\0',
    { kind: 'addRcpt', path: '<a@b.example>', parameters: ['NOTIFY=NEVER', 'ORCPT=rfc822;x'] },
  ],
  ['-<a@b.example>\0', { kind: 'deleteRcpt', path: '<a@b.example>' }],
  ['e<>\0', { kind: 'changeFrom', path: '<>', parameters: [] }],
  ['qlooks bad\0', { kind: 'quarantine', reason: 'looks bad' }],
]

for (const [wire, answer] of CASES)
  test(`${answer.kind} is read and written: ${JSON.stringify(wire)}`, () => {
    const frame = written(answer)
    assert.equal(frame.toString('latin1', 4), wire)
    assert.equal(frame.readUInt32BE(0), wire.length)
    assert.deepEqual(plain(read(frame)), plain(answer))
  })

function plain(answer: Answer): object {
  return Object.fromEntries(
    Object.entries(answer).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    ]),
  )
}

const WRONG: readonly (readonly [string, RegExp])[] = [
  ['?', /there is no answer "\?"/],
  ['yhello\0', /a reply without a code/],
  ['y250 ok\0', /a reply without a code/],
  ['y550-a\r\n551 b\0', /two codes/],
  ['m\0\0', /without its index/],
  ['O\0', /an offer of 1 octets/],
]

for (const [wire, mistake] of WRONG)
  test(`${JSON.stringify(wire)} is a mistake that says so`, () => {
    assert.throws(() => parseAnswer({ code: wire.charCodeAt(0), data: octets(wire.slice(1)) }), {
      name: 'MilterError',
      message: mistake,
    })
  })

// Trap 6: Sendmail takes the text as a format, and Postfix drops single percent signs.
const TEXTS: readonly (readonly [MilterReply, string])[] = [
  [{ code: 550, status: '5.1.1', lines: ['100% sure %s %d'] }, '550 5.1.1 100%% sure %%s %%d'],
  [{ code: 451, status: '4.7.1', lines: [] }, '451 4.7.1 '],
  [{ code: 550, lines: ['a\r\nb\0c\x1b[1m'] }, '550 a??b?c?[1m'],
  [{ code: 550, lines: ['Größe’s'] }, '550 Gr??e?s'],
]

for (const [reply, wire] of TEXTS)
  test(`${JSON.stringify(reply.lines)} goes over the wire as ${JSON.stringify(wire)}`, () => {
    assert.equal(formatReplyText(reply), wire)
  })

test('a reply has no more lines, and no longer ones, than libmilter takes', () => {
  const long = formatReplyText({ code: 550, lines: Array(100).fill('x'.repeat(2_000)) }).split('\r\n')
  assert.equal(long.length, 32)
  assert.ok(long.every((line) => line.length <= 1_000))
  assert.match(long.at(-1) ?? '', /^550 x/)
})

test('of a reply lines without a code go on, a status of another class is text, and single percent signs stay', () => {
  assert.deepEqual(parseReplyText('550 first\r\nsecond 50%'), { code: 550, lines: ['first', 'second 50%'] })
  assert.deepEqual(parseReplyText('450 5.1.1 no\n450 %%%'), { code: 450, lines: ['5.1.1 no', '%%'] })
  assert.deepEqual(parseReplyText('550'), { code: 550, lines: [''] })
})

test('a reply is read as it was meant', () => {
  const line = fc.stringMatching(/^[A-Za-z% ][ -~]{0,60}$/)
  const code = fc.integer({ min: 400, max: 599 })
  fc.assert(
    fc.property(code, fc.array(line, { minLength: 1, maxLength: 32 }), (code, lines) => {
      const reply = { code, status: `${code < 500 ? 4 : 5}.7.1`, lines }
      assert.deepEqual(parseReplyText(formatReplyText(reply)), reply)
    }),
  )
})

test('no octets make reading fail in another way than with a mistake', () => {
  const letters = fc.constantFrom(...Object.values(ANSWER), 0, 255)
  fc.assert(
    fc.property(letters, fc.uint8Array({ maxLength: 100 }), (code, data) => {
      try {
        parseAnswer({ code, data: Buffer.from(data) })
      } catch (error) {
        assert.ok(error instanceof MilterError)
      }
    }),
    { numRuns: 2_000 },
  )
})
