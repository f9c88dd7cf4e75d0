import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { messageFromBytes } from './message.ts'

const withFields = (fields: string) => messageFromBytes(Buffer.from(`${fields}\r\n\r\nx\r\n`, 'latin1'))
/** Octets of UTF-8, one character each. */
const octets = (text: string) => Buffer.from(text).toString('latin1')

test('RFC 2047: the subject is what a mail client shows', () => {
  const table = [
    ['You have won', 'You have won'],
    ['=?utf-8?Q?You_have_w=6Fn?=', 'You have won'],
    ['=?UTF-8?b?WW91IGhhdmUgd29u?=', 'You have won'],
    ['You =?utf-8?Q?have?=\r\n =?utf-8?Q?_won?=', 'You have won'],
    ['=?utf-8?B?WW91?= =?utf-8?B?IGhhdmU=?=   =?iso-8859-1?Q?_won?=', 'You have won'],
    // A character that is split over two words, RFC 2047 §5, as senders do all the same.
    ['=?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?=', 'Grüße'],
    ['=?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=', 'Grüße'],
    ['=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=', '日本'],
    ['=?windows-1251?Q?=CF=F0=E8?=', 'При'],
    ['=?utf-8*de?Q?Gr=C3=BC=C3=9Fe?=', 'Grüße'],
    ['x=?utf-8?Q?y?=z', 'xyz'],
    ['=?utf-8?Q?a b?=', 'a b'],
    ['=?utf-8?Q?what??=', 'what?'],
    ['=?utf-8?Q?=?=', '='],
    ['=?utf-8?B?WW91', 'You'],
    ['=?utf-8?X?a?= =?? =?', '=?utf-8?X?a?= =?? =?'],
    [octets('Grüße'), 'Grüße'],
    ['Gr\xfc\xdfe', 'Grüße'],
    ['=?iso-8859-1?Q?Gr\xfc\xdfe?=', 'Grüße'],
    [`=?utf-8?Q?${octets('Grü')}=C3=9Fe?=`, 'Grüße'],
    ['', ''],
  ] as const
  for (const [written, shown] of table) assert.equal(withFields(`Subject: ${written}`).subject, shown, written)
  assert.equal(withFields('X: y').subject, undefined)
  assert.equal(withFields('Subject: a\r\nSubject: b').subject, 'a')
})

test('RFC 5322 §3.4, §4.4: addresses as clients show them, names decoded', () => {
  const read = (field: string) =>
    withFields(`From: ${field}`).from.map(({ name, address, text }) => [name, address?.toString(), text] as const)
  const table: readonly (readonly [string, readonly (readonly [string | undefined, string | undefined, string])[]])[] =
    [
      ['a@b.test', [[undefined, 'a@b.test', 'a@b.test']]],
      ['<a@B.test>', [[undefined, 'a@b.test', 'a@B.test']]],
      ['Ann <a@b.test>', [['Ann', 'a@b.test', 'a@b.test']]],
      ['"Ann, \\"B\\"" <a@b.test>, c@d.test', [['Ann, "B"', 'a@b.test', 'a@b.test'], [undefined, 'c@d.test', 'c@d.test']]], // biome-ignore format: one row
      ['=?utf-8?Q?Gr=C3=BC=C3=9Fe,_Ann?= <a@b.test>', [['Grüße, Ann', 'a@b.test', 'a@b.test']]],
      ['"=?utf-8?Q?Ann?=" <a@b.test>', [['Ann', 'a@b.test', 'a@b.test']]],
      ['a@b.test (Ann (B))', [['Ann (B)', 'a@b.test', 'a@b.test']]],
      ['"ceo@bank.test" <x@evil.test>', [['ceo@bank.test', 'x@evil.test', 'x@evil.test']]],
      ['ceo@bank.test <x@evil.test>', [['ceo@bank.test', 'x@evil.test', 'x@evil.test']]],
      ['Friends: Ann <a@b.test>, c@d.test;', [['Ann', 'a@b.test', 'a@b.test'], [undefined, 'c@d.test', 'c@d.test']]], // biome-ignore format: one row
      ['undisclosed-recipients:;', []],
      ['<@relay.test,@other.test:a@b.test>', [[undefined, 'a@b.test', 'a@b.test']]],
      ['"a b"@c.test', [[undefined, '"a b"@c.test', '"a b"@c.test']]],
      ['a . b @ c . test', [[undefined, 'a.b@c.test', 'a.b@c.test']]],
      ['Ann', [['Ann', undefined, '']]],
      ['Ann <nobody>', [['Ann', undefined, 'nobody']]],
      ['=?utf-8?Q?a=40b.test?=', [['a@b.test', undefined, '']]],
      ['<=?utf-8?Q?a=40b.test?=>', [[undefined, undefined, '=?utf-8?Q?a=40b.test?=']]],
      [`${octets('Grüße')} <${octets('ü@bücher.test')}>`, [['Grüße', 'ü@xn--bcher-kva.test', 'ü@bücher.test']]],
      ['', []],
    ]
  for (const [field, found] of table) assert.deepEqual(read(field), found, field)
})

test('addresses of all fields of a name are there, so that none can hide behind another', () => {
  const message = withFields(
    'From: a@b.test\r\nTo: c@d.test\r\nFrom: e@f.test\r\nCc: g@h.test, i@j.test\r\nReply-To: k@l.test',
  )
  const texts = (list: typeof message.from) => list.map(({ text }) => text)
  assert.deepEqual(texts(message.from), ['a@b.test', 'e@f.test'])
  assert.deepEqual(texts(message.to), ['c@d.test'])
  assert.deepEqual(texts(message.cc), ['g@h.test', 'i@j.test'])
  assert.deepEqual(texts(message.replyTo), ['k@l.test'])
  assert.deepEqual(texts(withFields('X: y').cc), [])
})

test('RFC 5322 §3.3, §4.3: dates', () => {
  const table = [
    ['Fri, 21 Nov 1997 09:55:06 -0600', '1997-11-21T15:55:06.000Z'],
    ['21 Nov 97 09:55:06 GMT', '1997-11-21T09:55:06.000Z'],
    ['Mon, 30 Nov 2026 10:00 +0130 (a comment)', '2026-11-30T08:30:00.000Z'],
    ['Tue, 1 Jul 03 10:52:37 EDT', '2003-07-01T14:52:37.000Z'],
    ['Tue, 01-Jul-2003 10:52:37', '2003-07-01T10:52:37.000Z'],
    ['yesterday', undefined],
    ['Fri, 99 Nov 1997 09:55:06 -0600', undefined],
  ] as const
  for (const [written, iso] of table) assert.equal(withFields(`Date: ${written}`).date?.toISOString(), iso, written)
  assert.equal(withFields('X: y').date, undefined)
})

test('RFC 5322 §3.6.4: the message id without its brackets', () => {
  for (const [written, id] of [
    ['<a.b@c.test>', 'a.b@c.test'],
    [' \r\n <a@b>', 'a@b'],
    ['a@b c', 'a@b'],
    ['<', '<'],
    ['', undefined],
  ] as const)
    assert.equal(withFields(`Message-ID: ${written}`).messageId, id, written)
})

test('RFC 2369, RFC 2919, RFC 8058: what a list says of itself', () => {
  const list = withFields(
    [
      'List-Id: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= <News.Example.test>',
      'List-Unsubscribe: <https://example.test/u?a=\r\n b>,\r\n <mailto:leave@example.test> (or so)',
      'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
      'List-Post: NO',
    ].join('\r\n'),
  ).list
  assert.deepEqual(list, {
    id: 'news.example.test',
    name: 'Grüße',
    help: [],
    subscribe: [],
    unsubscribe: ['https://example.test/u?a=b', 'mailto:leave@example.test'],
    post: [],
    owner: [],
    archive: [],
    isOneClick: true,
  })
  assert.equal(withFields('List-Id: news.example.test').list?.id, 'news.example.test')
  assert.equal(withFields('X: y').list, undefined)
})

test('what is read follows the edits, and an edit of another field shares it', () => {
  const message = withFields('Subject: a\r\nFrom: b@c.test')
  assert.equal(message.from, message.from)
  assert.equal(message.withReplacedHeader('Subject', '=?utf-8?Q?b?=').subject, 'b')
  assert.equal(message.withoutHeader('From').from.length, 0)
  assert.equal(message.subject, 'a')
})

test('no octets make the readers of fields fail, and none take more than linear time', async () => {
  const unit = fc.constantFrom(
    '=?utf-8?Q?',
    '?=',
    '=?',
    '<',
    '>',
    '"',
    '(',
    ')',
    '\\',
    '@',
    ':',
    ';',
    ',',
    ' ',
    '\r\n ',
    'a',
    '\xff',
    '=',
    '1 Nov',
    '10:00',
    '+',
  )
  await fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
      const names = ['Subject', 'From', 'Date', 'Message-ID', 'List-Id', 'List-Unsubscribe']
      const message = withFields(names.map((name) => `${name}: ${text}`).join('\r\n'))
      for (const value of [message.subject, message.messageId]) assert.ok(value === undefined || !value.includes('\n'))
      assert.ok(message.from.every(({ text: written }) => typeof written === 'string'))
      assert.ok(message.date === undefined || !Number.isNaN(message.date.getTime()))
      assert.ok(message.list !== undefined)
    }),
  )
  const started = performance.now()
  for (const part of ['=?a?q?', '=?', '(', '"', '<', 'a@', ':', 'a ', ' ', '\\', '@b,', '=?a?b?c?=', '<a>'])
    for (const name of ['Subject', 'From', 'List-Unsubscribe', 'Message-ID', 'Date']) {
      const { subject, from, list, messageId, date } = withFields(`${name}: ${part.repeat(50_000 / part.length)}`)
      assert.ok([subject, from, list, messageId, date].length === 5)
    }
  assert.ok(performance.now() - started < 10_000)
})
