import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Mime } from '@postroad/mail'
import fc from 'fast-check'
import { cpuMs } from '../../../test/runner/cpu.ts'
import { MessageError } from './errors.ts'
import { htmlToText } from './html-text.ts'
import { messageFromBytes } from './message.ts'
import { scanMime } from './mime-scan.ts'

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
  const { subject, text, html, htmlText, attachments, ambiguous, isTruncated } = await message(MIXED).mime()
  assert.equal(subject, 'Grüße')
  assert.equal(text, 'Hello\u00a0wörld\n\nbye')
  assert.equal(htmlText, text)
  assert.match(html ?? '', /<b>wörld<\/b>/)
  assert.deepEqual([ambiguous, isTruncated], [[], false])
  assert.equal(attachments.length, 1)
  const [file] = attachments
  const content = Buffer.from([0, 1, 2])
  assert.deepEqual(
    [file?.filename, file?.contentType, file?.sniffedType, file?.size, file?.contentId, file?.part],
    ['a.bin', 'application/octet-stream', undefined, 3, undefined, '2'],
  )
  assert.equal(file?.sha256, createHash('sha256').update(content).digest('hex'))
  assert.deepEqual(Buffer.from(file?.content ?? []), content)
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
  assert.equal(await code(`Content-Type: a/b; x=${'y'.repeat(1_100_000)}\r\n\r\n`), 'ERR_MIME_HEADER_TOO_LARGE')
  assert.equal(
    await code(`Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${'Content-X: y\r\n'.repeat(20_001)}`),
    'ERR_MIME_HEADER_TOO_LARGE',
  )
  assert.equal(await code(`\r\n${'-- \r\n--- a\r\n--b\r\n'.repeat(2000)}`), 'parsed', 'dashes in a text are no parts')
})

test('delimiters end the parts within them, and closed ones are no more seen', () => {
  const siblings = `--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\n--i--\r\n`.repeat(200)
  scanMime(Buffer.from(`Content-Type: multipart/mixed; boundary=o\r\n\r\n${siblings}--o--\r\n`), { depth: 2 })
  assert.throws(
    () => scanMime(Buffer.from(`Content-Type: multipart/mixed; boundary=o\r\n\r\n${siblings}`), { depth: 1 }),
    {
      code: 'ERR_MIME_TOO_DEEP',
    },
  )
})

test('text is all that is shown: plain text, and that of HTML without a plain alternative', async () => {
  const alternative = (...parts: string[]) =>
    `Content-Type: multipart/alternative; boundary=a\n\n${parts.map((each) => `--a\n${each}\n`).join('')}--a--`
  const plain = 'Content-Type: text/plain\n\nplain'
  const html = 'Content-Type: text/html\n\n<p>html</p>'
  const mixed = (...parts: string[]) =>
    `Content-Type: multipart/mixed; boundary=b\n\n${parts.map((each) => `--b\n${each}\n`).join('')}--b--\n`
  const table = [
    [alternative(plain, html), 'plain', 'html'],
    [alternative('Content-Type: text/plain\n\n \n', html), 'html', 'html'],
    [mixed(plain, html), 'plain\nhtml', 'html'],
    [mixed(alternative(plain, html), html), 'plain\nhtml\n\nhtml', 'html\n\nhtml'],
    [mixed('Content-Type: text/x-unknown\n\nshown', 'Content-Type: text/calendar\n\nnot'), 'shown', undefined],
    [mixed(plain, 'Content-Type: text/plain\nContent-Disposition: attachment\n\nnot'), 'plain', undefined],
    [
      mixed(plain, 'Content-Type: message/rfc822\n\nSubject: =?utf-8?Q?w=6Fn?=\n\nshown'),
      'plain\nSubject: won\n\nshown',
      undefined,
    ],
    ['Content-Type: nonsense\n\nshown', 'shown', undefined],
    ['Content-Type: multipart/mixed; boundary=b\n\nshown', 'shown', undefined],
    ['Content-Type: text/plain; format=flowed\n\nflowed \ntext', 'flowed text', undefined],
    ['Content-Type: text/plain; format=flowed; delsp=yes\n\nflo \nwed', 'flowed', undefined],
  ] as const
  for (const [text, shown, shownHtml] of table) {
    const mime = await message(text.replaceAll('\n', '\r\n')).mime()
    assert.equal(mime.text.trim(), shown, text)
    assert.equal(mime.htmlText, shownHtml, text)
  }
})

test('text is decoded by the charset that clients take, declared or not', async () => {
  const decoded = async (type: string, octets: string) =>
    (await messageFromBytes(Buffer.from(`Content-Type: text/plain${type}\r\n\r\n${octets}`, 'latin1')).mime()).text
  const table = [
    ['', 'Gr\xc3\xbc\xc3\x9fe', 'Grüße'],
    ['', 'Gr\xfc\xdfe', 'Grüße'],
    ['; charset=us-ascii', 'Gr\xfc\xdfe', 'Grüße'],
    ['; charset=utf-8', 'Gr\xfc\xdfe', 'Grüße'],
    ['; charset=iso-8859-1', 'Gr\xfc\xdfe \x80', 'Grüße €'],
    ['; charset=iso-2022-jp', '\x1b$BF|K\\\x1b(B', '日本'],
    ['; charset=shift_jis', '\x93\xfa\x96\x7b', '日本'],
    ['; charset=utf-7', 'you +AGgAYQB2AGU- won+-', 'you have won+'],
    ['; charset=utf-16le', 'h\0i\0', 'hi'],
    ['; charset=utf-16', '\xfe\xff\0h\0i', 'hi'],
    ['; charset=cp850', 'Gr\x81\xe1e', 'Grüße'],
    ['; charset=x-none', 'Gr\xfc\xdfe', 'Gr\ufffd\ufffde'],
    ['; charset="x none"', 'Gr\xfc\xdfe', 'Grüße'],
  ] as const
  for (const [type, octets, text] of table) assert.equal(await decoded(type, octets), text, `${type} ${octets}`)
})

test('text longer than the limit is cut, and that is said', async () => {
  const mime = await messageFromBytes(Buffer.from(`\r\n${'x'.repeat(100)}`), { text: 50 }).mime()
  assert.deepEqual([mime.text, mime.isTruncated], ['x'.repeat(50), true])
})

test('an attachment can be read piece by piece, again and again, in every encoding', async () => {
  const octets = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 7) & 0xff))
  const bodies = [
    ['base64', octets.toString('base64').replace(/.{76}/g, '$&\r\n')],
    [
      'quoted-printable',
      [...octets]
        .map((octet) => `=${octet.toString(16).padStart(2, '0')}`)
        .join('')
        .replace(/.{75}/g, '$&=\r\n'),
    ],
    ['binary', octets.toString('latin1')],
  ] as const
  for (const [encoding, body] of bodies) {
    const text = `Content-Type: a/b; name=c\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}`
    const [file] = (await messageFromBytes(Buffer.from(text, 'latin1')).mime()).attachments
    assert.ok(file)
    for (let time = 0; time < 2; time++) {
      const pieces: Uint8Array[] = []
      for await (const piece of file.read()) pieces.push(piece)
      assert.ok(pieces.length > 2 && Buffer.concat(pieces).equals(octets), encoding)
    }
    assert.equal(file.size, octets.length)
    assert.equal(file.sha256, createHash('sha256').update(octets).digest('hex'))
    assert.equal(file.content, file.content)
    assert.equal(file.size, octets.length)
  }
})

test('what content is by its first octets is said beside what it is called', async () => {
  const table = [
    ['MZ\x90\0', 'application/vnd.microsoft.portable-executable'],
    ['PK\x03\x04', 'application/zip'],
    ['%PDF-1.7', 'application/pdf'],
    ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'application/x-ole-storage'],
    ['L\0\0\0\x01\x14\x02\0', 'application/x-ms-shortcut'],
    ['\n <!DOCTYPE html><p>', 'text/html'],
    ['<html><HTA:APPLICATION id=a>', 'application/hta'],
    ['<?xml version="1.0"?><svg onload=x>', 'image/svg+xml'],
    ['\xff\xfe<\0h\0t\0m\0l\0>\0', 'text/html'],
    ['#!/bin/sh', 'application/x-shellscript'],
    ['[InternetShortcut]', 'application/x-ms-internet-shortcut'],
    ['Received: from a\n', 'message/rfc822'],
    ['BMW and Audi', undefined],
    ['hello', undefined],
    ['', undefined],
  ] as const
  for (const [octets, type] of table) {
    const text = `Content-Type: image/png; name=cat.png\r\nContent-Transfer-Encoding: base64\r\n\r\n${btoa(octets)}`
    const [file] = (await message(text).mime()).attachments
    assert.deepEqual([file?.contentType, file?.sniffedType], ['image/png', type], octets)
  }
})

test('parts have the numbers of IMAP: the example of RFC 9051 §6.4.5', async () => {
  const leaf = 'Content-Type: a/b\n\nx'
  const mixed = (boundary: string, ...parts: string[]) =>
    `Content-Type: multipart/mixed; boundary=${boundary}\n\n${parts.map((each) => `--${boundary}\n${each}\n`).join('')}--${boundary}--`
  const inner = `Content-Type: message/rfc822\n\n${mixed('c', leaf, leaf)}`
  const deep = mixed('d', leaf, `Content-Type: message/rfc822\n\n${mixed('e', leaf, mixed('f', leaf, leaf))}`)
  const { attachments } = await message(mixed('b', leaf, leaf, inner, deep)).mime()
  assert.deepEqual(
    attachments.map(({ part }) => part),
    ['1', '2', '3', '3.1', '3.2', '4.1', '4.2', '4.2.1', '4.2.2.1', '4.2.2.2'],
  )
})

test('several fields of which one may be there are ambiguous', async () => {
  const found = async (text: string) => (await message(`${text}\r\n\r\nx`).mime()).ambiguous
  assert.deepEqual(await found('From: a@b\r\nSubject: c\r\nTo: d@e'), [])
  assert.deepEqual(await found('From: a@b\r\nfrom: c@d'), ['from'])
  assert.deepEqual(await found('Subject: a\r\nSubject: b'), ['fields'])
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
    // What browsers show, whatever it looks like.
    ['İİİİ<b>İ</b><script>no</script>you have won', 'İİİİİyou have won'],
    ['<script>İ</script>a<style>İ</style>b', 'ab'],
    ['<!-->a<!-- --!>b', 'ab'],
    ['<![CDATA[>a]]>', 'a]]>'],
    ['y\0ou have w\0on', 'you have won'],
    ['<xmp><b>a</xmp>', '<b>a'],
    ['<textarea><b>a&amp;</textarea>', '<b>a&'],
    ['<plaintext><b>a', '<b>a'],
    ['<title>no</title><template><p>no<template>no</template></template>a', 'a'],
    ['<noscript>a</noscript></>b</ no>c<?no?>d', 'abcd'],
    ['&#x61&#98;&#0;', 'ab\ufffd'],
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
    '; name=a.exe',
    '; boundary*0=b',
    '(',
    '=?utf-8?Q?b?=',
    'Content-Disposition: inline; filename="b"',
    'Content-Transfer-Encoding: base64\r\n',
    'Content-Transfer-Encoding: quoted-printable\r\n',
    'multipart/digest; boundary=',
    'begin 644 c.exe\r\n#0V%T\r\n',
    '=ybegin name=d\r\n',
    '=',
    ' ',
  )
  await fc.assert(
    fc.asyncProperty(fc.string({ unit, maxLength: 30 }), async (text) => {
      htmlToText(text)
      const mime = await message(text)
        .mime()
        .catch((reason: unknown) => reason)
      if (mime instanceof MessageError) return
      // Anything else that was thrown has no attachments.
      for (const file of (mime as Mime).attachments) {
        let size = 0
        for await (const piece of file.read()) size += piece.length
        assert.deepEqual([file.size, file.content.length], [size, size])
        assert.match(file.sha256, /^[0-9a-f]{64}$/)
      }
      assert.ok(typeof (mime as Mime).text === 'string')
    }),
    { numRuns: 200 },
  )
})

test('structure and HTML of megabytes are read in linear time', () => {
  const started = process.cpuUsage()
  for (const unit of ['--b\r\n', '<div>', '<', '<!--', '<a "', '<script>', '</', "<p title='", '&'])
    for (const size of [300_000]) {
      htmlToText(unit.repeat(size / 2))
      scanMime(Buffer.from(`Content-Type: multipart/mixed; boundary=c\r\n\r\n${unit.repeat(size)}`))
      scanMime(Buffer.from(`Content-Type: ${unit.repeat(size / 10)}\r\n\r\n`))
    }
  scanMime(Buffer.from(`Content-Type: multipart/mixed${'; \t'.repeat(100_000)}\r\n\r\n`))
  assert.ok(cpuMs(started) < 3000)
})

test('a file in a text is seen behind lines of any length, and within its part only', async () => {
  const file = '\nbegin 644 evil.exe\n#0V%T\n`\nend\n'
  const names = async (text: string) =>
    (await messageFromBytes(Buffer.from(text)).mime()).attachments.map(({ filename }) => filename)
  for (const length of [0, 1, 254, 255, 256, 257, 258, 511, 512, 5_000])
    assert.deepEqual(await names(`\n${'x'.repeat(length)}${file}`), ['evil.exe'], `${length}`)
  const parts = `Content-Type: multipart/mixed; boundary=b\n\n--b\n\n${'x'.repeat(300)}\n--b\n${file}--b--\n`
  assert.deepEqual(await names(parts), ['evil.exe'])
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
