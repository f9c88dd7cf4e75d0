/** What each verb refuses by itself, word for word, and what EHLO offers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Client, type Fixture, OFFER, start } from '../fixture.test.ts'

async function ready(fixture: Fixture, ...lines: readonly string[]): Promise<Client> {
  const client = await fixture.client()
  await client.reply()
  for (const line of [`${fixture.listener.name === 'lmtp' ? 'LHLO' : 'EHLO'} x`, ...lines]) await client.say(line)
  return client
}
const ENVELOPE = ['MAIL FROM:<a@example.com>', 'RCPT TO:<b@example.org>']

test('EHLO offers what somebody behind the wire honours, and nothing else', async () => {
  const keywords = async (offer: typeof OFFER) => {
    await using fixture = await start({ limits: { size: 1000 } }, { offer: () => offer })
    const client = await fixture.client()
    await client.reply()
    return (await client.say('EHLO x'))
      .split('|')
      .slice(1)
      .map((line) => line.slice(4))
  }
  const always = ['PIPELINING', 'SIZE 1000', 'ENHANCEDSTATUSCODES', 'CHUNKING', 'HELP']
  const offered = async (offer: typeof OFFER) =>
    (await keywords(offer)).filter((keyword) => !always.includes(keyword) && !keyword.startsWith('LIMITS '))
  assert.deepEqual(await offered(OFFER), ['8BITMIME', 'BINARYMIME', 'SMTPUTF8', 'DSN'])
  const nothing = {
    mechanisms: [],
    eightBitMime: false,
    binaryMime: false,
    smtputf8: false,
    dsn: false,
    requireTls: false,
    prdr: true,
  }
  assert.deepEqual(await offered(nothing), ['PRDR'])
})

test('a command ends with CRLF; what normalises takes a bare LF, and no other control character', async () => {
  const wrong = '500 5.5.2 A command ends with CRLF and has no control characters in it'
  for (const [normalise, text, expected] of [
    [false, 'NOOP\n', wrong],
    [false, 'NOOP \0\r\n', wrong],
    [true, 'NOOP\n', '250 2.0.0 Ok'],
    [true, 'NOOP \0\r\n', wrong],
    [true, 'NOOP \0\n', wrong],
  ] as const) {
    await using fixture = await start({ bareLineEndings: normalise ? 'normalise' : 'reject' })
    const client = await ready(fixture)
    client.send(text)
    assert.equal(await client.reply(), expected, JSON.stringify([normalise, text]))
  }
})

test('a message with a line that is too long is refused, and one that is too big', async () => {
  await using fixture = await start({ limits: { line: 100, size: 1000 } })
  const client = await ready(fixture, ...ENVELOPE, 'DATA')
  assert.equal(await client.say(`${'x'.repeat(200)}\r\n.`), '554 5.6.0 Message has a line that is too long')
  for (const line of [...ENVELOPE, 'DATA']) await client.say(line)
  client.send('12345678\r\n'.repeat(60))
  assert.match(await client.say(`${'12345678\r\n'.repeat(60)}.`), /^552 5\.3\.4 /)
  assert.deepEqual(fixture.errors, [])
})

test('DATA after recipients that were all refused is refused, and whoever keeps the log hears of it', async () => {
  await using fixture = await start({}, { rcpt: () => ({ code: 550, status: '5.1.1', text: 'No' }) })
  const client = await ready(fixture, ...ENVELOPE)
  assert.match(await client.say('DATA'), /^554 5\.5\.1 /)
  assert.ok(fixture.records[0]?.calls.includes('refused DATA 554'), fixture.records[0]?.calls.join())
})

test('RFC 3030 §2: a chunk that is not the last has one reply, also where each recipient has its own', async () => {
  await using fixture = await start(
    { name: 'lmtp', protocol: 'lmtp' },
    { data: () => ({ code: 451, status: '4.7.1', text: 'Later' }) },
  )
  const client = await ready(fixture, ...ENVELOPE, 'RCPT TO:<c@example.org>')
  assert.deepEqual(await client.talk('BDAT 6\r\nfirst NOOP\r\n', 2), ['451 4.7.1 Later', '250 2.0.0 Ok'])
})

test('chunks that are hardly worth their replies are too many after a thousand', async () => {
  await using fixture = await start()
  const client = await ready(fixture, ...ENVELOPE)
  const replies = await client.talk('BDAT 1\r\nx'.repeat(1001), 1001)
  assert.equal(replies.at(-2), '250 2.0.0 1 octets received')
  assert.equal(replies.at(-1), '421 4.7.0 Too many small chunks, closing the connection')
  assert.equal(await client.reply(), 'closed')
})
