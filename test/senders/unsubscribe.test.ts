/** The whole way of one click: bulk mail leaves with its links, a mailbox provider posts, a scanner looks, a person writes; and nobody who has left is written to. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SendError } from '@postroad/plugin'
import { privateMount, serveZone } from '../identity/dns-server.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { BULK, DKIM_RECORD, exitsOf, FBL, fieldsOf, LEAVE, start } from './server.ts'

const skip = requires('opendkim-tools')
const canMount = process.getuid?.() === 0 && spawnSync(programPath('unshare'), ['-m', 'true']).status === 0
const ONE_CLICK = 'List-Unsubscribe=One-Click'

test('bulk mail to one recipient has both fields, one URI a line, and nothing in them can be read', async (t) => {
  const it = await start(t)
  const message = await it.mail('alice@x.test')
  assert.deepEqual(fieldsOf(message, 'List-Unsubscribe-Post'), [ONE_CLICK])
  assert.equal(fieldsOf(message, 'List-Unsubscribe').length, 1)
  const { link, address, subject } = exitsOf(message)
  assert.match(link, /^https:\/\/mail\.shop\.test\/u\/[0-9a-f]{8}\.[\w-]{60,}$/)
  assert.deepEqual([address, subject], [LEAVE, link.split('/u/')[1]])
  assert.match(message, /\r\nList-Unsubscribe: <https:[^>\s]+>,\r\n <mailto:[^>\s]+>\r\n/)
  for (const hidden of ['alice', 'x.test', 'news'])
    assert.ok(
      !Buffer.from(subject.split('.')[1] ?? '', 'base64url')
        .toString('latin1')
        .includes(hidden),
    )
  assert.ok(message.split('\r\n').every((line) => line.length <= 998))
})

test('RFC 8058 §3.1: a provider posts, without a cookie, a login or a redirect, and that recipient gets no more of it', async (t) => {
  const it = await start(t)
  const { link } = exitsOf(await it.mail('alice@x.test'))
  const answer = await it.follow('POST', link, ONE_CLICK, {
    'user-agent': 'a provider',
    'sec-fetch-site': 'cross-site',
  })
  assert.equal(answer.status, 200)
  assert.deepEqual([answer.headers['set-cookie'], answer.headers.location], [undefined, undefined])
  assert.equal((await it.list.find('alice@x.test', BULK))?.reason, 'unsubscribe')
  await assert.rejects(
    it.mail('alice@x.test'),
    (error) => error instanceof SendError && /unsubscribed/.test(String(error)),
  )
  // Receipts, and other recipients, are not meant.
  await it.mail('alice@x.test', 'receipts@shop.test')
  await it.mail('bob@x.test')
  assert.equal((await it.follow('POST', link, ONE_CLICK)).status, 200, 'twice is once')
})

test('both kinds of forms are read, and whatever else is posted changes nothing', async (t) => {
  const it = await start(t)
  const { link } = exitsOf(await it.mail('alice@x.test'))
  for (const [body, type] of [
    ['', 'application/x-www-form-urlencoded'],
    ['List-Unsubscribe=Two-Click', 'application/x-www-form-urlencoded'],
    ['{"List-Unsubscribe":"One-Click"}', 'application/json'],
    ['List-Unsubscribe=One-Click', 'multipart/form-data'],
    ['--x\r\n\r\n', 'multipart/form-data; boundary=x'],
  ] as const) {
    const { status, text } = await it.follow('POST', link, body, { 'content-type': type })
    assert.deepEqual([status, /<button/.test(text)], [400, true], `${type} ${body}`)
  }
  assert.equal((await it.follow('POST', link, 'x'.repeat(5_000))).status, 413)
  assert.equal(await it.list.find('alice@x.test', BULK), undefined)
  const parts = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
  const answer = await it.follow('POST', link, parts, { 'content-type': 'multipart/form-data; boundary=b' })
  assert.equal(answer.status, 200)
  assert.equal((await it.list.find('alice@x.test', BULK))?.reason, 'unsubscribe')
})

test('programs that look at mail follow the link, and nobody has left by that', async (t) => {
  const it = await start(t)
  const { link } = exitsOf(await it.mail('alice@x.test'))
  for (const headers of [{}, { 'sec-purpose': 'prefetch' }, { 'user-agent': 'SafeLinks' }]) {
    const { status, text, headers: said } = await it.follow('GET', link, undefined, headers)
    assert.equal(status, 200)
    assert.match(text, /<form method="post"><button name="List-Unsubscribe" value="One-Click">/)
    assert.doesNotMatch(text, /alice|<script|<img|\bsrc=/, 'who follows it does not learn whose it is')
    assert.match(String(said['content-security-policy']), /^default-src 'none'/)
  }
  assert.equal((await it.follow('HEAD', link)).status, 200)
  for (const method of ['PUT', 'DELETE', 'PATCH']) assert.equal((await it.follow(method, link)).status, 405)
  assert.equal(await it.list.find('alice@x.test', BULK), undefined)
})

test('a token that was changed or invented is answered alike, and who guesses waits', async (t) => {
  const it = await start(t)
  const { link } = exitsOf(await it.mail('alice@x.test'))
  const wrong = [
    `${link}A`,
    link.slice(0, -1),
    link.replace(/\/u\/\w+/, '/u/nobody'),
    '/u/x',
    '/u/..%2f..%2fetc',
    `/u/${'x'.repeat(2_000)}`,
  ]
  const bodies = new Set<string>()
  for (const one of wrong)
    for (const body of [undefined, ONE_CLICK]) {
      const { status, text } = await it.follow(body ? 'POST' : 'GET', one, body)
      assert.equal(status, 404, one)
      bodies.add(text)
    }
  assert.equal(bodies.size, 1)
  let status = 404
  for (let n = 0; n < 60 && status === 404; n++) status = (await it.follow('GET', '/u/guess')).status
  assert.equal(status, 429)
  assert.equal((await it.follow('GET', link)).status, 200, 'a right link is not among the guesses')
  // What was made before stays good under a new key.
  assert.match(String((await it.run('unsubscribe', 'new-key')).rows[0]?.['key']), /^[0-9a-f]{8}$/)
  assert.equal((await it.follow('POST', link, ONE_CLICK)).status, 200)
})

test('who unsubscribes by mail is known by the subject; a mail without it is told so, and read by nobody', async (t) => {
  const it = await start(t)
  const { address, subject } = exitsOf(await it.mail('alice@x.test'))
  const none = await it.receive(address, 'From: alice@x.test\nSubject: please\n\nno more', 'alice@x.test')
  assert.match(none.dot ?? '', /^550 5\.6\.0 /)
  assert.equal(await it.list.find('alice@x.test', BULK), undefined)
  // As a program folds it, with words before it, from wherever it comes.
  const folded = `${subject.slice(0, 40)}\n ${subject.slice(40)}`
  const { dot } = await it.receive(
    address,
    `From: a@other.test\nSubject: Unsubscribe:\n ${folded}\n\n.`,
    'a@other.test',
  )
  assert.match(dot ?? '', /^250 /)
  assert.equal((await it.list.find('alice@x.test', BULK))?.detail, 'mailto')
  assert.equal((await it.receive(`x${address}`, 'Subject: x\n\nx', 'a@x.test')).rcpt.slice(0, 3), '550')
})

test('mail that is not bulk, that has several recipients, fields of its own, or a sender that nobody knows stays as it is', async (t) => {
  const it = await start(t)
  for (const message of [
    await it.mail('alice@x.test', 'receipts@shop.test'),
    await it.mail(['alice@x.test', 'bob@x.test']),
  ])
    assert.deepEqual([fieldsOf(message, 'List-Unsubscribe'), fieldsOf(message, 'List-Unsubscribe-Post')], [[], []])
  const own = await it.mail('alice@x.test', BULK, 'List-Unsubscribe: <https://own.test/leave>\r\n')
  assert.deepEqual(fieldsOf(own, 'List-Unsubscribe'), ['<https://own.test/leave>'])
  const outside = await it.receive('alice@x.test', `From: ${BULK}\nSubject: forged\n\nx`, BULK)
  assert.match(outside.dot ?? '', /^250 /)
  const forged = () => it.sink.transactions.map(({ message }) => message.toString()).find((one) => /: forged/.test(one))
  for (const end = performance.now() + 30_000; forged() === undefined; await sleep(20))
    assert.ok(performance.now() < end)
  assert.deepEqual(fieldsOf(forged() ?? '', 'List-Unsubscribe'), [])
})

test('replace: what a message brings goes; split: each recipient gets a copy with a link of its own', async (t) => {
  const it = await start(t, { replace: true, several: 'split' })
  const brought = await it.mail(
    'alice@x.test',
    BULK,
    'List-Unsubscribe: <https://own.test/leave>\r\nList-Unsubscribe-Post: x\r\n',
  )
  assert.deepEqual(
    [fieldsOf(brought, 'List-Unsubscribe').length, fieldsOf(brought, 'List-Unsubscribe-Post')],
    [1, [ONE_CLICK]],
  )
  assert.match(exitsOf(brought).link, /^https:\/\/mail\.shop\.test/)
  const sent = await it.server.queue.send({
    from: BULK,
    to: ['a@x.test', 'b@x.test'],
    message: `From: ${BULK}\r\n\r\nx`,
  })
  assert.deepEqual(
    sent.refused.map(({ recipient, reply }) => [String(recipient), reply.code, reply.status]),
    [['b@x.test', 452, '4.5.3']],
  )
})

test('a link may be made and read by hand', async (t) => {
  const it = await start(t)
  const { rows } = await it.run('unsubscribe', 'link', BULK, 'alice@x.test')
  const link = String(rows[0]?.['link'])
  assert.deepEqual((await it.run('unsubscribe', 'read', link)).rows, [
    { from: BULK, recipient: 'alice@x.test', transaction: undefined },
  ])
  assert.equal((await it.run('unsubscribe', 'read', `${link}x`)).code, 65)
  assert.equal((await it.run('unsubscribe', 'link', 'nobody', 'alice@x.test')).code, 65)
  assert.equal((await it.run('unsubscribe', 'link', BULK)).code, 64)
  assert.equal((await it.follow('POST', link, ONE_CLICK)).status, 200)
})

test('OpenDKIM: the signature covers each of the fields, however long and folded, and none can be added beside them', {
  skip: skip || !canMount || process.platform !== 'linux',
}, async (t) => {
  const it = await start(t)
  const folder = await mkdtemp(join(tmpdir(), 'postroad-opendkim-'))
  t.after(() => rm(folder, { recursive: true }))
  await using dns = await serveZone({ 's1._domainkey.shop.test': DKIM_RECORD }, { address: '127.0.0.155', port: 53 })
  await writeFile(join(folder, 'resolv.conf'), `nameserver ${dns.address}\n`)
  const verdict = async (message: string) =>
    (await privateMount(join(folder, 'resolv.conf'), [programPath('opendkim-testmsg')], Buffer.from(message, 'latin1')))
      .text
  const longest = `${'a'.repeat(64)}@${`${'b'.repeat(50)}.`.repeat(3)}test`
  for (const to of ['alice@x.test', longest]) {
    const message = await it.mail(to)
    assert.equal(await verdict(message), '', to)
    const [, h = ''] = /\bh=([^;]+);/.exec(fieldsOf(message, 'DKIM-Signature')[0] ?? '') ?? []
    const covered = h.toLowerCase().replaceAll(/\s/g, '').split(':')
    for (const name of [
      'List-Unsubscribe',
      'List-Unsubscribe-Post',
      'CFBL-Address',
      'CFBL-Feedback-ID',
      'Feedback-ID',
    ]) {
      assert.equal(covered.filter((one) => one === name.toLowerCase()).length, 2, `${name} in h=, and once more`)
      const field = new RegExp(`\\r\\n${name}: [\\s\\S]*?\\r\\n(?![ \\t])`).exec(message)?.[0] ?? assert.fail(name)
      assert.notEqual(await verdict(message.replace(field, '\r\n')), '', `${name} taken away`)
      assert.notEqual(await verdict(`${name}: <https://evil.test/>\r\n${message}`), '', `${name} added`)
      assert.notEqual(await verdict(message.replace(field, field.replace(': ', ': x'))), '', `${name} changed`)
    }
    // As a relay folds it anew.
    assert.equal(await verdict(message.replace('>,\r\n <mailto', '>,\r\n\t  <mailto')), '')
  }
  // Where there is none a list may add its own.
  const plain = await it.mail('alice@x.test', 'receipts@shop.test')
  assert.equal(await verdict(`List-Unsubscribe: <https://list.test/>\r\n${plain}`), '')
})

test('RFC 9477: a complaint is laid to the mail by its token, though every address in it is blacked out', async (t) => {
  const it = await start(t)
  const message = await it.mail('alice@x.test')
  assert.deepEqual(fieldsOf(message, 'CFBL-Address'), [`${FBL}; report=arf`])
  assert.deepEqual(fieldsOf(message, 'Feedback-ID'), ['news:shop.test::shop1'])
  const [token = ''] = fieldsOf(message, 'CFBL-Feedback-ID')
  const report = (field: string) =>
    [
      'From: fbl@provider.test',
      `To: ${FBL}`,
      'Subject: a complaint',
      'MIME-Version: 1.0',
      'Content-Type: multipart/report; report-type=feedback-report; boundary=b',
      '',
      '--b',
      'Content-Type: message/feedback-report',
      '',
      'Feedback-Type: abuse',
      'User-Agent: Provider/1',
      'Version: 1',
      'Original-Rcpt-To: <redacted@provider.test>',
      '',
      '--b',
      'Content-Type: text/rfc822-headers',
      '',
      `From: Shop <redacted>`,
      field,
      'Subject: News',
      '',
      '--b--',
      '',
    ].join('\n')
  const forged = await it.receive(FBL, report(`CFBL-Feedback-ID: ${token.slice(0, -2)}xx`), 'fbl@provider.test')
  assert.match(forged.dot ?? '', /^250 /)
  assert.equal(await it.list.find('alice@x.test', BULK), undefined)
  const { dot } = await it.receive(
    FBL,
    report(`CFBL-Feedback-ID:\n ${token.slice(0, 30)}\n ${token.slice(30)}`),
    'fbl@provider.test',
  )
  assert.match(dot ?? '', /^250 /)
  assert.equal((await it.list.find('alice@x.test', BULK))?.reason, 'complaint')
  // Mail that is not bulk says nothing of a loop.
  assert.deepEqual(fieldsOf(await it.mail('bob@x.test', 'receipts@shop.test'), 'CFBL-Address'), [])
})
