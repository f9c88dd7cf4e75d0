import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { cpuMs } from '../../../test/runner/cpu.ts'
import { MessageError } from './errors.ts'
import { htmlToText } from './html-text.ts'
import { messageFromBytes } from './message.ts'
import { checkMime } from './mime-scan.ts'

const MIXED = [
  'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=',
  'Content-Type: multipart/mixed;',
  ' boundary="b 1"',
  '',
  '--b 1',
  'Content-Type: text/html; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  '<p>Hello&nbsp;<b>w=C3=B6rld</b></p><script>no()</script><p>bye',
  '--b 1',
  'Content-Type: application/octet-stream; name=a.bin',
  'Content-Disposition: attachment; filename=a.bin',
  'Content-Transfer-Encoding: base64',
  '',
  'AAEC',
  '--b 1--',
  '',
].join('\r\n')

const message = (text: string) => messageFromBytes(Buffer.from(text))

test('a message is read as a human would: decoded subject, text made from HTML, attachments', async () => {
  const { subject, text, html, attachments } = await message(MIXED).mime()
  assert.equal(subject, 'Grüße')
  assert.equal(text, 'Hello\u00a0wörld\n\nbye')
  assert.match(html ?? '', /<b>wörld<\/b>/)
  const content = Buffer.from([0, 1, 2])
  assert.deepEqual(
    attachments.map((each) => ({ ...each, content: Buffer.from(each.content) })),
    [
      {
        filename: 'a.bin',
        contentType: 'application/octet-stream',
        size: 3,
        contentId: undefined,
        sha256: createHash('sha256').update(content).digest('hex'),
        content,
      },
    ],
  )
})

test('MIME is parsed once for a message and its edits, unless they change what it depends on', async () => {
  const first = message(MIXED)
  const mime = first.mime()
  assert.equal(first.mime(), mime)
  assert.equal(first.withHeader('X-Spam', 'no').withoutHeader('Received').mime(), mime)
  assert.equal((await first.withReplacedHeader('Subject', 'other').mime()).subject, 'other')
  assert.match(await first.withReplacedHeader('Content-Type', 'text/plain').text(), /^--b 1/)
})

test('what is too large, too deep or has too many parts rejects with a code', async () => {
  const code = async (text: string, options = {}) => {
    const error = await messageFromBytes(Buffer.from(text), options)
      .mime()
      .catch((reason: unknown) => reason)
    return error instanceof MessageError ? error.code : 'parsed'
  }
  const deep = (levels: number) => {
    let text = 'Content-Type: multipart/mixed; boundary=b0\r\n\r\n'
    for (let level = 0; level < levels - 1; level++)
      text += `--b${level}\r\ncontent-type: MULTIPART/mixed;\r\n\tboundary="b${level + 1}"\r\n\r\n`
    return text
  }
  const wide = (parts: number) =>
    `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(parts)}--b--\r\n`
  assert.equal(await code(MIXED, { size: 100 }), 'ERR_MIME_TOO_LARGE')
  assert.equal(await code(deep(101)), 'ERR_MIME_TOO_DEEP')
  assert.equal(await code(deep(100)), 'parsed')
  assert.equal(await code('Content-Type: message/rfc822\r\n\r\n'.repeat(101)), 'ERR_MIME_TOO_DEEP')
  assert.equal(await code(wide(1001)), 'ERR_MIME_TOO_MANY_PARTS')
  assert.equal(await code(wide(900)), 'parsed')
  assert.equal(await code(`\r\n${'-- \r\n--- a\r\n--b\r\n'.repeat(2000)}`), 'parsed', 'dashes in a text are no parts')
})

test('delimiters end the parts within them, and closed ones are no more seen', () => {
  const siblings = `--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\n--i--\r\n`.repeat(200)
  checkMime(Buffer.from(`Content-Type: multipart/mixed; boundary=o\r\n\r\n${siblings}--o--\r\n`), { depth: 2 })
  assert.throws(
    () => checkMime(Buffer.from(`Content-Type: multipart/mixed; boundary=o\r\n\r\n${siblings}`), { depth: 1 }),
    {
      code: 'ERR_MIME_TOO_DEEP',
    },
  )
})

test('HTML becomes the text a reader sees', () => {
  const table = [
    ['a<br>b<p>c</p>d', 'a\nb\nc\nd'],
    ['<style>x{}</style><SCRIPT>if (a<b) "</p>"</SCRIPT >y', 'y'],
    ['<!-- <p>no</p> -->yes<!doctype html>', 'yes'],
    ['1 < 2 &amp; 3 &gt; 2 &#x41;&eacute;', '1 < 2 & 3 > 2 Aé'],
    ['<a title="a>b" href=x>link</a>', 'link'],
    ['<tr><td>a</td><td>b</td></tr>', 'a b'],
    ["don<b>'</b>t  stop\r\n now", "don't stop now"],
    ['<p title="open', ''],
  ] as const
  for (const [html, text] of table) assert.equal(htmlToText(html), text, html)
})

test('no octets make the readers hang or fail without a code', async () => {
  const unit = fc.constantFrom(
    'Content-Type: ',
    'multipart/mixed; boundary=b',
    'message/rfc822',
    'text/html',
    '\r\n',
    '\r\n\r\n',
    '--b',
    '--b--',
    '<',
    '>',
    '<p ',
    '"',
    '<!--',
    '=?utf-8?B?',
    'x',
    '\0',
    'é',
  )
  await fc.assert(
    fc.asyncProperty(fc.string({ unit, maxLength: 30 }), async (text) => {
      htmlToText(text)
      const error = await message(text)
        .mime()
        .then(
          () => undefined,
          (reason: unknown) => reason,
        )
      assert.ok(error === undefined || error instanceof MessageError)
    }),
    { numRuns: 60 },
  )
})

test('structure and HTML of megabytes are read in linear time', () => {
  const started = process.cpuUsage()
  for (const unit of ['--b\r\n', '<div>', '<', '<!--', '<a "', '<script>', '</', "<p title='", '&'])
    for (const size of [300_000]) {
      htmlToText(unit.repeat(size / 2))
      checkMime(Buffer.from(`Content-Type: multipart/mixed; boundary=c\r\n\r\n${unit.repeat(size)}`))
      checkMime(Buffer.from(`Content-Type: ${unit.repeat(size)}\r\n\r\n`))
    }
  checkMime(Buffer.from(`Content-Type: multipart/mixed${'; \t'.repeat(300_000)}\r\n\r\n`))
  assert.ok(cpuMs(started) < 3000)
})

const suites = process.env['POSTROAD_SUITES'] ?? fileURLToPath(new URL('../../../../shared/suites', import.meta.url))
const folder = `${suites}/mime/messages`
const skip = existsSync(folder) ? false : 'needs the suite mime: set POSTROAD_SUITES'

test('the awkward messages of MimeKit are parsed, and their octets kept', { skip }, async () => {
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(`${folder}/${name}`)
    const each = messageFromBytes(bytes)
    const mime = await each.mime()
    assert.equal(typeof mime.text, 'string', name)
    assert.ok(each.headers.length > 0, name)
    assert.ok(Buffer.concat(each.withHeader('X', 'y').withoutHeader('X').chunks() ?? []).equals(bytes), name)
  }
})
