import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { WireReply } from '../stages.ts'
import { formatPlain, formatReply } from './reply.ts'

for (const [answer, text] of [
  [{ code: 250, status: '2.1.0', text: 'Ok' }, '250 2.1.0 Ok\r\n'],
  [{ code: 250, text: 'Ok' }, '250 2.0.0 Ok\r\n'],
  [{ code: 451, status: '5.7.1', text: 'Later' }, '451 4.7.1 Later\r\n'],
  [{ code: 550, status: 'x', text: 'No' }, '550 5.0.0 No\r\n'],
  [{ code: 354, status: '3.0.0', text: 'Go' }, '354 Go\r\n'],
  [{ code: 250, text: ['One', 'Two'] }, '250-2.0.0 One\r\n250 2.0.0 Two\r\n'],
  [{ code: 250, text: [] }, '250 2.0.0 \r\n'],
  [{ code: 550, text: 'a\r\n250 b' }, '550 5.0.0 a 250 b\r\n'],
  [{ code: 550, text: 'n\u00f6\0' }, '550 5.0.0 n? \r\n'],
  [{ code: 99, text: 'x' }, '451 4.3.0 Temporary failure, try again later\r\n'],
  [{ code: Number.NaN, text: 'x' }, '451 4.3.0 Temporary failure, try again later\r\n'],
] as const satisfies readonly (readonly [WireReply, string])[])
  test(`RFC 5321 §4.2: ${JSON.stringify(answer)} goes out as ${JSON.stringify(text)}`, () => {
    assert.equal(formatReply(answer), text)
  })

test('RFC 2034 §4: a banner has no enhanced status', () => {
  assert.equal(formatPlain({ code: 554, status: '5.7.1', text: 'No' }), '554 No\r\n')
})

test('RFC 5321 §4.5.3.1.5: whatever the text, lines are printable, at most 512 octets, have one code, and are not many', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 2000 }),
    fc.array(fc.string({ unit: 'binary', maxLength: 600 }), { maxLength: 150 }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), text, (code, words) => {
      const lines = formatReply({ code, text: words }).split('\r\n')
      assert.equal(lines.pop(), '')
      assert.ok(lines.length <= 100)
      for (const [i, line] of lines.entries()) {
        assert.match(line, i < lines.length - 1 ? /^\d{3}-[\x20-\x7e]*$/ : /^\d{3} [\x20-\x7e]*$/)
        assert.ok(line.startsWith(String(code)) && line.length + 2 <= 512)
      }
    }),
  )
})

test('what strangers wrote is not passed on without end: a reply has at most some 10,000 octets', () => {
  for (const text of ['x'.repeat(1e6), Array(1_000).fill('word '.repeat(80)), 'word '.repeat(1e5)]) {
    const sent = formatReply({ code: 550, text })
    assert.ok(sent.length > 8_000 && sent.length < 10_500, String(sent.length))
    assert.match(sent, /^(?:550-5\.0\.0 .*\r\n)+550 5\.0\.0 .*\r\n$/)
  }
})

test('a long text is broken at spaces, and nothing of it is lost', () => {
  const text = Array.from({ length: 300 }, (_, i) => `word${i}`).join(' ')
  const lines = formatReply({ code: 550, status: '5.7.1', text }).trimEnd().split('\r\n')
  assert.equal(lines.map((line) => line.slice(10)).join(' '), text)
})

test('a refusal tells the id by which the log knows it, behind the last line; nothing else does', () => {
  assert.equal(formatReply({ code: 550, status: '5.7.1', text: 'No', id: 'A1.2' }), '550 5.7.1 No (id A1.2)\r\n')
  assert.equal(
    formatReply({ code: 451, status: '4.7.1', text: ['Not', 'now'], id: 'A1' }),
    '451-4.7.1 Not\r\n451 4.7.1 now (id A1)\r\n',
  )
  assert.equal(formatReply({ code: 550, text: '', id: 'A1' }), '550 5.0.0 (id A1)\r\n')
  assert.equal(formatReply({ code: 250, text: 'Ok', id: 'A1' }), '250 2.0.0 Ok\r\n')
  assert.equal(formatPlain({ code: 554, text: 'No', id: 'A1' }), '554 No (id A1)\r\n')
  for (const line of formatReply({ code: 550, text: 'x'.repeat(449), id: 'A1' }).split('\r\n'))
    assert.ok(line.length <= 510)
})
