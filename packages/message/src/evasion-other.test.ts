import { type Case, EXE, MIXED, testCases, withPart } from './evasion-fixture.test.ts'

const evil = ['evil.exe']
const att =
  'Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=evil.exe'
const cases: Case[] = [
  {
    name: 'boundary on a continuation line',
    message: `MIME-Version: 1.0\nContent-Type: multipart/mixed;\n\tboundary=\n "b"\n\n--b\n${att}\n\n${EXE}\n--b--\n`,
    names: evil,
  },
  {
    name: 'no blanks at all',
    message: `Content-Type:multipart/mixed;boundary=b\n\n--b\nContent-Disposition:attachment;filename=evil.exe\n\nx\n--b--\n`,
    names: evil,
  },
  {
    name: 'mbox line in front of an embedded message',
    message: withPart(
      'Content-Type: message/rfc822',
      `From a@b Thu Jan  1 00:00:00 2026\nSubject: x\n${att}\n\n${EXE}`,
    ),
    names: evil,
  },
  {
    name: '>From line in front',
    message: withPart(
      'Content-Type: message/rfc822',
      `>From a@b Thu Jan  1 00:00:00 2026\nSubject: x\n${att}\n\n${EXE}`,
    ),
    names: evil,
    ambiguous: ['header'],
  },
  {
    name: 'a character of UTF-8 split between encoded words',
    message: withPart('Content-Disposition: attachment; filename="=?utf-8?Q?evil=C3?= =?utf-8?Q?=A9.exe?="'),
    names: ['evilé.exe'],
  },
  {
    name: 'name* in Content-Type',
    message: withPart("Content-Type: application/x; name*=utf-8''evil%2Eexe"),
    names: evil,
  },
  {
    name: 'UTF-16 word',
    message: withPart('Content-Disposition: attachment; filename="=?utf-16be?B?AGUAdgBpAGwALgBlAHgAZQ==?="'),
    names: evil,
  },
  {
    name: 'iso-2022-jp name',
    message: withPart('Content-Disposition: attachment; filename="=?iso-2022-jp?B?GyRCJCIbKEIuZXhl?="'),
    names: ['あ.exe'],
  },
  { name: 'uuencode with an empty line behind begin', message: '\nbegin 644 evil.exe\n\n#0V%T\n`\nend\n', names: evil },
  {
    name: 'appledouble',
    message: withPart(
      'Content-Type: multipart/appledouble; boundary=c',
      `--c\nContent-Type: application/applefile; name="evil"\n\nx\n--c\n${att}\n\n${EXE}\n--c--`,
    ),
    names: evil,
  },
  {
    name: 'delimiter behind CR CR LF',
    message: `${MIXED}--b\nContent-Type: text/plain\n\nhi\r\n--b\n${att}\n\n${EXE}\n--b--\n`,
    names: evil,
  },
  {
    name: 'digest of multiparts',
    message: `Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\nContent-Type: multipart/mixed; boundary=c\n\n--c\n${att}\n\n${EXE}\n--c--\n--b--\n`,
    names: evil,
  },
  {
    name: 'part type in a comment',
    message: withPart('Content-Type: (text/plain) application/octet-stream (x); (y) name (z) = (w) "evil.exe" (v)'),
    names: evil,
  },
  {
    name: 'missing colon space tab before name',
    message: withPart('Content-Disposition: attachment\n\t; filename\n\t= evil.exe'),
    names: evil,
  },
  {
    name: 'a vcalendar with name',
    message: 'Content-Type: text/calendar; name=evil.ics\n\nBEGIN:VCALENDAR\n',
    names: ['evil.ics'],
  },
  {
    name: 'HTA inline, single part',
    message: 'Content-Type: text/html; name="evil.hta"\nContent-Disposition: inline\n\n<hta:application>\n',
    names: ['evil.hta'],
  },
  {
    name: 'two multiparts in a row of the same boundary',
    message: `${MIXED}--b\nContent-Type: multipart/alternative; boundary=b2\n\n--b2\n\nhi\n--b2--\n--b\nContent-Type: multipart/related; boundary=b2\n\n--b2\n${att}\n\n${EXE}\n--b2--\n--b--\n`,
    names: evil,
  },
  {
    name: 'delivery status with attached original',
    message: `Content-Type: multipart/report; boundary=b; report-type=delivery-status\n\n--b\n\nhi\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n--b\nContent-Type: text/rfc822-headers; name=evil.exe\n\nSubject: x\n--b--\n`,
    names: evil,
  },
  {
    name: 'message/rfc822 with text name',
    message: withPart('Content-Type: message/rfc822; name="evil.exe"', 'Subject: x\n\nhi'),
    names: evil,
  },
  {
    name: 'news message',
    message: withPart('Content-Type: message/news', `Subject: x\n${att}\n\n${EXE}`),
    names: evil,
  },
  {
    name: 'x-uuencode as an encoding',
    message: withPart(
      'Content-Type: application/octet-stream\nContent-Transfer-Encoding: x-uuencode',
      'begin 644 evil.exe\n#0V%T\n`\nend',
    ),
    names: evil,
  },
  {
    name: 'Content-Type by an encoded word for its name and no quotes',
    message: withPart('Content-Type: application/x; name==?utf-8?Q?evil=2Eexe?='),
    names: evil,
  },
  {
    name: 'filename in two lines, tab',
    message: withPart('Content-Disposition: attachment; filename="evil\n\t.exe"'),
    names: evil,
    ambiguous: ['name'],
  },
  {
    name: 'name with percent in plain filename',
    message: withPart('Content-Disposition: attachment; filename="evil%2Eexe"'),
    names: ['evil%2Eexe'],
  },
  {
    name: 'base64 text that holds uuencode',
    message: withPart(
      'Content-Type: text/plain\nContent-Transfer-Encoding: base64',
      Buffer.from('begin 644 evil.exe\n#0V%T\n`\nend\n').toString('base64'),
    ),
    names: evil,
  },
  {
    name: 'multipart/x-mixed-replace in multipart/signed',
    message: `Content-Type: multipart/signed; boundary=s; protocol="application/pgp-signature"\n\n--s\nContent-Type: multipart/x-mixed-replace; boundary=c\n\n--c\n${att}\n\n${EXE}\n--c--\n--s\nContent-Type: application/pgp-signature; name=signature.asc\n\nx\n--s--\n`,
    names: evil,
  },
]
testCases(cases)
