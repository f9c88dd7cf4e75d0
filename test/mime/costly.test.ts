/** Messages of 25 MB that are made to cost: each is read, or refused with a code, within 250 ms of the processor. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { cpuMs } from '../runner/cpu.ts'
import { busyness } from './floor.ts'

const SIZE = 25 * 1024 * 1024
const LIMIT_MS = 250
const RUNS = 5

const MIXED = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n'
const type = (value: string, encoding = '7bit') =>
  `Content-Type: ${value}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`
const nested = (line: (level: number) => string) => Array.from({ length: 99 }, (_, level) => line(level)).join('')
const multipart = (boundary: string) => `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n--${boundary}\r\n`

/** What stands at the beginning, and what follows over and over. */
const MESSAGES: Readonly<Record<string, readonly [head: string, unit: string]>> = {
  'text in lines': ['\r\n', 'hello world, how are you?\r\n'],
  'text of line ends': ['\r\n', '\n'],
  'text in one line': ['\r\n', 'x'],
  'text of NULs': ['\r\n', '\0'],
  'text in ISO-2022-JP': [type('text/plain; charset=iso-2022-jp'), '\x1b$BF|\x1b(B\r\n'],
  'text in UTF-7': [type('text/plain; charset=utf-7'), '+AG-'],
  'text in UTF-16': [type('text/plain; charset=utf-16'), 'a\0\n\0'],
  'text in a charset that only the parser knows': [type('text/plain; charset=cp850'), 'h\x81llo\r\n'],
  'flowed text': [type('text/plain; format=flowed; delsp=yes'), 'hello \r\n'],
  'quoted-printable of characters': [type('text/plain', 'quoted-printable'), '=41'],
  'quoted-printable of blanks': [type('text/plain', 'quoted-printable'), ' '],
  'quoted-printable of soft breaks': [type('text/plain', 'quoted-printable'), '=\n'],
  'quoted-printable of equals signs': [type('text/plain', 'quoted-printable'), '= '],
  'base64 of padding': [type('text/plain', 'base64'), '=A'],
  'base64 of junk': [type('text/plain', 'base64'), 'A!'],
  'HTML of open elements': [type('text/html'), '<b><i><div>'],
  'HTML of character references': [type('text/html'), '&amp;'],
  'HTML of angle brackets': [type('text/html'), '<'],
  'HTML of line breaks': [type('text/html'), '<br>'],
  'HTML of comments without end': [type('text/html'), '<!--'],
  delimiters: [MIXED, '--b\r\n'],
  'last delimiters': [MIXED, '--b--\r\n'],
  'lines that are nearly delimiters': [MIXED, '--bc\r\n'],
  'lines that look like delimiters': [`Content-Type: multipart/mixed\r\n\r\n`, '--c\r\ncontent-type: text/plain\r\n'],
  'header fields': ['', 'A: b\r\n'],
  'header fields of parts': [`${MIXED}--b\r\n`, 'A: b\r\n'],
  'lines in a header section that are no fields': [`${MIXED}--b\r\n`, 'A\r\n'],
  'Content-Type fields': ['', 'content-type:\n'],
  'fields that begin with Content-': ['', 'content-t:\n'],
  'a folded Content-Type': ['Content-Type: text/plain; x="', ' a\r\n'],
  'a Content-Type of parentheses': ['Content-Type: ', '('],
  'a subject of encoded words': ['Subject: ', '=?a?q?'],
  'a From of addresses': ['From: ', 'a@b,'],
  'multiparts within each other': [nested((level) => multipart(`b${'c'.repeat(level)}`)), '--bcccc\r\n'],
  'boundaries that begin alike': [nested((level) => multipart('b'.repeat(level + 1))), `--c${'b'.repeat(98)}\r\n`],
  'multiparts without boundary within each other': [
    nested((level) => `Content-Type: multipart/mixed\r\n\r\n--a${level}\r\n`),
    'x',
  ],
  'embedded messages within each other': [nested(() => 'Content-Type: message/rfc822\r\n\r\n'), '\r\nx'],
  'embedded messages in quoted-printable within each other': [
    nested(() => type('message/rfc822', 'quoted-printable')),
    '\r\nx',
  ],
  uuencode: ['\r\nbegin 644 evil.exe\r\n', '#0V%T\r\n'],
  'lines that look like uuencode': ['\r\n', 'begin 644 a\r\n'],
  'an attachment in base64': [
    `${MIXED}--b\r\n${type('application/pdf; name=a.pdf', 'base64')}`,
    `${'QUFB'.repeat(19)}\r\n`,
  ],
}

function messageOf([head, unit]: readonly [string, string]): Buffer {
  const message = Buffer.alloc(SIZE, unit, 'latin1')
  message.write(head, 'latin1')
  return message
}

function parts(each: (index: number) => string): Buffer {
  const list = Array.from({ length: 900 }, (_, index) => `--b\r\n${each(index)}\r\n`)
  return Buffer.from(`${MIXED}${list.join('')}--b--\r\n`, 'latin1')
}

interface Cost {
  readonly ms: number
  /** What it may be at most while the machine is as busy as it is. */
  readonly limit: number
  /** What came of it. */
  readonly came: string
}

/** Of some runs the first that is within its limit, or the last. */
async function costOf(bytes: Buffer, runs = RUNS): Promise<Cost> {
  const before = busyness()
  const started = process.cpuUsage()
  const message = messageFromBytes(bytes)
  const came = await message.mime().then(
    ({ text, attachments }) => `${text.length + attachments.length + (message.subject ?? '').length}`,
    (error: { code: string }) => error.code,
  )
  const ms = cpuMs(started)
  const limit = LIMIT_MS * Math.max(before, busyness())
  return ms <= limit || runs === 1 ? { ms, limit, came } : costOf(bytes, runs - 1)
}

// Loading the parser is not the message's doing; nor is the compiler's work on the first loop.
before(async () => {
  await messageFromBytes(Buffer.from('\r\nhi\r\n')).mime()
  busyness()
})

async function check(bytes: Buffer): Promise<void> {
  const { ms, came, limit } = await costOf(bytes)
  assert.match(came, /^(?:\d+|ERR_MIME_TOO_(?:DEEP|MANY_PARTS)|ERR_MIME_HEADER_TOO_LARGE)$/)
  assert.ok(ms <= limit, `${ms.toFixed(0)} ms of ${limit.toFixed(0)} (${came})`)
}

for (const [name, content] of Object.entries(MESSAGES)) test(`25 MB: ${name}`, () => check(messageOf(content)))

test('25 MB: 900 texts', () =>
  check(parts(() => `Content-Type: text/plain; charset=iso-8859-1\r\n\r\n${'x'.repeat(27_000)}`)))
test('25 MB: 900 texts that nothing has in common', () =>
  check(
    parts(
      (index) =>
        `Content-Type: text/${index % 2 ? 'html' : 'plain; format=flowed'}; charset=cp85${index % 10}\r\n\r\n${'x'.repeat(27_000)}`,
    ),
  ))
test('25 MB: 900 attachments', () =>
  check(parts(() => `${type('application/octet-stream; name=a.exe', 'base64')}${'QUFB'.repeat(7_000)}`)))

test('what is read of a message of 25 MB is right: the last of its files is seen', async () => {
  const bytes = parts(
    (index) => `Content-Type: application/octet-stream; name="${index}.exe"\r\n\r\n${'x'.repeat(27_000)}`,
  )
  const { attachments } = await messageFromBytes(bytes).mime()
  assert.equal(attachments.length, 900)
  assert.equal(attachments.at(-1)?.filename, '899.exe')
  assert.equal(attachments.at(-1)?.size, 27_000)
})
