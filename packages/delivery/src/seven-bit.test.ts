import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { simpleParser } from 'mailparser'
import { encodeQuotedPrintable } from './quoted-printable.ts'
import { hasEightBit, toSevenBit } from './seven-bit.ts'
import { source } from './support/fixture.ts'

async function convert(text: string): Promise<string | undefined> {
  const message = await toSevenBit(source(Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1')))
  return (
    message &&
    Buffer.concat(message.chunks?.() ?? [])
      .toString('latin1')
      .replaceAll('\r\n', '\n')
  )
}

test('RFC 2045 §6.7: quoted-printable keeps line ends, hides white space at the end of lines, and wraps at 76', () => {
  const table = [['a=b\n', 'a=3Db\r\n'], ['\xe9 \r\n\t', '=E9=20\r\n=09'], ['x'.repeat(77), `${'x'.repeat(75)}=\r\nxx`], ['x'.repeat(76), 'x'.repeat(76)], ['', '']] as const // biome-ignore format: a table
  for (const [input, output] of table) assert.equal(encodeQuotedPrintable(input), output)
})

test('RFC 6152 §3: text is quoted, everything else is base64, and the parts stay the parts', async () => {
  const text = `Subject: x
MIME-Version: 1.0
Content-Type: multipart/mixed;
  boundary="b 1"
Content-Transfer-Encoding: 8bit

pre\xe9amble
--b 1
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

gar\xe7on
--b 1
Content-Type: application/octet-stream

\x00\xff
--b 1
Content-Type: text/plain

plain
--b 1--
epilogue\xe9
`
  const converted = await convert(text)
  assert.equal(
    converted,
    `Subject: x
MIME-Version: 1.0
Content-Type: multipart/mixed;
  boundary="b 1"

pre?amble
--b 1
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

gar=E7on
--b 1
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

AP8=
--b 1
Content-Type: text/plain

plain
--b 1--
epilogue?
`,
  )
  const mail = await simpleParser(converted ?? '')
  assert.equal(mail.text, 'garçon\nplain')
  assert.deepEqual(mail.attachments[0]?.content, Buffer.from('\x00\xff', 'latin1'))
})

test('RFC 2046 §5.2.1: a message within a message is converted inside, and not encoded itself', async () => {
  const inner = 'Subject: y\nContent-Type: text/html; charset=utf-8\n\n\xc3\xa9\n'
  assert.equal(
    await convert(`Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n${inner}`),
    'Content-Type: message/rfc822\n\nSubject: y\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=C3=A9\n',
  )
})

test('RFC 1428 §3: eight bits without a content type are said to be unknown', async () => {
  assert.equal(
    await convert('Subject: x\n\n\xe9\n'),
    'Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: quoted-printable\n\n=E9\n',
  )
})

test('what would not be the same afterwards is not converted', async () => {
  const table = [
    'Subject: \xe9\n\nx',
    'Content-Type: multipart/signed; boundary=b\n\n--b\n\n\xe9\n--b--\n',
    'Content-Type: multipart/mixed\n\n\xe9',
    'Content-Type: message/partial\n\n\xe9',
    'Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n\xe9',
    `${Array.from({ length: 30 }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`).join('')}\n\xe9`,
  ]
  for (const text of table) assert.equal(await convert(text), undefined, text)
})

test('never throws, never leaves eight bits, and leaves seven bits alone', async () => {
  const words = fc.constantFrom(
    'Content-Type: ',
    'multipart/mixed; boundary=b',
    'text/plain',
    'message/rfc822',
    '\n',
    '\n\n',
    '--b\n',
    '--b--',
    '\xe9',
    'x',
    ' ',
    ':',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(words, { maxLength: 30 }), async (parts) => {
      const text = parts.join('')
      const converted = await convert(text)
      assert.doesNotMatch(converted ?? '', /[\x80-\xff]/)
      if (!text.includes('\xe9')) assert.equal(converted, text)
      assert.equal(await hasEightBit(source(Buffer.from(text, 'latin1'))), text.includes('\xe9'))
    }),
    { numRuns: 300 },
  )
})
