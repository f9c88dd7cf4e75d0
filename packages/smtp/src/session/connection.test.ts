import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Client, start } from '../fixture.test.ts'
import type { WireReply } from '../stages.ts'

const HELLO = 'EHLO client.example\r\n'
const ENVELOPE = 'MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n'
const DEFER: WireReply = { code: 451, status: '4.7.1', text: 'Later' }

async function hello(client: Client, verb = 'EHLO'): Promise<string> {
  await client.reply()
  return client.say(`${verb} client.example`)
}

test('RFC 5321 §3: a whole session, command by command', async () => {
  await using fixture = await start()
  const client = await fixture.client()
  assert.equal(await client.reply(), '220 mx.example.com ESMTP')
  assert.match(await client.say('EHLO client.example'), /^250-mx\.example\.com\|250-PIPELINING\|250-SIZE 26214400\|/)
  assert.equal(await client.say('MAIL FROM:<a@example.com> SIZE=10 BODY=8BITMIME'), '250 2.1.0 Ok')
  assert.equal(
    await client.say('RCPT TO:<"b c"@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bc@example.org'),
    '250 2.1.5 Ok',
  )
  assert.equal(await client.say('DATA'), '354 End data with <CRLF>.<CRLF>')
  assert.equal(await client.say('Subject: x\r\n\r\n..dot\r\n.'), '250 2.0.0 Queued')
  assert.equal(await client.say('QUIT'), '221 2.0.0 Bye')
  assert.equal(await client.reply(), 'closed')
  const [record] = fixture.records
  assert.deepEqual(record?.messages, ['Subject: x\r\n\r\n.dot\r\n'])
  assert.deepEqual(record?.calls, [
    'connect',
    'EHLO client.example',
    'mail <a@example.com> {"size":10,"body":"8BITMIME"}',
    'rcpt <"b c"@example.org> {"notify":["SUCCESS","DELAY"],"orcpt":{"type":"rfc822","address":"b+c@example.org"}}',
    'data',
    'message',
    'close quit',
  ])
})

test('RFC 2920 §3.1: replies to pipelined commands come in their order and in one segment', async () => {
  await using fixture = await start()
  const client = await fixture.client()
  await client.reply()
  let segments = 0
  client.socket.on('data', () => segments++)
  const replies = await client.talk(`${HELLO}${ENVELOPE}DATA\r\na\r\n.\r\n${ENVELOPE}RSET\r\nQUIT\r\n`, 10)
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ['250', '250', '250', '354', '250', '250', '250', '250', '221', 'clo'],
  )
  assert.equal(segments, 1)
})

test('RFC 5321 §4.1.4: commands out of order are refused and change nothing', async () => {
  await using fixture = await start({ limits: { errors: 100 } })
  const client = await fixture.client()
  await client.reply()
  for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<a@b.example>', 'DATA', 'AUTH PLAIN'])
    assert.match(await client.say(line), /^503 5\.5\.1 /, line)
  await client.say('HELO client.example')
  assert.match(await client.say('RCPT TO:<a@b.example>'), /^503 5\.5\.1 /)
  assert.match(await client.say('DATA'), /^503 5\.5\.1 /)
  await client.say('MAIL FROM:<>')
  assert.match(await client.say('MAIL FROM:<>'), /^503 5\.5\.1 /)
  assert.match(await client.say('DATA'), /^503 5\.5\.1 /)
  assert.equal(await client.say('RCPT TO:<no@b.example>'), '550 5.1.1 No such user')
  assert.match(await client.say('DATA'), /^554 5\.5\.1 /)
  assert.equal(await client.say('RCPT TO:<yes@b.example>'), '250 2.1.5 Ok')
  assert.equal(await client.say('RSET'), '250 2.0.0 Ok')
  assert.match(await client.say('DATA'), /^503 5\.5\.1 /)
})

for (const [line, reply] of [
  ['MAIL', '501 5.5.4'],
  ['MAIL FROM', '501 5.5.4'],
  ['MAIL FROM:a@example.com', '501 5.1.7'],
  ['MAIL FROM:<a@>', '501 5.1.7'],
  ['MAIL FROM:<a@example.com> FOO=1', '555 5.5.4'],
  ['MAIL FROM:<a@example.com> SIZE=1 SIZE=1', '501 5.5.4'],
  ['MAIL FROM:<a@example.com> SIZE=x', '501 5.5.4'],
  ['MAIL FROM:<a@example.com> SIZE=26214401', '552 5.3.4'],
  ['MAIL FROM:<a@example.com> BODY=9BIT', '501 5.5.4'],
  ['MAIL FROM:<a@example.com> ENVID=a+0D+0Ab', '501 5.5.4'],
  ['MAIL FROM:<a@example.com> ENVID=a+E9b', '501 5.5.4'],
  ['MAIL FROM:a@example.com', '501 5.1.7'],
  ['MAIL FROM:<\xc3\xa4@example.com>', '553 5.6.7'],
  ['MAIL FROM:<\xc3\xa4@example.com> SMTPUTF8', '250 2.1.0'],
  ['MAIL FROM:<\xe4@example.com> SMTPUTF8', '501 5.5.4'],
  ['MAIL FROM:<a@example.com> REQUIRETLS', '530 5.7.10'],
  ['mail from: <a@example.com>  ', '250 2.1.0'],
  ['EHLO', '501 A domain'],
  ['EHLO two words', '501 A domain'],
  ['EHLO m\xc3\xbcnchen.example', '501 A domain'],
  ['EHLO '.padEnd(261, 'x'), '501 A domain'],
  ['EHLO x\t ', '250-mx.example.com'],
  ['VRFY \xc3\xa0', '252 2.1.5 Try ?'],
  ['LHLO a', '500 5.5.1 This is SMTP'],
  ['RSET x', '501 5.5.4'],
  ['NOOP x', '250 2.0.0'],
  ['VRFY joe', '252 2.1.5 Try joe'],
  ['EXPN list', '502 5.5.1'],
  ['HELP', '214-2.0.0 One|214 2.0.0 Two'],
  ['TURN', '502 5.5.1'],
  ['SAML', '502 5.5.1'],
  ['FOO', '500 5.5.1 What is FOO'],
  ['\x16\x03\x01', '500 5.5.2'],
  ['NOOP\0', '500 5.5.2'],
  ['NOOP\rRSET', '500 5.5.2'],
  ['STARTTLS', '502 5.5.1'],
  ['AUTH PLAIN', '538 5.7.11'],
  [`NOOP ${'x'.repeat(2048)}`, '500 5.5.2'],
] as const)
  test(`${JSON.stringify(line.slice(0, 60))} is answered ${reply}`, async () => {
    await using fixture = await start()
    const client = await fixture.client()
    await hello(client)
    assert.ok((await client.say(line)).startsWith(reply))
    assert.equal(await client.say('NOOP'), '250 2.0.0 Ok')
  })

test('brackets: optional takes addresses without them, and nothing else that is malformed', async () => {
  await using fixture = await start({ brackets: 'optional' })
  const client = await fixture.client()
  await hello(client)
  assert.equal(await client.say('MAIL FROM:a@example.com SIZE=5'), '250 2.1.0 Ok')
  assert.equal(await client.say('RCPT TO: b@example.org'), '250 2.1.5 Ok')
  for (const path of ['b@example.org>', '<b@example.org', 'b c@example.org', 'b@@example.org', ''])
    assert.match(await client.say(`RCPT TO:${path}`), /^501 5\.(?:1\.3|5\.4) /, path)
})

test('nulOctets: a NUL is taken as it is, or refused; in BINARYMIME it belongs to the message', async () => {
  for (const [nulOctets, body, expected] of [
    ['accept', '', /^250 /],
    ['reject', '', /^550 5\.6\.11 Message has a NUL in it/],
    ['reject', ' BODY=8BITMIME', /^550 5\.6\.11 /],
    ['reject', ' BODY=BINARYMIME', /^250 /],
  ] as const) {
    await using fixture = await start({ nulOctets })
    const client = await fixture.client()
    await hello(client)
    await client.say(`MAIL FROM:<a@example.com>${body}`)
    await client.say('RCPT TO:<b@example.org>')
    assert.match((await client.talk('BDAT 6 LAST\r\na\0bc\r\n', 1))[0] ?? '', expected, `${nulOctets}${body}`)
    assert.equal(await client.say('NOOP'), '250 2.0.0 Ok')
  }
})

test('RFC 5321 §2.3.8: a message with a bare line end is refused whole, and nothing behind it becomes a command', async () => {
  await using fixture = await start()
  const client = await fixture.client()
  await hello(client)
  const smuggled = 'a\n.\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nb\r\n.\r\n'
  const replies = await client.talk(`${ENVELOPE}DATA\r\n${smuggled}NOOP\r\n`, 5)
  assert.match(replies[3] ?? '', /^550 5\.6\.11 /)
  assert.equal(replies[4], '250 2.0.0 Ok')
  assert.deepEqual(fixture.records[0]?.calls.slice(2), [
    'mail <a@example.com> {}',
    'rcpt <b@example.org> {}',
    'data',
    'abort',
    'refused DATA 550',
    'reset',
  ])
})

test('RFC 1870 §6.3: a message is cut off where it is too big, and the session goes on', async () => {
  await using fixture = await start({ limits: { size: 100 } })
  const client = await fixture.client()
  await hello(client)
  const replies = await client.talk(
    `${ENVELOPE}DATA\r\n${'x'.repeat(98)}\r\n.\r\n${ENVELOPE}DATA\r\n${'x'.repeat(99)}\r\n.\r\nNOOP\r\n`,
    9,
  )
  assert.equal(replies[3], '250 2.0.0 Queued')
  assert.match(replies[7] ?? '', /^552 5\.3\.4 /)
  assert.equal(replies[8], '250 2.0.0 Ok')
  assert.match(fixture.records[0]?.calls.join() ?? '', /message,mail.*data,abort,refused DATA 552,reset$/)
  const endless = await client.talk(`${ENVELOPE}DATA\r\n${'x'.repeat(500)}`, 5)
  assert.deepEqual(
    endless.map((reply) => reply.slice(0, 3)),
    ['250', '250', '354', '552', 'clo'],
  )
})

test('RFC 2033 §4.2: LMTP answers for each recipient that was accepted', async () => {
  const answers: WireReply[] = [{ code: 250, status: '2.0.0', text: 'First' }, DEFER]
  await using fixture = await start({ protocol: 'lmtp' }, { message: async () => answers })
  const client = await fixture.client()
  assert.equal(await client.reply(), '220 mx.example.com LMTP')
  assert.match(await client.say('EHLO x'), /^500 5\.5\.1 This is LMTP/)
  assert.match(await client.say('LHLO x'), /^250-/)
  const replies = await client.talk(
    'MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<no@b.example>\r\nRCPT TO:<c@b.example>\r\nDATA\r\n.\r\nQUIT\r\n',
    8,
  )
  assert.deepEqual(replies.slice(5), ['250 2.0.0 First', '451 4.7.1 Later', '221 2.0.0 Bye'])
})

for (const [stage, at] of [
  ['helo', 0],
  ['mail', 1],
  ['rcpt', 2],
  ['data', 3],
  ['content', 3],
  ['message', 4],
] as const)
  for (const how of ['throws', 'rejects'] as const)
    test(`a ${stage} stage that ${how} is answered 451, and nothing passes`, async () => {
      const fail = (): never => {
        if (how === 'throws') throw new Error('broken')
        return Promise.reject(new Error('broken')) as never // as: the stage's own type is of no matter here
      }
      await using fixture = await start(
        {},
        stage === 'content' ? { content: () => ({ write: fail, abort() {} }) } : { [stage]: fail },
      )
      const client = await fixture.client()
      await client.reply()
      const replies: string[] = []
      for (const line of [HELLO, ENVELOPE.slice(0, 27), 'RCPT TO:<b@example.org>\r\n', 'DATA\r\n'])
        replies.push(await client.say(line.trimEnd()))
      if (replies[3]?.startsWith('354')) replies.push(await client.say('a\r\n.'))
      const answer = replies[stage === 'content' ? 4 : at]
      assert.match(answer ?? '', stage === 'helo' ? /^451 Temporary/ : /^451 4\.3\.0 /)
      assert.ok(!replies.slice(3).some((reply) => reply.startsWith('250')))
      assert.equal(fixture.errors.length, 1)
    })

test('a connect stage that throws closes the connection with 421', async () => {
  await using fixture = await start(
    {},
    {
      connect: () => {
        throw new Error('broken')
      },
    },
  )
  const client = await fixture.client()
  assert.match(await client.reply(), /^421 /)
  assert.equal(await client.reply(), 'closed')
})

test('RFC 5321 §3.1: a client that is refused before the banner is told so, and the connection closes', async () => {
  await using fixture = await start({}, { connect: async () => ({ code: 554, status: '5.7.1', text: 'Not you' }) })
  const client = await fixture.client()
  assert.equal(await client.reply(), '554 Not you')
  assert.equal(await client.reply(), 'closed')
})

test('answers that come late are given in the order of the commands', async () => {
  const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(() => resolve(value)))
  const ok = { code: 250, status: '2.0.0', text: 'Late' }
  await using fixture = await start(
    {},
    {
      connect: () => later(undefined),
      helo: () => later(undefined),
      mail: () => later(ok),
      rcpt: () => later(ok),
      data: () => later(undefined),
      message: () => later(ok),
    },
  )
  const client = await fixture.client()
  const replies = await client.talk(`${HELLO}${ENVELOPE}DATA\r\na\r\n.\r\nNOOP\r\nQUIT\r\n`, 8)
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ['220', '250', '250', '250', '354', '250', '250', '221'],
  )
})

test('content that is slow holds the client back, and gets every octet in order', async () => {
  const chunks: Buffer[] = []
  const write = (chunk: Uint8Array): Promise<void> =>
    new Promise((resolve) => setImmediate(() => resolve(void chunks.push(Buffer.from(chunk)))))
  await using fixture = await start({}, { content: () => ({ write, abort() {} }) })
  const client = await fixture.client()
  await hello(client)
  const text = `${'0123456789'.repeat(7)}\r\n`.repeat(20_000)
  const replies = await client.talk(`${ENVELOPE}DATA\r\n${text}.\r\n`, 4)
  assert.equal(replies[3], '250 2.0.0 Queued')
  assert.equal(Buffer.concat(chunks).toString('latin1'), text)
})
