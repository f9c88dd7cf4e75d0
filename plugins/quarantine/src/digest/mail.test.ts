import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DigestMail, encodeDigest, writeDigest } from './mail.ts'
import { plainWords } from './text.ts'

const entry = (more: object) => ({
  id: 'q-1',
  envelope: 'T1',
  reason: 'looks like spam',
  points: 0,
  from: 'ann@example.test',
  parameters: {},
  recipients: [{ address: 'alice@example.com', parameters: {} }],
  remote: '192.0.2.1',
  helo: undefined,
  identity: undefined,
  subject: 'Hello',
  size: 100,
  at: Date.parse('2026-11-30T12:00:00Z'),
  expiresAt: Date.parse('2026-12-30T12:00:00Z'),
  ...more,
})
const digest = (more: Partial<DigestMail> = {}, ...entries: object[]): DigestMail => ({
  owner: 'alice@example.com',
  items: (entries.length > 0 ? entries : [{}]).map((one) => ({ entry: entry(one), address: 'alice@example.com' })),
  total: Math.max(1, entries.length),
  from: 'quarantine@example.com',
  name: 'Mail quarantine',
  hostname: 'mx.example.com',
  timeZone: 'Europe/Berlin',
  date: Date.parse('2026-11-30T13:00:00Z'),
  until: Date.parse('2026-11-30T13:00:00Z'),
  actions: ['release', 'delete'],
  linkOf: ({ entry: { id } }, action) => `https://mail.example.com/q/${action}-${id}`,
  ...more,
})

test('text and HTML say who wrote what, when, why, and where to press', () => {
  const { subject, text, html } = writeDigest(
    digest({ total: 3 }, { author: 'Ann <ann@example.test>', points: 7.25 }, { from: '', subject: undefined }),
  )
  assert.equal(subject, '3 messages in quarantine')
  assert.match(text, /^3 messages for alice@example\.com were held back/)
  assert.match(text, /1\. Hello\n {3}From: {7}Ann <ann@example\.test>\n {3}Date: {7}Mon,? 30 Nov 2026,? (?:at )?13:00/)
  assert.match(text, /Reason: {5}Looks like spam \(7\.3 points\)/)
  assert.match(text, /Release: {4}https:\/\/mail\.example\.com\/q\/release-q-1\n/)
  assert.match(text, /2\. \(no subject\)\n {3}From: {7}<>/)
  assert.match(text, /1 message more is not shown here\./)
  assert.match(html, /href="https:\/\/mail\.example\.com\/q\/delete-q-1"/)
  assert.match(html, /Ann &lt;ann@example\.test&gt;/)
})

test('who wrote it and who sent it are both told when they differ', () => {
  const { text } = writeDigest(digest({}, { author: 'Your Bank <info@bank.example>' }))
  assert.match(text, /From: {7}Your Bank <info@bank\.example> \(sent by ann@example\.test\)/)
})

test('words of strangers stay words: no markup, no line of their own, no other direction, nothing to click on', () => {
  const hostile =
    '<img src=x onerror=alert(1)>"\'&\r\nBcc: evil@example.test\u202efdp.exe\u2066\u200b http://evil.test/ www.evil.test evil.test/x \ud800'
  const { text, html } = writeDigest(
    digest(
      {},
      { subject: hostile, author: `${hostile} <ann@example.test>`, reason: hostile, from: 'a"<b>@example.test' },
    ),
  )
  for (const shown of [text, html]) {
    assert.doesNotMatch(shown, /[\u202a-\u202e\u2066-\u2069\u200b\r]/)
    assert.doesNotMatch(shown, /\/\/evil|www\.evil|[^\]]evil\.test\/x/)
    assert.doesNotMatch(shown, /^Bcc/m)
  }
  assert.doesNotMatch(html, /<img|onerror=alert\(1\)>|<b>@/)
  assert.match(text, /\[U\+202E\]fdp\.exe\[U\+2066\]\[U\+200B\]/)
  assert.equal(plainWords('x'.repeat(5_000)).length, 161)
  assert.equal(plainWords('👨‍👩‍👧 مرحبا'), '👨‍👩‍👧 مرحبا')
})

test('the message is one that nobody answers, in lines that every server carries, and the same one when it is sent again', () => {
  const octets = encodeDigest(digest({ name: 'Quarantäne' }, { subject: `é${'x y '.repeat(40)}` }), 'k1.mark')
  const [head = '', ...rest] = octets.toString('latin1').split('\r\n\r\n')
  assert.match(head, /^From: =\?utf-8\?B\?[\w+/=]+\?= <quarantine@example\.com>\r\nTo: <alice@example\.com>/)
  assert.match(head, /Auto-Submitted: auto-generated/)
  assert.match(head, /X-Postroad-Digest: k1\.mark/)
  assert.match(head, /multipart\/alternative/)
  assert.doesNotMatch(octets.toString('latin1').replaceAll('\r\n', ''), /[\r\n\x80-\xff]/)
  assert.ok(
    rest
      .join('\r\n\r\n')
      .split('\r\n')
      .every((line) => line.length <= 76),
  )
  const id = (mail: DigestMail): string | undefined => /Message-ID: (.*)/.exec(encodeDigest(mail, '').toString())?.[1]
  assert.equal(id(digest()), id(digest({ date: 5 })))
  assert.notEqual(id(digest()), id(digest({ until: 5 })))
  assert.notEqual(id(digest()), id(digest({ owner: 'bob@example.com' })))
})
