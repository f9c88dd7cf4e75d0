import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Client, type Fixture, start } from '../fixture.test.ts'

const ENVELOPE = 'MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n'
const OCTETS = (count: number): string => `250 2.0.0 ${count} octets received`

async function ready(fixture: Fixture, envelope = ENVELOPE): Promise<Client> {
  const client = await fixture.client()
  await client.reply()
  await client.say(fixture.listener.name === 'lmtp' ? 'LHLO x' : 'EHLO x')
  await client.talk(envelope, envelope.split('\r\n').length - 1)
  return client
}

test('RFC 3030 §2: chunks make one message, dots and all', async () => {
  await using fixture = await start()
  const client = await ready(fixture)
  const replies = await client.talk(
    'BDAT 6\r\n.\r\na\r\nBDAT 0\r\nBDAT 7 LAST\r\n..b\r\nc\r\nNOOP\r\n'.replace('BDAT 7', 'BDAT 8'),
    4,
  )
  assert.deepEqual(replies, [OCTETS(6), OCTETS(0), '250 2.0.0 Queued', '250 2.0.0 Ok'])
  assert.deepEqual(fixture.records[0]?.messages, ['.\r\na\r\n..b\r\nc\r\n'])
})

test('RFC 3030 §2: BDAT 0 LAST ends a message', async () => {
  await using fixture = await start()
  const client = await ready(fixture)
  assert.deepEqual(await client.talk('BDAT 3\r\na\r\nBDAT 0 LAST\r\n', 2), [OCTETS(3), '250 2.0.0 Queued'])
  assert.match(await client.say('BDAT 0 LAST'), /^503 5\.5\.1 /)
})

test('RFC 3030 §2: a chunk that is not wanted is read before it is refused, and never taken for commands', async () => {
  await using fixture = await start()
  const client = await ready(fixture, 'MAIL FROM:<a@example.com>\r\nRCPT TO:<no@example.org>\r\n')
  assert.match((await client.talk('BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n', 2)).join(), /^554 5\.5\.1 .*,250 2\.0\.0 Ok$/)
  assert.match(
    (await client.talk('RSET\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n', 3)).join(),
    /^250.*,503 5\.5\.1 .*,250 2\.0\.0 Ok$/,
  )
})

test('RFC 3030 §2: a data stage that refuses is heard after the chunk', async () => {
  await using fixture = await start({}, { data: async () => ({ code: 451, status: '4.7.1', text: 'Later' }) })
  const client = await ready(fixture)
  assert.deepEqual(await client.talk('BDAT 6\r\nQUIT\r\nNOOP\r\n', 2), ['451 4.7.1 Later', '250 2.0.0 Ok'])
})

test('RFC 3030 §2: a message whose first chunk the data stage refused has failed: the chunks behind it make no message of their own', async () => {
  let asked = 0
  await using fixture = await start(
    {},
    { data: () => (++asked === 1 ? { code: 451, status: '4.7.1', text: 'Later' } : undefined) },
  )
  const client = await ready(fixture)
  const replies = await client.talk(
    'BDAT 6\r\nfirst \r\nBDAT 8 LAST\r\nsecond\r\nNOOP\r\n'.replace('first \r\n', 'first '),
    3,
  )
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 9)),
    ['451 4.7.1', '503 5.5.1', '250 2.0.0'],
  )
  assert.equal(asked, 1)
  assert.deepEqual(fixture.records[0]?.messages, [])
  assert.deepEqual(fixture.records[0]?.calls.slice(-2), ['reset', 'refused BDAT 503'])
})

test('RFC 2033 §4.3: a data stage that refuses the only chunk answers for each recipient', async () => {
  await using fixture = await start(
    { name: 'lmtp', protocol: 'lmtp' },
    { data: () => ({ code: 451, status: '4.7.1', text: 'Later' }) },
  )
  const client = await ready(fixture, `${ENVELOPE}RCPT TO:<c@example.org>\r\n`)
  assert.deepEqual(await client.talk('BDAT 3 LAST\r\na\r\nNOOP\r\n', 3), [
    '451 4.7.1 Later',
    '451 4.7.1 Later',
    '250 2.0.0 Ok',
  ])
})

test('RFC 3030 §2: between chunks neither DATA nor RCPT nor MAIL is in its place, and RSET throws the message away', async () => {
  await using fixture = await start()
  const client = await ready(fixture)
  await client.talk('BDAT 3\r\na\r\n', 1)
  for (const line of ['DATA', 'RCPT TO:<c@example.org>', 'MAIL FROM:<c@example.org>'])
    assert.match(await client.say(line), /^503 5\.5\.1 /, line)
  assert.equal(await client.say('RSET'), '250 2.0.0 Ok')
  assert.deepEqual(fixture.records[0]?.calls.slice(-2), ['abort', 'reset'])
})

test('RFC 3030 §2: a BDAT without a size closes the connection', async () => {
  await using fixture = await start()
  const client = await ready(fixture)
  assert.match((await client.talk('BDAT\r\nQUIT\r\n', 2)).join(), /^501 5\.5\.4 .*,closed$/)
})

test('RFC 1870 §6.3: chunks above the size limit are refused where they pass it', async () => {
  await using fixture = await start({ limits: { size: 10 } })
  const client = await ready(fixture)
  const replies = await client.talk('BDAT 8\r\n123456\r\nBDAT 8\r\n123456\r\nBDAT 8 LAST\r\n123456\r\nNOOP\r\n', 4)
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 9)),
    [OCTETS(8).slice(0, 9), '552 5.3.4', '503 5.5.1', '250 2.0.0'],
  )
  assert.match((await client.talk(`${ENVELOPE}BDAT 99999999\r\n`, 4)).slice(2).join(), /^552 5\.3\.4 .*,closed$/)
})

test('RFC 5321 §2.3.8: text in chunks has no bare line ends either', async () => {
  await using fixture = await start()
  const client = await ready(fixture)
  assert.match((await client.talk('BDAT 4 LAST\r\na\n.\nNOOP\r\n', 2)).join(), /^550 5\.6\.11 .*,250 2\.0\.0 Ok$/)
  assert.match(
    (await client.talk(`${ENVELOPE}BDAT 2 LAST\r\na\rNOOP\r\n`, 4)).slice(2).join(),
    /^550 5\.6\.11 .*,250 2\.0\.0 Ok$/,
  )
})

test('RFC 3030 §3: BINARYMIME keeps every octet, and cannot come by DATA', async () => {
  await using fixture = await start()
  const client = await ready(fixture, ENVELOPE.replace('>\r\nRCPT', '> BODY=BINARYMIME\r\nRCPT'))
  assert.match(await client.say('DATA'), /^503 5\.5\.1 /)
  assert.equal((await client.talk('BDAT 5 LAST\r\n\r\n\n\0\r', 1))[0], '250 2.0.0 Queued')
  assert.deepEqual(fixture.records[0]?.messages, ['\r\n\n\0\r'])
})

test('RFC 3030 §2: a chunk that never ends is cut off with the connection', async () => {
  await using fixture = await start()
  const client = await ready(fixture)
  client.send('BDAT 100\r\nabc')
  client.destroy()
  assert.equal(await fixture.records[0]?.closed, 'client')
  assert.deepEqual(fixture.records[0]?.calls.slice(-2), ['abort', 'close client'])
})

test('RFC 2033 §4.3: in LMTP the last chunk is answered for each recipient, the others once', async () => {
  await using fixture = await start({ name: 'lmtp', protocol: 'lmtp' })
  const client = await ready(fixture, `${ENVELOPE}RCPT TO:<c@example.org>\r\n`)
  assert.deepEqual(await client.talk('BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\nNOOP\r\n', 4), [
    OCTETS(3),
    '250 2.0.0 Queued',
    '250 2.0.0 Queued',
    '250 2.0.0 Ok',
  ])
})
