/** Where the parts of a message are, whatever is done to hide it. */
import { EXE, MIXED, testCases, withPart } from './evasion-fixture.test.ts'

const multipart = (type: string, delimiter = '--b') =>
  `MIME-Version: 1.0\n${type}\n\n${delimiter}\nContent-Type: application/octet-stream; name=evil.exe\nContent-Transfer-Encoding: base64\n\n${EXE}\n`
const evil = ['evil.exe']

testCases([
  // Delimiters.
  {
    name: 'RFC 2046 §5.1.1: tabs and blanks behind a delimiter',
    message: multipart('Content-Type: multipart/mixed; boundary=b', '--b \t \t'),
    names: evil,
  },
  {
    name: 'lines that end in LF only',
    message: `\n${multipart('X: y')}`.slice(1).replace('X: y', 'Content-Type: multipart/mixed; boundary=b'),
    names: evil,
  },
  {
    name: 'a boundary that ends in a blank, which RFC 2046 §5.1.1 does not allow',
    message: multipart('Content-Type: multipart/mixed; boundary="b "'),
    names: evil,
  },
  {
    name: 'a part behind the last delimiter',
    message: `${MIXED}--b\n\nhi\n--b--\n--b\nContent-Type: application/octet-stream; name=evil.exe\n\nx\n`,
    names: evil,
    ambiguous: ['delimiter'],
  },
  {
    name: 'a part right behind the last delimiter',
    message: `${MIXED}--b\n\nhi\n--b--\nContent-Type: application/octet-stream; name=evil.exe\n\nx\n`,
    names: evil,
    ambiguous: ['delimiter'],
  },
  {
    name: 'a delimiter of an outer multipart too early, as readers take it that look for the innermost only',
    message: `${MIXED}--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nhi\n--b\n\nhi\n--c\nContent-Type: a/b; name=evil.exe\n\nx\n--c--\n--b--\n`,
    names: evil,
    ambiguous: ['delimiter'],
  },
  {
    name: 'the last delimiter of an outer multipart too early',
    message: `${MIXED}--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nhi\n--b--\n--c\nContent-Type: a/b; name=evil.exe\n\nx\n--c--\n--b--\n`,
    names: evil,
    ambiguous: ['delimiter'],
  },
  {
    name: 'a delimiter with more text, as readers take it that compare only the beginning',
    message: `${MIXED}--b\n\nhi\n--bogus\nContent-Type: application/octet-stream; name=evil.exe\n\nx\n--b--\n`,
    names: evil,
    ambiguous: ['delimiter'],
  },
  {
    name: 'a delimiter right below a header section',
    message: `${MIXED}--b\nContent-Type: text/plain\n--b\nContent-Type: application/octet-stream; name=evil.exe\n--b--\n`,
    names: evil,
  },
  { name: 'no last delimiter', message: multipart('Content-Type: multipart/mixed; boundary=b'), names: evil },
  {
    name: 'a multipart within one of the same boundary',
    message: `${MIXED}--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/octet-stream; name=evil.exe\n\nx\n--b--\n--b--\n`,
    names: evil,
    ambiguous: ['boundary'],
  },
  {
    name: 'a boundary that begins like that around it',
    message: `${MIXED}--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\nContent-Type: application/octet-stream; name=evil.exe\n\nx\n--bb--\n--b\nContent-Type: text/x-sh; name=b.sh\n\nx\n--b--\n`,
    names: ['evil.exe', 'b.sh'],
  },
  // Boundaries.
  {
    name: 'two boundaries, the second one used',
    message: multipart('Content-Type: multipart/mixed; boundary=a; boundary=b'),
    names: evil,
    ambiguous: ['boundary'],
  },
  {
    name: 'two boundaries, the first one used',
    message: multipart('Content-Type: multipart/mixed; boundary=b; boundary=a'),
    names: evil,
    ambiguous: ['boundary'],
  },
  { name: 'no boundary', message: multipart('Content-Type: multipart/mixed'), names: evil, ambiguous: ['boundary'] },
  {
    name: 'another boundary than that used',
    message: multipart('Content-Type: multipart/mixed; boundary=a'),
    names: evil,
    ambiguous: ['boundary'],
  },
  {
    name: 'the empty boundary',
    message: multipart('Content-Type: multipart/mixed; boundary=""', '--'),
    names: evil,
    ambiguous: ['boundary'],
  },
  {
    name: 'RFC 2231: a boundary in pieces',
    message: multipart('Content-Type: multipart/mixed; boundary*1=c; boundary*0=b', '--bc'),
    names: evil,
  },
  {
    name: 'RFC 2231: a boundary with percent signs',
    message: multipart("Content-Type: multipart/mixed; boundary*=us-ascii''%62"),
    names: evil,
  },
  {
    name: 'an encoded word for a boundary',
    message: multipart('Content-Type: multipart/mixed; boundary="=?us-ascii?Q?b?="'),
    names: evil,
    ambiguous: ['boundary'],
  },
  {
    name: 'a boundary of 2,000 characters',
    message: multipart(`Content-Type: multipart/mixed; boundary=${'b'.repeat(2000)}`, `--${'b'.repeat(2000)}`),
    names: evil,
  },
  {
    name: 'a boundary without its second quote',
    message: multipart('Content-Type: multipart/mixed; boundary="b'),
    names: evil,
    ambiguous: ['syntax'],
  },
  {
    name: 'text right behind a quoted boundary',
    message: multipart('Content-Type: multipart/mixed; boundary="b"c'),
    names: evil,
    ambiguous: ['syntax', 'boundary'],
  },
  {
    name: 'a backslash in a boundary',
    message: multipart('Content-Type: multipart/mixed; boundary="\\b"', '--\\b'),
    names: evil,
    ambiguous: ['boundary'],
  },
  // Fields.
  {
    name: 'two types, the first one a multipart',
    message: multipart('Content-Type: multipart/mixed; boundary=b\nContent-Type: text/plain'),
    names: evil,
    ambiguous: ['type'],
  },
  { name: 'a type without a subtype', message: multipart('Content-Type: multipart; boundary=b'), names: evil },
  {
    name: 'a boundary without a type',
    message: multipart('Content-Type: boundary=b'),
    names: evil,
    ambiguous: ['syntax'],
  },
  { name: 'a type in quotes', message: multipart('Content-Type: "multipart/mixed"; boundary=b'), names: evil },
  { name: 'blanks before the colon', message: multipart('Content-Type \t: multipart/mixed; boundary=b'), names: evil },
  {
    name: 'a line that is no field above the type',
    message: withPart('hello\nContent-Type: application/octet-stream; name=evil.exe'),
    names: evil,
    ambiguous: ['header'],
  },
  {
    name: 'blanks before the first field of a part',
    message: withPart(' Content-Type: application/octet-stream; name=evil.exe'),
    names: evil,
  },
  {
    name: 'a type folded by a line of blanks',
    message: multipart('Content-Type: multipart/mixed;\n \t\n boundary=b'),
    names: evil,
  },
  {
    name: 'no empty line above the first delimiter',
    message: `Content-Type: multipart/mixed; boundary=b\n--b\nContent-Type: a/b; name=evil.exe\n\nx\n--b--\n`,
    names: evil,
    ambiguous: ['header'],
  },
  {
    name: 'a line that is no field instead of the empty line',
    message: `Content-Type: multipart/mixed; boundary=b\nx\n--b\nContent-Type: a/b; name=evil.exe\n\nx\n--b--\n`,
    names: evil,
    ambiguous: ['header'],
  },
  {
    name: 'a boundary of what is no multipart',
    message: multipart('Content-Type: mulitpart/mixed; boundary=b'),
    names: evil,
    ambiguous: ['type'],
  },
  {
    name: 'an unknown kind of message',
    message: withPart('Content-Type: message/rfc-822', 'Content-Type: a/b; name=evil.exe\n\nx'),
    names: evil,
  },
  // Encodings.
  {
    name: 'two encodings',
    message: withPart(
      'Content-Type: text/plain\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64',
      'YmVnaW4gNjQ0IGV2aWwuZXhlCiMwViVUCmAKZW5kCg==',
    ),
    names: evil,
    ambiguous: ['encoding'],
  },
  {
    name: 'an encoding in quotes, with more',
    message: withPart(
      'Content-Type: text/plain\nContent-Transfer-Encoding: "base64";',
      'YmVnaW4gNjQ0IGV2aWwuZXhlCiMwViVUCmAKZW5kCg==',
    ),
    names: evil,
  },
  {
    name: 'a multipart in base64',
    message: `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n${Buffer.from('--b\r\nContent-Type: a/b; name=evil.exe\r\n\r\nx\r\n--b--\r\n').toString('base64')}\n`,
    names: evil,
    ambiguous: ['boundary'],
  },
  // Embedded messages.
  {
    name: 'an embedded message in base64',
    message: withPart(
      'Content-Type: message/rfc822\nContent-Transfer-Encoding: base64',
      Buffer.from('Content-Type: a/b; name=evil.exe\r\n\r\nx').toString('base64'),
    ),
    names: evil,
  },
  {
    name: 'an embedded message in quoted-printable',
    message: withPart(
      'Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable',
      'Content-Type: a/b; name=3Devil.exe\n\nx'.replace('name=3D', 'name=3D'),
    ),
    names: evil,
  },
  {
    name: 'an embedded message within another',
    message: withPart(
      'Content-Type: message/rfc822',
      `Content-Type: message/rfc822\n\nContent-Type: application/x-sh; name=evil.sh\n\nx`,
    ),
    names: ['evil.sh'],
  },
  {
    name: 'RFC 6532: message/global',
    message: withPart('Content-Type: message/global', 'Content-Type: a/b; name=evil.exe\n\nx'),
    names: evil,
  },
  {
    name: 'the first piece of message/partial',
    message: 'Content-Type: message/partial; id=a; number=1; total=2\n\nContent-Type: a/b; name=evil.exe\n\nx\n',
    names: evil,
  },
  {
    name: 'message/external-body',
    message: withPart('Content-Type: message/external-body; access-type=x', 'Content-Type: a/b; name=evil.exe\n\n'),
    names: evil,
  },
  // Digests.
  {
    name: 'a digest whose part says what it is',
    message: 'Content-Type: multipart/digest; boundary=b\n\n--b\nContent-Type: a/b; name=evil.exe\n\nx\n--b--\n',
    names: evil,
  },
  {
    name: 'a digest in a digest',
    message:
      'Content-Type: multipart/digest; boundary=b\n\n--b\n\nContent-Type: multipart/digest; boundary=c\n\n--c\n\nContent-Type: a/b; name=evil.exe\n\nx\n--c--\n--b--\n',
    names: evil,
  },
  {
    name: 'a digest whose part has only a disposition',
    message:
      'Content-Type: multipart/digest; boundary=b\n\n--b\nContent-Disposition: inline\n\nContent-Type: a/b; name=evil.exe\n\nx\n--b--\n',
    names: evil,
  },
  // Files in texts.
  {
    name: 'two files in a text',
    message: '\nhi\nbegin 644 a.txt\n#0V%T\n`\nend\nbegin 0755 evil.exe\n#0V%T\n`\nend\n',
    names: ['a.txt', 'evil.exe'],
  },
  {
    name: 'uuencode in a part of quoted-printable',
    message: withPart(
      'Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable',
      '=62egin 644 evil.exe\n#0V%T\n`\nend',
    ),
    names: evil,
  },
  { name: 'uuencode in HTML', message: 'Content-Type: text/html\n\nbegin 666 evil.exe\n#0V%T\n`\nend\n', names: evil },
  { name: 'base64 between the lines of uuencode', message: `\nbegin-base64 644 evil.exe\n${EXE}\n====\n`, names: evil },
  { name: 'yEnc', message: '\n=ybegin line=128 size=3 name=evil.exe\n\x6d\x8b\x9e\n=yend size=3\n', names: evil },
  {
    name: 'a whole message in uuencode',
    message:
      'Content-Type: application/octet-stream; name=evil.exe\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n#0V%T\n`\nend\n',
    names: evil,
    ambiguous: ['name'],
  },
])
