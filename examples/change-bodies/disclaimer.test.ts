import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { pluginContract, testPlugin } from '@postroad/testing'
import { planDisclaimer, withDisclaimer } from './disclaimer/plan.ts'
import { wordsOf } from './disclaimer/words.ts'
import { disclaimer } from './disclaimer.ts'

const ASCII = 'Example Ltd, No. 1'
const UMLAUT = 'Müller GmbH — Köln'

/** What becomes of a message: one character an octet, line ends as they are; its boundary is called `NEW`. */
async function rewritten(text: string, words = ASCII, html?: string): Promise<string> {
  const message = messageFromBytes(Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1'))
  const plan = await planDisclaimer(message, wordsOf({ text: words, html }))
  if (plan.how === 'none') return `none: ${plan.why}`
  const out = Buffer.concat((await withDisclaimer(message, plan)).chunks?.() ?? []).toString('latin1')
  return out
    .replaceAll('\r\n', '\n')
    .replace(/=_[0-9a-f]{36}/g, 'NEW')
    .replace(';\n boundary="NEW"', '; boundary="NEW"')
}

const octets = (text: string) => Buffer.from(text).toString('latin1')
const typed = (type: string, body: string) => `MIME-Version: 1.0\nContent-Type: ${type}\n\n${body}`

test('RFC 2045 §5.2: a message without MIME gets the text below, and no field that it needs not', async () => {
  assert.equal(await rewritten('Subject: x\n\nHello\n'), `Subject: x\n\nHello\n\n${ASCII}\n`)
  assert.equal(await rewritten('Subject: x\n\nHello'), `Subject: x\n\nHello\n\n${ASCII}\n`)
  assert.equal(await rewritten('Subject: x\n\n'), `Subject: x\n\n${ASCII}\n`)
  assert.equal(await rewritten('Subject: x\n'), `Subject: x\n\n${ASCII}\n`)
})

test('a text beyond ASCII makes UTF-8 of a us-ascii message, in seven bits', async () => {
  assert.equal(
    await rewritten('Subject: x\n\n1 + 1 = 2\n', UMLAUT),
    'Content-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=utf-8\nMIME-Version: 1.0\n' +
      'Subject: x\n\n1 + 1 =3D 2\n\nM=C3=BCller GmbH =E2=80=94 K=C3=B6ln\n',
  )
  assert.equal(
    await rewritten(typed('text/plain; charset="us-ascii"; x=y', 'Hi\n'), UMLAUT),
    'Content-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8; x=y\n\n' +
      'Hi\n\nM=C3=BCller GmbH =E2=80=94 K=C3=B6ln\n',
  )
})

test('a charset that has all of the text stays', async () => {
  const latin = (words: string) =>
    rewritten(`Content-Transfer-Encoding: 8bit\n${typed('text/plain; charset=iso-8859-1', 'Gr\xfc\xdfe\n')}`, words)
  assert.match(await latin('Müller'), /charset=iso-8859-1\n\nGr\xfc\xdfe\n\nM\xfcller\n$/)
  // A dash is in windows-1252 only: all of it comes into UTF-8.
  assert.equal(
    await latin(UMLAUT),
    octets(`Content-Transfer-Encoding: 8bit\n${typed('text/plain; charset=utf-8', `Grüße\n\n${UMLAUT}\n`)}`),
  )
  const windows = `Content-Transfer-Encoding: 8bit\n${typed('text/plain; charset=windows-1252', 'Gr\xfc\xdfe\n')}`
  assert.match(await rewritten(windows, UMLAUT), /windows-1252\n\nGr\xfc\xdfe\n\nM\xfcller GmbH \x97 K\xf6ln\n$/)
})

test('charsets of several octets are read, and come into UTF-8 where they must', async () => {
  const japanese = typed('text/plain; charset=iso-2022-jp', '\x1b$B$3$s\x1b(B\n')
  assert.equal(await rewritten(japanese), `${japanese}\n${ASCII}\n`)
  assert.match(
    await rewritten(japanese, UMLAUT),
    /quoted-printable[\s\S]*charset=utf-8\n\n=E3=81=93=E3=82=93\n\nM=C3=BC/,
  )
  // Not back in ASCII: what follows would be Japanese, too.
  const open = typed('text/plain; charset=iso-2022-jp', '\x1b$B$3$s')
  assert.match(await rewritten(open), /charset=utf-8\n\n=E3=81=93=E3=82=93\n\nExample/)
  const wide = Buffer.from('Hi\r\n', 'utf16le').toString('base64')
  const utf16 = `Content-Transfer-Encoding: base64\n${typed('text/plain; charset=utf-16le', `${wide}\n`)}`
  const body = (await rewritten(utf16)).split('\n\n')[1] ?? ''
  assert.equal(Buffer.from(body, 'base64').toString(), `Hi\r\n\r\n${ASCII}\r\n`)
})

test('what cannot be changed without a doubt is wrapped, and stays octet for octet', async () => {
  const wrapped = (own: string, body: string, more = '') =>
    `${more}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="NEW"\n\n--NEW\n${own}\n\n${body}\n--NEW\n` +
    `Content-Type: text/plain; charset=us-ascii\nContent-Disposition: inline\n\n${ASCII}\n--NEW--\n`
  for (const [own, body] of [
    ['Content-Type: text/plain; charset=x-unknown', '\xfe\xff\n'],
    ['Content-Type: text/enriched', '<bold>x</bold>\n'],
    ['Content-Type: application/pdf; name="\xc3\xa4.pdf"', 'x'],
    ['Content-Type: text/plain;\n name=a.txt\nContent-Disposition: attachment', 'x\n'],
    ['Content-Type: text/plain\nContent-Type: text/html', 'x\n'],
    ['Content-Type: multipart/mixed; boundary=b', 'nothing\n'],
    ['Content-Type: text/html; charset=utf-8', 'x<!-- never closed\n'],
  ] as const)
    assert.equal(await rewritten(`MIME-Version: 1.0\n${own}\n\n${body}`), wrapped(own, body), own)
  const base64 = 'Content-Type: text/plain\nContent-Transfer-Encoding: base64'
  assert.equal(await rewritten(`MIME-Version: 1.0\n${base64}\n\nQQ==QQ==\n`), wrapped(base64, 'QQ==QQ==\n'))
})

test('signed mail is wrapped, and what is encrypted is left alone', async () => {
  const signed = 'multipart/signed; micalg=pgp-sha256;\n\tprotocol="application/pgp-signature"; boundary=s'
  const inner = '--s\nContent-Type: text/plain\n\nHello\n--s\nContent-Type: application/pgp-signature\n\nx\n--s--\n'
  const out = await rewritten(typed(signed, inner))
  assert.ok(out.includes(`--NEW\nContent-Type: ${signed}\n\n${inner}\n--NEW\nContent-Type: text/plain`), out)
  const opaque = 'application/pkcs7-mime; smime-type=signed-data; name=smime.p7m'
  assert.match(await rewritten(typed(opaque, 'x\n')), /^MIME-Version: 1\.0\nContent-Type: multipart\/mixed/)
  for (const type of [
    'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e',
    'application/pkcs7-mime; smime-type=enveloped-data',
    'application/x-pkcs7-mime; name=smime.p7m',
  ])
    assert.equal(await rewritten(typed(type, 'x\n')), 'none: encrypted')
  assert.equal(await rewritten('A: b\n\n-----BEGIN PGP MESSAGE-----\n\nx\n'), 'none: encrypted')
  const clear = 'A: b\n\n-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n-----BEGIN PGP SIGNATURE-----\nx\n'
  assert.equal(await rewritten(clear), `${clear}\n${ASCII}\n`)
  assert.match(
    await rewritten('A: b\nContent-Type: multipart/report; boundary=r\n\n--r\n\nx\n--r--\n'),
    /^none: multipart\/report/,
  )
})

test('transfer encodings stay: quoted-printable and base64 change where the text goes, and nowhere else', async () => {
  const coded = (encoding: string, body: string, type = 'text/plain; charset=utf-8') =>
    `Content-Transfer-Encoding: ${encoding}\n${typed(type, body)}`
  const qp = coded('quoted-printable', 'a=C3=A4 =\nb\n')
  assert.equal(await rewritten(qp, UMLAUT), `${qp}\nM=C3=BCller GmbH =E2=80=94 K=C3=B6ln\n`)
  for (const [end, between] of [
    ['a=', '\n\n\n'],
    ['a=\n', '\n\n'],
    ['a', '=\n\n\n'],
  ] as const)
    assert.equal(
      await rewritten(coded('quoted-printable', end)),
      coded('quoted-printable', `${end}${between}${ASCII}\n`),
    )
  for (const text of ['', 'H', 'Hi', 'Hi!', 'Grüße\r\n', 'x'.repeat(100)]) {
    const lines = (
      Buffer.from(text)
        .toString('base64')
        .match(/.{1,60}/g) ?? []
    ).join('\n')
    const out = await rewritten(coded('BASE64', `${lines}\n`), UMLAUT)
    const after = text === '' ? '' : text.endsWith('\n') ? '\r\n' : '\r\n\r\n'
    const body = out.split('\n\n')[1] ?? ''
    assert.equal(Buffer.from(body, 'base64').toString(), `${text}${after}${UMLAUT}\r\n`)
    assert.ok(body.startsWith(lines.slice(0, Math.floor(Buffer.byteLength(text) / 3) * 4)), 'what was there stays')
    assert.ok(body.split('\n').every((line) => line.length <= 76))
  }
})

test('RFC 3676 §4: format=flowed is kept, with what would be a quote stuffed', async () => {
  const long = `> not a quote\nFrom here ${'word '.repeat(20)}end`
  const out = await rewritten(typed('text/plain; format=flowed', 'Hello \nthere\n'), long)
  const lines = (out.split('\n\n')[2] ?? '').trimEnd().split('\n')
  assert.equal(lines[0], ' > not a quote')
  assert.match(lines[1] ?? '', /^ From here .* $/)
  assert.ok(lines.every((line) => line.length <= 78))
  assert.equal(lines.slice(1).join('').slice(1), long.split('\n')[1])
  const delsp = await rewritten(typed('text/plain; format=flowed; delsp=yes', 'x\n'), long)
  assert.match(delsp, /word {2}\nword/)
})

test('HTML gets it before the last </body> that is one, with references for what is not ASCII', async () => {
  const html = (body: string, how = '7bit') =>
    `Content-Transfer-Encoding: ${how}\n${typed('text/html; charset=iso-8859-1', body)}`
  const added = '<div>M&#xFC;ller &#60;x&#62; &#38; S&#xF6;hne</div>'
  const words = 'Müller <x> & Söhne'
  for (const [before, after] of [
    ['<html><body>Hi\n', '</body></html>\n'],
    ['<BODY>Hi\n', '</BODY\n >\n<!-- </body> --><script>"</body>"</script>\n'],
    ['Hi\n', '</html>\n'],
    ['Hi\n', ''],
    ['Hi</body>\n<p>more\n', '</body>\n'],
  ])
    assert.equal(await rewritten(html(`${before}${after}`), words), html(`${before}${added}\n${after}`))
  assert.equal(
    await rewritten(html('<body>x=3D=E4</bo=\ndy>\n', 'quoted-printable'), words),
    html(`<body>x=3D=E4=\n\n${added}\n</bo=\ndy>\n`, 'quoted-printable'),
  )
  assert.match(await rewritten(html('Hi\n'), words, '<hr>Ü'), /Hi\n<hr>&#xDC;\n$/)
  const coded = await rewritten(html(`${btoa('<body>Hi</body>')}\n`, 'base64'), words)
  assert.equal(atob((coded.split('\n\n')[1] ?? '').replaceAll('\n', '')), `<body>Hi\r\n${added}\r\n</body>`)
})

const ALTERNATIVE = [
  'preamble',
  '--a',
  'Content-Type: text/plain; charset=us-ascii',
  '',
  'Hello',
  '--a  ',
  'Content-Type: multipart/related; boundary="a b"; start="<2>"',
  '',
  '--a b',
  'Content-Type: image/png',
  '',
  'x',
  '--a b',
  'Content-ID: <2>',
  'content-type: TEXT/HTML',
  '',
  '<p>Hello</p></body>',
  '--a b--',
  '--a',
  'Content-Type: text/calendar',
  '',
].join('\n')

test('both alternatives get it, also within related parts; other alternatives do not', async () => {
  const calendar = ALTERNATIVE.replace('text/calendar', 'text/x-amp-html')
  const out = await rewritten(typed('multipart/alternative; boundary=a', `${calendar}\n--a--\n`))
  assert.equal(
    out,
    typed('multipart/alternative; boundary=a', `${calendar}\n--a--\n`)
      .replace('Hello\n--a', `Hello\n\n${ASCII}\n\n--a`)
      .replace('</body>', `\n<div>${ASCII}</div>\n</body>`),
  )
})

test('one alternative that cannot have it: it goes around all of them', async () => {
  const body = '--a\nContent-Type: text/plain\n\nHi\n--a\nContent-Type: text/html; charset=x-odd\n\nHi\n--a--\n'
  const mixed = `--m\nContent-Type: multipart/alternative; boundary=a\n\n${body}--m`
  assert.match(
    await rewritten(typed('multipart/alternative; boundary=a', body)),
    /--NEW\nContent-Type: multipart\/alternative/,
  )
  assert.equal(
    await rewritten(typed('multipart/mixed; boundary=m', `${mixed}--\nepilogue\n`)),
    typed(
      'multipart/mixed; boundary=m',
      `${mixed}\nContent-Type: text/plain; charset=us-ascii\nContent-Disposition: inline\n\n${ASCII}\n--m--\nepilogue\n`,
    ).replace('--a--\n--m', '--a--\n--m'),
  )
})

test('with attachments it goes into the first text, or is a last part where there is none', async () => {
  const file = '--m\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nAAAA\n'
  const text = '--m\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGr\xc3\xbc\xc3\x9fe\n'
  const mixed = (body: string) => typed('multipart/mixed; boundary=m', body)
  assert.equal(
    await rewritten(mixed(`${text}${file}--m--\n`), UMLAUT),
    mixed(`${text}\n${octets(UMLAUT)}\n\n${file}--m--\n`),
  )
  const own = `--m\nContent-Type: text/plain; charset=us-ascii\nContent-Disposition: inline\n\n${ASCII}`
  assert.equal(await rewritten(mixed(`${file}${text}--m--\n`)), mixed(`${file}${text}${own}\n--m--\n`))
  // The last delimiter is missing.
  assert.equal(await rewritten(mixed(`${file}`)), mixed(`${file}\n${own}\n--m--\n`))
  // A part that is nothing but the line end of its delimiter.
  assert.equal(
    await rewritten(mixed('--m\nContent-Type: image/png\n\n--m--\n')),
    mixed(`--m\nContent-Type: image/png\n\n\n${own}\n--m--\n`),
  )
  // Without an own header section it is us-ascii text; it gets one.
  assert.equal(
    await rewritten(mixed('--m\n\nHi\n--m--\n'), UMLAUT),
    mixed(
      '--m\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nHi\n\n' +
        'M=C3=BCller GmbH =E2=80=94 K=C3=B6ln\n\n--m--\n',
    ),
  )
})

test('lines that are too long for seven and eight bits are encoded', async () => {
  const out = await rewritten('A: b\n\nHi\n', 'x'.repeat(1500))
  assert.ok(out.split('\n').every((line) => line.length <= 76))
  assert.match(out, /^Content-Transfer-Encoding: quoted-printable\n/)
})

test('a structure without end is wrapped', async () => {
  const parts = typed('multipart/mixed; boundary=b', '--b\n\nx\n'.repeat(1100))
  assert.match(await rewritten(parts), /--NEW\nContent-Type: multipart\/mixed; boundary=b\n\n--b\n/)
})

testPlugin(
  disclaimer,
  [
    {
      name: 'what is delivered has it',
      data: { Subject: 'Hi' },
      expect: {
        delivered: ({ bytes }) => assert.match(String(bytes), /\r\n\r\nHello\r\n\r\nExample Ltd, No\. 1\r\n$/),
      },
    },
    { name: 'it must say something', options: { text: ' ' }, expect: { mistake: /text/ } },
  ],
  { options: { text: ASCII } },
)
pluginContract(disclaimer, { options: { text: UMLAUT }, large: 5_000_000 })
