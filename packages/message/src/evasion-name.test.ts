/** What the files of a message are called, whatever is done to hide it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Case, EXE, MIXED, read, testCases, withPart } from './evasion-fixture.test.ts'

const multipart = (type: string, delimiter = '--b') =>
  `MIME-Version: 1.0\n${type}\n\n${delimiter}\nContent-Type: application/octet-stream; name=evil.exe\nContent-Transfer-Encoding: base64\n\n${EXE}\n`
const evil = ['evil.exe']

testCases([
  // Comments.
  {
    name: 'a comment in a comment',
    message: multipart('Content-Type: (a (b) \\) c) multipart/mixed; boundary=b'),
    names: evil,
  },
  {
    name: 'comments around the slash',
    message: multipart('Content-Type: multipart (a) / (b) mixed; (c) boundary (d) = (e) b'),
    names: evil,
  },
  {
    name: 'a comment that has no end',
    message: multipart('Content-Type: multipart/mixed (a; boundary=b'),
    names: evil,
    ambiguous: ['syntax'],
  },
  {
    name: 'a comment that touches the boundary',
    message: multipart('Content-Type: multipart/mixed; boundary=b(c)'),
    names: evil,
    ambiguous: ['syntax', 'boundary'],
  },
  {
    name: 'comments in a disposition',
    message: withPart('Content-Disposition: (a) attachment (b; filename=no.txt) ; filename="evil.exe" (c)'),
    names: evil,
  },
  {
    name: 'a comment beside base64',
    message: withPart(
      'Content-Type: text/plain\nContent-Transfer-Encoding: (a) base64 (b)',
      Buffer.from('begin 644 evil.exe\n#0V%T\n`\nend\n').toString('base64'),
    ),
    names: evil,
  },
  // Separators and quotes.
  {
    name: 'no semicolon, a comma',
    message: multipart('Content-Type: multipart/mixed, boundary=b'),
    names: evil,
    ambiguous: ['syntax'],
  },
  {
    name: 'no semicolon before a name',
    message: withPart('Content-Type: application/octet-stream name="evil.exe"'),
    names: evil,
    ambiguous: ['syntax'],
  },
  {
    name: 'no semicolon between parameters',
    message: withPart('Content-Disposition: attachment; size=1 filename="evil.exe"'),
    names: evil,
    ambiguous: ['syntax'],
  },
  {
    name: 'too many semicolons',
    message: withPart('Content-Disposition: attachment;; ; filename="evil.exe";'),
    names: evil,
  },
  { name: 'no value', message: withPart('Content-Disposition: ; filename="evil.exe"'), names: evil },
  {
    name: 'blanks in a name without quotes',
    message: withPart('Content-Disposition: attachment; filename=my evil.exe'),
    names: ['my evil.exe'],
    ambiguous: ['syntax', 'name'],
  },
  {
    name: 'apostrophes for quotes',
    message: withPart("Content-Disposition: attachment; filename='my evil.exe'"),
    names: ['my evil.exe'],
    ambiguous: ['syntax', 'name'],
  },
  {
    name: 'text right behind a quoted name',
    message: withPart('Content-Disposition: attachment; filename="evil".exe'),
    names: evil,
    ambiguous: ['syntax', 'name'],
  },
  {
    name: 'a name folded in its middle',
    message: withPart('Content-Disposition: attachment; filename="evil.\n exe"'),
    names: evil,
    ambiguous: ['name'],
  },
  {
    name: 'backslashes in a name',
    message: withPart('Content-Disposition: attachment; filename="evil\\.exe"'),
    names: evil,
    ambiguous: ['name'],
  },
  {
    name: 'a dot and a blank that systems drop',
    message: withPart('Content-Disposition: attachment; filename="evil.exe. "'),
    names: evil,
  },
  {
    name: 'a NUL in a name',
    message: withPart('Content-Disposition: attachment; filename="evil.exe\0.txt"'),
    names: evil,
    ambiguous: ['name'],
  },
  // Names.
  {
    name: 'a picture that is shown, with a name',
    message: withPart('Content-Type: image/png; name=evil.exe\nContent-Disposition: inline'),
    names: evil,
  },
  {
    name: 'HTML that is shown, with a name, and nothing else',
    message: 'Content-Type: text/html; name=x.hta\n\n<p>\n',
    names: ['x.hta'],
  },
  {
    name: 'a multipart with a name',
    message: multipart('Content-Type: multipart/mixed; boundary=b; name=outer.eml'),
    names: ['outer.eml', 'evil.exe'],
  },
  {
    name: 'an unknown disposition',
    message: withPart('Content-Type: text/plain; name=evil.exe\nContent-Disposition: x-show'),
    names: evil,
  },
  {
    name: 'filename in Content-Type',
    message: withPart('Content-Type: application/octet-stream; filename=evil.exe'),
    names: evil,
  },
  {
    name: 'name in Content-Disposition',
    message: withPart('Content-Disposition: attachment; name=evil.exe'),
    names: evil,
  },
  {
    name: 'two names in one field',
    message: withPart('Content-Disposition: attachment; filename=safe.txt; filename=evil.exe'),
    names: ['safe.txt', 'evil.exe'],
    ambiguous: ['name'],
  },
  {
    name: 'name and filename differ',
    message: withPart('Content-Type: text/plain; name=evil.exe\nContent-Disposition: attachment; filename=safe.txt'),
    names: ['safe.txt', 'evil.exe'],
    ambiguous: ['name'],
  },
  {
    name: 'two dispositions',
    message: withPart(
      'Content-Disposition: inline; filename=safe.txt\nContent-Disposition: attachment; filename=evil.exe',
    ),
    names: evil,
    ambiguous: ['type', 'name'],
  },
  {
    name: 'RFC 2231: a name in pieces, out of order',
    message: withPart('Content-Disposition: attachment; filename*2=exe; filename*0=ev; filename*1="il."'),
    names: evil,
  },
  {
    name: 'RFC 2231: a name in encoded pieces',
    message: withPart("Content-Disposition: attachment; filename*0*=utf-8'en'%65vil; filename*1*=%2Eex; filename*2=e"),
    names: evil,
  },
  {
    name: 'RFC 2231: a piece is missing',
    message: withPart('Content-Disposition: attachment; filename*0=evil; filename*3=.exe'),
    names: evil,
  },
  {
    name: 'RFC 2231: a piece is there twice',
    message: withPart('Content-Disposition: attachment; filename*0=a; filename*0=evil; filename*1=.exe'),
    names: evil,
    ambiguous: ['name'],
  },
  {
    name: 'RFC 2231: no charset',
    message: withPart('Content-Disposition: attachment; filename*=evil%2eexe'),
    names: evil,
  },
  // Encoded words.
  {
    name: 'an encoded word in quotes',
    message: withPart('Content-Disposition: attachment; filename="=?utf-8?B?ZXZpbC5leGU=?="'),
    names: evil,
  },
  {
    name: 'encoded words that touch',
    message: withPart('Content-Disposition: attachment; filename="=?utf-8?Q?ev?==?utf-8?q?il.exe?="'),
    names: evil,
  },
  {
    name: 'an encoded word and text that touch',
    message: withPart('Content-Disposition: attachment; filename="e=?utf-8?Q?vil?=.exe"'),
    names: evil,
  },
  {
    name: 'raw octets in an encoded word',
    message: withPart('Content-Disposition: attachment; filename="=?iso-8859-1?Q?\xe9vil=2Eexe?="'),
    names: ['évil.exe'],
  },
  {
    name: 'raw octets of UTF-8 in an encoded word',
    message: withPart('Content-Disposition: attachment; filename="=?utf-8?Q?\xc3\xa9vil=2Eexe?="'),
    names: ['évil.exe'],
  },
  {
    name: 'raw octets',
    message: withPart('Content-Disposition: attachment; filename="\xe9vil.exe"'),
    names: ['évil.exe'],
  },
  {
    name: 'an encoded word without its end',
    message: withPart('Content-Disposition: attachment; filename="=?utf-8?B?ZXZpbC5leGU="'),
    names: evil,
  },
  {
    name: 'an unknown charset',
    message: withPart('Content-Disposition: attachment; filename="=?x-none?Q?evil=2Eexe?="'),
    names: evil,
  },
  {
    name: 'UTF-7',
    message: withPart('Content-Disposition: attachment; filename="=?utf-7?Q?evil+AC4-exe?="'),
    names: evil,
  },
  {
    name: 'a blank in base64, and the language of RFC 2231 §5',
    message: withPart('Content-Disposition: attachment; filename="=?us-ascii*en?B?ZXZp bC5leGU=?="'),
    names: evil,
  },
])

test('honest messages have the names that they have, and are not ambiguous', async () => {
  const honest: readonly (readonly [message: string, names: readonly (string | undefined)[]])[] = [
    ['Subject: a\n\nbegin with 644 words\nand end\n', []],
    ['Subject: a\n\nbegin 644 words in prose\nand so on\nend\n', []],
    ['Content-Type: text/plain; charset="utf-8"; format=flowed\n\n-- \nname=evil.exe\n', []],
    [`${MIXED}--b\n\n--bogus\nno part\n-- b\n--b--\nend\nContent-Type: a/b; name=evil.exe\n`, []],
    ['Content-Type: text/plain; boundary=b\n\nhi\n-- \nme\n', []],
    [
      withPart(
        'Content-Type: application/pdf; name="report (1).pdf"\nContent-Disposition: attachment; filename="report (1).pdf"',
      ),
      ['report (1).pdf'],
    ],
    [withPart('Content-Type: image/gif\nContent-ID: <a@b>'), [undefined]],
    [
      withPart(
        'Content-Type: a/b; name="=?utf-8?Q?r=C3=A9sum=C3=A9.pdf?="\nContent-Disposition: attachment; filename*=utf-8\'\'r%C3%A9sum%C3%A9.pdf',
      ),
      ['résumé.pdf'],
    ],
  ]
  for (const [message, names] of honest)
    assert.deepEqual(await read(message.replaceAll('\n', '\r\n')), { names, ambiguous: [] }, message)
})

const suites = process.env['POSTROAD_SUITES'] ?? fileURLToPath(new URL('../../../../shared/suites', import.meta.url))
const file = `${suites}/mime-evasion/cases.json`
const skip = existsSync(file) ? false : 'needs the suite mime-evasion: set POSTROAD_SUITES'

test('every case of the suite mime-evasion shows its names', { skip }, async () => {
  const cases: readonly Case[] = JSON.parse(readFileSync(file, 'utf8'))
  assert.ok(cases.length >= 11)
  for (const { name, message, names } of cases) {
    const found = await read(message)
    for (const each of names)
      assert.ok(found.names.includes(each), `${name}: ${each} is not among ${JSON.stringify(found.names)}`)
  }
})
