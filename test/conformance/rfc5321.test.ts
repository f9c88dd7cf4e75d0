/** RFC 5321, Simple Mail Transfer Protocol: what it asks of a server, one test a claim. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { startServer } from '../dialogues/server.ts'
import { claim, HELLO, READY } from './claim.ts'

claim('RFC 5321 §3.1', 'the server speaks first, 220 and its domain', ['S: 220 mx.test *'])
claim(
  'RFC 5321 §3.1',
  'a client that does not wait for the greeting may be refused, 554',
  ['C: EHLO client.test', 'S: 554 *', 'S! closed'],
  {
    greeting: { waitMs: 50 },
  },
)
claim('RFC 5321 §2.2.1', 'EHLO is answered with the extensions, HELO without them', [
  'S: 220 *',
  'C: HELO client.test',
  'S: 250 mx.test*',
  'C: EHLO client.test',
  'S: 250-*',
  'S: 250 HELP',
])
claim('RFC 5321 §4.1.1.1', 'the first line of the reply to EHLO begins with the domain of the server', [
  'S: 220 *',
  'C: EHLO client.test',
  'S: 250-mx.test*',
])
claim('RFC 5321 §4.1.1.1', 'a client that has not said EHLO or HELO has no transaction', [
  'S: 220 *',
  'C: MAIL FROM:<a@client.test>',
  'S: 503 5.5.1 *',
])
claim('RFC 5321 §4.1.1.1', 'an argument that makes no sense is 501, and the client may go on', [
  'S: 220 *',
  'C: EHLO',
  'S: 501 *',
  'C: EHLO client.test',
  'S: 250-*',
  'S: 250 HELP',
])
claim('RFC 5321 §4.1.3', 'an address literal stands for a domain, in EHLO and in paths', [
  'S: 220 *',
  'C: EHLO [192.0.2.1]',
  'S: 250-*',
  'S: 250 HELP',
  'C: MAIL FROM:<a@[IPv6:2001:db8::1]>',
  'S: 250 *',
])
claim('RFC 5321 §4.1.4', 'EHLO is said again at any time, and resets like RSET', [
  ...READY,
  ...HELLO.slice(1),
  'C: DATA',
  'S: 503 5.5.1 *',
])
claim('RFC 5321 §4.1.4', 'a session that has failed EHLO before may go on with HELO', [
  'S: 220 *',
  'C: EHLO',
  'S: 501 *',
  'C: HELO client.test',
  'S: 250 *',
  'C: MAIL FROM:<>',
  'S: 250 *',
])
claim('RFC 5321 §4.1.4', 'NOOP, HELP, EXPN, VRFY and RSET are answered without EHLO', [
  'S: 220 *',
  'C: NOOP',
  'S: 250 *',
  'C: HELP',
  'S: 214 *',
  'C: VRFY x',
  'S: 252 *',
  'C: EXPN x',
  'S: 502 *',
  'C: RSET',
  'S: 250 *',
])
claim('RFC 5321 §4.1.4', 'MAIL within a transaction is 503 and leaves it as it was', [
  ...READY,
  'C: MAIL FROM:<c@client.test>',
  'S: 503 5.5.1 *',
  'C: DATA',
  'S: 354 *',
])
claim('RFC 5321 §4.1.4', 'RCPT without MAIL and DATA without RCPT are 503', [
  ...HELLO,
  'C: RCPT TO:<b@mx.test>',
  'S: 503 5.5.1 *',
  'C: MAIL FROM:<>',
  'S: 250 *',
  'C: DATA',
  'S: 503 5.5.1 *',
])
claim('RFC 5321 §3.3', 'DATA when no recipient was taken is 554, or 503', [
  ...HELLO,
  'C: MAIL FROM:<>',
  'S: 250 *',
  'C: RCPT TO:<nobody@mx.test>',
  'S: 550 5.1.1 *',
  'C: DATA',
  'S: 554 5.5.1 *',
])
claim('RFC 5321 §3.3', 'a transaction is over after the message, and the next one begins with MAIL', [
  ...READY,
  'C: DATA',
  'S: 354 *',
  'C: .',
  'S: 250 *',
  'C: RCPT TO:<b@mx.test>',
  'S: 503 *',
  'C: MAIL FROM:<>',
  'S: 250 *',
])
claim('RFC 5321 §2.4', 'verbs and keywords are read without case', [
  'S: 220 *',
  'C: eHlO client.test',
  'S: 250-*',
  'S: 250 HELP',
  'C: mAiL fRoM:<a@client.test> sIzE=5 bOdY=8bItMiMe',
  'S: 250 *',
  'C: rCpT tO:<b@mx.test>',
  'S: 250 *',
  'C: dAtA',
  'S: 354 *',
])
claim('RFC 5321 §2.3.8', 'a line ends with CRLF and with nothing else', [
  ...READY,
  'C! DATA\\n',
  'S: 500 5.5.2 *',
  'C: NOOP\\rNOOP',
  'S: 500 5.5.2 *',
  'C: DATA',
  'S: 354 *',
  'C: a\\nb\\r\\n.',
  'S: 550 5.6.11 *',
])
claim('RFC 5321 §4.1.1', 'white space before the CRLF is passed over', [
  'S: 220 *',
  'C: EHLO client.test  ',
  'S: 250-*',
  'S: 250 HELP',
  'C: MAIL FROM:<> ',
  'S: 250 *',
  'C: NOOP   ',
  'S: 250 *',
])
claim('RFC 5321 §4.1.1.2', 'the null reverse-path is taken', [...HELLO, 'C: MAIL FROM:<>', 'S: 250 2.1.0 *'])
claim('RFC 5321 §4.5.5', 'mail with the null reverse-path is taken for any recipient', [
  ...HELLO,
  'C: MAIL FROM:<>',
  'S: 250 *',
  'C: RCPT TO:<b@mx.test>',
  'S: 250 *',
  'C: DATA',
  'S: 354 *',
  'C: .',
  'S: 250 *',
])
claim('RFC 5321 §4.1.1.3', 'postmaster is a recipient without a domain, in any case', [
  ...HELLO,
  'C: MAIL FROM:<>',
  'S: 250 *',
  'C: RCPT TO:<Postmaster>',
  'S: 250 2.1.5 *',
])
claim('RFC 5321 §4.1.1.3', 'a source route is understood and passed over', [
  ...HELLO,
  'C: MAIL FROM:<@one.test,@two.test:a@client.test>',
  'S: 250 *',
  'C: RCPT TO:<@one.test:b@mx.test>',
  'S: 250 *',
])
claim('RFC 5321 §4.1.2', 'local parts may be quoted, with spaces, @ and escapes', [
  ...HELLO,
  'C: MAIL FROM:<"a b"@client.test>',
  'S: 250 *',
  'C: RCPT TO:<"a@b"@mx.test>',
  'S: 250 *',
  'C: RCPT TO:<"a\\\\"b"@mx.test>',
  'S: 250 *',
])
claim('RFC 5321 §4.1.2', 'paths have angle brackets, and nothing sticks to them', [
  ...HELLO,
  'C: MAIL FROM:a@client.test',
  'S: 501 *',
  'C: MAIL FROM:<a@client.test>SIZE=1',
  'S: 501 *',
])
claim('RFC 5321 §4.1.1.4', 'only CRLF.CRLF ends the message, and what follows is a command', [
  ...READY,
  'C: DATA',
  'S: 354 *',
  'C: a\\r\\n..\\r\\n.x\\r\\nb\\r\\n.\\r\\nNOOP',
  'S: 250 2.* taken*',
  'S: 250 2.0.0 Ok',
])
claim('RFC 5321 §4.1.1.4', 'DATA has no argument', [...READY, 'C: DATA now', 'S: 501 5.5.4 *', 'C: DATA', 'S: 354 *'])
claim('RFC 5321 §4.1.1.5', 'RSET throws the transaction away, is 250 at any time, and does not close the connection', [
  ...READY,
  'C: RSET',
  'S: 250 *',
  'C: DATA',
  'S: 503 *',
  'C: RSET',
  'S: 250 *',
  'C: RSET x',
  'S: 501 *',
])
claim('RFC 5321 §4.1.1.6', 'VRFY is there, and 252 says neither yes nor no', [
  ...HELLO,
  'C: VRFY joe',
  'S: 252 2.5.1 *',
])
claim('RFC 5321 §4.1.1.9', 'NOOP is 250 with or without an argument, and changes nothing', [
  ...READY,
  'C: NOOP x',
  'S: 250 *',
  'C: DATA',
  'S: 354 *',
])
claim('RFC 5321 §4.1.1.10', 'QUIT is 221, and then the connection closes', [
  ...READY,
  'C: QUIT',
  'S: 221 2.0.0 *',
  'S! closed',
])
claim('RFC 5321 §4.1.1.11', 'a parameter that is not known is 555', [
  ...HELLO,
  'C: MAIL FROM:<> X=1',
  'S: 555 5.5.4 *',
  'C: MAIL FROM:<>',
  'S: 250 *',
  'C: RCPT TO:<b@mx.test> X',
  'S: 555 5.5.4 *',
])
claim('RFC 5321 §4.2.4', 'a verb that is not known is 500, one that is known and not there 502', [
  ...HELLO,
  'C: FOO',
  'S: 500 5.5.2 *',
  'C: EXPN staff',
  'S: 502 5.5.1 *',
  'C: TURN',
  'S: 502 5.5.1 *',
])
claim('RFC 5321 §4.5.1', 'the commands a server must have are there', [
  ...READY,
  'C: DATA',
  'S: 354 *',
  'C: .',
  'S: 250 *',
  'C: RSET',
  'S: 250 *',
  'C: NOOP',
  'S: 250 *',
  'C: VRFY postmaster',
  'S: 250 *',
  'C: HELO x',
  'S: 250 *',
  'C: QUIT',
  'S: 221 *',
])
claim('RFC 5321 §4.5.2', 'a first dot is taken off, whatever follows it', [
  ...READY,
  'C: DATA',
  'S: 354 *',
  'C: Subject: spam\\r\\n\\r\\n.\\x00.\\r\\n..\\r\\n.',
  'S: 550 5.7.1 *',
])
claim('RFC 5321 §4.5.3.1.4', 'a command line of 512 octets is read', [
  ...HELLO,
  `C: NOOP ${'x'.repeat(505)}`,
  'S: 250 *',
])
claim(
  'RFC 5321 §4.5.3.1.6',
  'a text line of 1,000 octets is read',
  [...READY, 'C: DATA', 'S: 354 *', `C: ${'x'.repeat(998)}\\r\\n.`, 'S: 250 *'],
  { strictLines: true },
)
claim(
  'RFC 5321 §4.5.3.1.6',
  'a longer one is refused where the operator is strict',
  [...READY, 'C: DATA', 'S: 354 *', `C: ${'x'.repeat(999)}\\r\\n.`, 'S: 554 5.6.0 *'],
  { strictLines: true },
)
claim('RFC 5321 §4.5.3.1.1', 'a local part of 64 octets is read, a longer one is not', [
  ...HELLO,
  `C: MAIL FROM:<${'a'.repeat(65)}@client.test>`,
  'S: 501 5.1.7 *',
  `C: MAIL FROM:<${'a'.repeat(64)}@client.test>`,
  'S: 250 *',
])
claim('RFC 5321 §4.5.3.1.8', 'a hundred recipients are taken', [
  ...HELLO,
  'C: MAIL FROM:<>',
  'S: 250 *',
  ...Array.from({ length: 100 }, (_, i) => [`C: RCPT TO:<b${i}@mx.test>`, 'S: 250 *']).flat(),
  'C: DATA',
  'S: 354 *',
])
claim(
  'RFC 5321 §4.5.3.1.10',
  'too many recipients are 452, and the message goes to those that were taken',
  [...READY, 'C: RCPT TO:<c@mx.test>', 'S: 452 4.5.3 *', 'C: DATA', 'S: 354 *', 'C: .', 'S: 250 *'],
  { limits: { recipients: 1 } },
)
claim(
  'RFC 5321 §3.8',
  'a server that closes by itself says 421',
  ['S: 220 *', 'C: FOO', 'S: 500 *', 'C: FOO', 'S: 421 *', 'S! closed'],
  {
    limits: { errors: 2 },
  },
)
claim('RFC 5321 §7.3', 'VRFY tells nobody whether a mailbox is there', [
  ...HELLO,
  'C: VRFY nobody',
  'S: 252 *',
  'C: VRFY b',
  'S: 252 *',
])
claim('RFC 5321 §F.6', 'SEND, SOML and SAML are not there', [
  ...HELLO,
  'C: SEND FROM:<>',
  'S: 502 *',
  'C: SOML FROM:<>',
  'S: 502 *',
  'C: SAML FROM:<>',
  'S: 502 *',
])

test('RFC 5321 §4.4: a Received field is put before what came, which is not changed', async () => {
  await using server = await startServer()
  const text = await say(
    server.port,
    'EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\nX: y\r\n\r\n..z\r\n.\r\nQUIT\r\n',
  )
  assert.match(text, /\r\n221 /)
  const [taken] = server.taken
  assert.match(taken?.text ?? '', /^Received: from client\.test[\s\S]*\r\nX: y\r\n\r\n\.z\r\n$/)
  assert.equal(taken?.text.match(/^Received:/gm)?.length, 1)
})

test('RFC 5321 §4.1.1.4: a message that was not ended is not taken', async () => {
  await using server = await startServer()
  await say(
    server.port,
    'EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\nX: y\r\n\r\n.',
  )
  assert.deepEqual(server.taken, [])
})

/** Says all, closes its side, and gives all that comes back. */
async function say(port: number, text: string): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  let replies = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    replies += chunk
  })
  socket.end(text, 'latin1')
  await new Promise((resolve, reject) => socket.once('end', resolve).once('error', reject))
  socket.destroy()
  return replies
}
