import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeFeatures, encodeFeatures } from '../features.ts'
import { SCAN_OCTETS, Scanner } from './scanner.ts'

const scanner = new Scanner()
const octetsOf = (text: string) => Buffer.from(text, 'latin1')
const scan = (text: string) => scanner.scan(octetsOf(text.replaceAll('\n', '\r\n')))
const share = (a: Int32Array, b: Int32Array) => {
  const others = new Set(b)
  return a.filter((hash) => others.has(hash)).length / Math.max(1, a.length)
}

const PLAIN = 'From: a@example.com\nSubject: Prizes for you\n\nYou have won great prizes, claim them at once today\n'

test('a message is the same in CRLF and in LF', () => {
  assert.deepEqual(scanner.scan(octetsOf(PLAIN)), scan(PLAIN))
})

test('text is the same in every transfer encoding', () => {
  const text = 'Große Gewinne warten auf Sie, fordern Sie noch heute an'
  const message = (encoding: string, body: string) =>
    scan(`Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: ${encoding}\n\n${body}\n`).grams
  const utf8 = Buffer.from(text)
  const plain = message('8bit', utf8.toString('latin1'))
  assert.ok(plain.length > 30)
  assert.ok(share(plain, message('base64', utf8.toString('base64'))) > 0.98)
  const quoted = [...utf8].map((octet) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`).join('')
  assert.ok(share(plain, message('quoted-printable', quoted)) > 0.98)
})

test('text is the same in every charset, with and without HTML, and in letters that look wide', () => {
  const message = (type: string, body: string) => scan(`Content-Type: ${type}\n\n${body}\n`).grams
  const plain = message('text/plain; charset=utf-8', Buffer.from('für günstige Kredite').toString('latin1'))
  assert.deepEqual(message('text/plain; charset=iso-8859-1', 'für günstige Kredite'), plain)
  assert.deepEqual(
    message(
      'text/plain; charset=utf-16le',
      Buffer.from('für günstige Kredite\n', 'utf16le').toString('latin1').replaceAll('\n', '\n'),
    ).length > 0,
    true,
  )
  assert.ok(share(plain, message('text/html', '<b>f&uuml;r</b> g&#252;nst<!-- x -->ige <i>Kre</i>dite')) > 0.98)
  assert.ok(
    share(plain, message('text/plain; charset=utf-8', Buffer.from('ｆüｒ günstige Kredite').toString('latin1'))) > 0.98,
  )
})

test('writing without spaces has grams and words of its own signs', () => {
  const of = (text: string) =>
    scan(`Content-Type: text/plain; charset=utf-8\n\n${Buffer.from(text).toString('latin1')}\n`)
  const one = of('特価販売中の時計です')
  const other = of('時計の特価販売')
  assert.ok(share(one.words, other.words) > 0.2)
  assert.ok(one.grams.length > 10)
})

test('an encoded subject is the same as a plain one', () => {
  const plain = scan('Subject: cheap watches\n\nx\n')
  const encoded = scan('Subject: =?utf-8?Q?cheap?= =?utf-8?B?IHdhdGNoZXM=?=\n\nx\n')
  assert.deepEqual([...encoded.grams].sort(), [...plain.grams].sort())
})

test('what filters and mailboxes have left is not seen, nor what the operator names', () => {
  const left = 'X-Spam-Flag: YES\nAuthentication-Results: mx; spf=fail\nDelivered-To: bob@example.com\n'
  assert.deepEqual(scan(left + PLAIN), scan(PLAIN))
  const own = new Scanner({ ignoredFields: ['x-ours', 'x-mine-*'], ownHosts: ['mx.example.net'] })
  const before = octetsOf(PLAIN)
  const after = octetsOf(`X-Ours: 1\nX-Mine-2: 2\nReceived: from x by mx.example.net with SMTP; today\n${PLAIN}`)
  assert.deepEqual(own.scan(after), own.scan(before))
})

test('another key gives other hashes', () => {
  const keyed = new Scanner({ key: 'secret' }).scan(octetsOf(PLAIN))
  const { grams, words, headers } = scanner.scan(octetsOf(PLAIN))
  assert.equal(share(keyed.grams, grams) + share(keyed.words, words) + share(keyed.headers, headers), 0)
})

test('reports are known by form, sender and reverse-path', () => {
  const isReport = (text: string, reversePath?: string) =>
    scanner.scan(octetsOf(text), reversePath === undefined ? {} : { reversePath }).isReport
  assert.equal(isReport(PLAIN), false)
  assert.equal(isReport(PLAIN, 'a@example.com'), false)
  assert.equal(isReport(PLAIN, ''), true)
  assert.equal(isReport('From: Mail <MAILER-DAEMON@example.com>\n\nsorry\n'), true)
  assert.equal(isReport('Auto-Submitted: auto-replied\n\nI am away\n'), true)
  assert.equal(isReport('Auto-Submitted: no\n\nHello\n'), false)
  assert.equal(
    isReport(
      'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\n\nfailed\n--b\nContent-Type: message/delivery-status\n\nAction: failed\n--b--\n',
    ),
    true,
  )
})

test('parts are found however deep, and none is after the closing boundary', () => {
  const inner = '--in\nContent-Type: text/plain\n\nhidden treasure\n--in--\n'
  const text = `Content-Type: multipart/mixed; boundary=out\n\n--out\nContent-Type: multipart/alternative; boundary="in"\n\n${inner}--out\n\nsecond part\n--out--\nepilogue nonsense\n`
  const { words } = scan(text)
  const has = (word: string) => share(scan(`\n${word}\n`).words, words)
  assert.equal(has('treasure') > 0, true)
  assert.equal(has('second') > 0, true)
  assert.ok(has('epilogue') < has('treasure'))
})

test('facts of others are features', () => {
  const without = scanner.scan(octetsOf(PLAIN))
  const facts = scanner.scan(octetsOf(PLAIN), { sender: ['spf=fail'], content: ['link-mismatch'] })
  assert.equal(facts.headers.length, without.headers.length + 1)
  assert.equal(facts.words.length, without.words.length + 1)
})

test('no octets make it throw, and no message has more features than fit', () => {
  const pieces = fc.constantFrom(
    '\n',
    '\r\n',
    '\n\n',
    'Content-Type: ',
    'multipart/mixed; boundary=',
    '--b',
    'text/html',
    '=?utf-8?B?',
    '?=',
    '<a href="',
    '>',
    '&#',
    '://',
    '=',
    '<!--',
    'Received: from ',
    'Subject: ',
    'x',
    '\xff',
    '\x00',
    'base64',
    'Content-Transfer-Encoding: ',
    '"',
  )
  const soup = fc.array(pieces, { maxLength: 200 }).map((list) => octetsOf(list.join('')))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 2000 }), soup), (octets) => {
      const features = scanner.scan(octets)
      assert.ok(features.grams.length <= 2048 && features.words.length <= 2048 && features.headers.length <= 512)
      assert.equal(new Set(features.words).size, features.words.length)
      assert.deepEqual(scanner.scan(octets), features)
      const decoded = decodeFeatures(encodeFeatures(features))
      assert.deepEqual([...decoded.grams].sort(), [...features.grams].sort())
      assert.equal(decoded.isReport, features.isReport)
    }),
    { numRuns: 300 },
  )
})

test('a message made to cost does not, and nothing is looked at behind the bound', () => {
  const heads = ['', 'Content-Type: text/html\n\n', 'Content-Type: multipart/mixed; boundary=b\n\n', 'Subject: ', '\n']
  const units = [
    '=',
    '<',
    '<a ',
    '://',
    '&',
    '<!--',
    '\n--b',
    '\n--',
    'a',
    'ab ',
    'A: b\n',
    '=?a?b?',
    '"',
    '\n ',
    '<a href="',
    '&#1',
    '@',
    '.',
    '\xe4',
  ]
  const time = (octets: Uint8Array) => {
    const start = performance.now()
    scanner.scan(octets)
    return performance.now() - start
  }
  for (const head of heads)
    for (const unit of units) {
      const octets = octetsOf(head + unit.repeat(Math.ceil(120_000 / unit.length)))
      const best = Math.min(...Array.from({ length: 3 }, () => time(octets)))
      // A few milliseconds where it is quiet (test/junk measures them); what is quadratic takes ten seconds.
      assert.ok(best < 1000, `${JSON.stringify(head + unit)}: ${best} ms`)
    }
  const huge = Buffer.alloc(SCAN_OCTETS + 5000, 'word ')
  assert.deepEqual(scanner.scan(huge), scanner.scan(huge.subarray(0, SCAN_OCTETS)))
})
