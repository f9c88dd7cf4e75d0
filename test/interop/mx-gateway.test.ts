/** The main job on real input: real clients, the example `mx-gateway`, a real Dovecot, and the mailbox as its owner reads it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { requires } from '../runner/requires.ts'
import { CLIENTS, type Mail } from './client.ts'
import { type Dovecot, startDovecot } from './dovecot.ts'
import { type Gateway, startGateway } from './gateway.ts'
import { readInbox } from './mailbox.ts'
import { largeMessage, traceOf, trickyMessage } from './message.ts'

const skip = requires('dovecot-lmtpd', 'dovecot-imapd', 'swaks', 'postfix', 'msmtp', 'python3')
const ALICE = 'alice@example.test'
const BOB = 'bob@example.test'
const MALLORY = 'mallory@example.test'

let dovecot: Dovecot
let gateway: Gateway

if (!skip) {
  before(async () => {
    dovecot = await startDovecot([ALICE, BOB])
    gateway = await startGateway(`127.0.0.1:${dovecot.lmtp.port}`)
  })
  after(async () => {
    await gateway?.[Symbol.asyncDispose]()
    await dovecot?.[Symbol.asyncDispose]()
  })
}

async function send(name: string, mail: Partial<Mail> & Pick<Mail, 'data'>) {
  const client = CLIENTS.get(name)
  assert.ok(client, name)
  const sent = await client.send({ port: gateway.port, from: 'sender@client.example', to: [ALICE], ...mail })
  // What the gateway has to say of it is shown with a failure.
  return sent.isSent
    ? sent
    : { ...sent, said: `${sent.said}\n${gateway.log().trimEnd().split('\n').slice(-3).join('\n')}` }
}

/** The messages of a mailbox with this subject. */
async function findMail(user: string, subject: string): Promise<Buffer[]> {
  const inbox = await readInbox(dovecot.imapPort, user)
  return inbox.filter((message) => message.includes(`\r\nSubject: ${subject}\r\n`))
}

for (const [name, { tail }] of CLIENTS) {
  test(`mail from ${name} arrives in the mailbox, octet for octet but for trace fields`, { skip }, async () => {
    const data = trickyMessage(`from ${name}`)
    const sent = await send(name, { data })
    assert.ok(sent.isSent, sent.said)
    const [message, ...others] = await findMail(ALICE, `from ${name}`)
    assert.ok(message, gateway.log())
    assert.equal(others.length, 0)
    const trace = traceOf(message, Buffer.concat([data, Buffer.from(tail)]))
    // RFC 5321 §4.4: our field tells who gave it to us and when; Dovecot's own is above it.
    assert.match(trace, /Received: from client\.example [^:]*?\bby mx\.example\.test\b/s)
    assert.match(trace, /^Return-Path: <sender@client\.example>\r\n/)
  })

  test(`an unknown user is refused to ${name} at RCPT with Dovecot's own answer`, { skip }, async () => {
    const refused = await send(name, { to: [MALLORY], data: trickyMessage(`unknown ${name}`) })
    assert.ok(!refused.isSent)
    assert.match(refused.said, /550.*5\.1\.1.*User doesn't exist: mallory@example\.test/s)
  })
}

test('the refusal of an unknown user comes at RCPT: the message is never sent', { skip }, async () => {
  const { said } = await send('swaks', { to: [MALLORY], data: trickyMessage('never sent') })
  assert.match(said, /-> RCPT TO:<mallory@example\.test>\n<\*\* 550 5\.1\.1 /)
  assert.doesNotMatch(said, /-> DATA/)
})

test('of two recipients the known one gets the mail, and the client hears of the other', { skip }, async () => {
  const sent = await send('smtplib', { to: [ALICE, MALLORY, BOB], data: trickyMessage('three recipients') })
  assert.ok(sent.isSent, sent.said)
  assert.match(sent.said, /mallory@example\.test.*550/)
  assert.equal((await findMail(ALICE, 'three recipients')).length, 1)
  assert.equal((await findMail(BOB, 'three recipients')).length, 1)
})

test('a refusal of the house rule is seen by the client, and nothing arrives', { skip }, async () => {
  for (const name of CLIENTS.keys()) {
    const refused = await send(name, { data: trickyMessage('You have won') })
    assert.ok(!refused.isSent, name)
    assert.match(refused.said, /5\d\d[ -]5\.7\.1 .*We did not buy a ticket/s, name)
  }
  assert.deepEqual(await findMail(ALICE, 'You have won'), [])
})

test('a message with an attachment of 20 MB arrives, octet for octet', { skip }, async () => {
  const data = largeMessage('large', 20_000_000)
  const sent = await send('smtplib', { data })
  assert.ok(sent.isSent, sent.said)
  const [message] = await findMail(ALICE, 'large')
  assert.ok(message)
  traceOf(message, data)
})

test('the null reverse-path goes through', { skip }, async () => {
  const sent = await send('smtplib', { from: '', data: trickyMessage('a bounce') })
  assert.ok(sent.isSent, sent.said)
  const [message] = await findMail(ALICE, 'a bounce')
  assert.match(message!.toString('latin1'), /^Return-Path: <>\r\n/)
})

test('while Dovecot is dead the client hears 4xx, and the mail arrives once when it tries again', {
  skip,
}, async () => {
  const data = trickyMessage('second attempt')
  await dovecot.stop()
  try {
    const deferred = await send('swaks', { data })
    assert.ok(!deferred.isSent)
    assert.match(deferred.said, /\n<\*\* 4\d\d /)
    assert.doesNotMatch(deferred.said, /\n<\*\* 5\d\d /)
  } finally {
    await dovecot.start()
  }
  const sent = await send('swaks', { data })
  assert.ok(sent.isSent, sent.said)
  assert.equal((await findMail(ALICE, 'second attempt')).length, 1)
})

test('a gateway over the UNIX socket of Dovecot does the same, and leaves with exit code 0 when asked to', {
  skip,
}, async () => {
  await using other = await startGateway(dovecot.lmtp.path)
  const data = trickyMessage('over a socket')
  const sent = await send('nodemailer', { port: other.port, data })
  assert.ok(sent.isSent, sent.said)
  assert.equal((await findMail(ALICE, 'over a socket')).length, 1)
  assert.equal(await other.stop(), 0)
})

test('every transaction left one canonical line', { skip }, async () => {
  const lines = gateway
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  const transactions = lines.filter((line) => line.from !== undefined && line.to !== undefined)
  assert.ok(transactions.length >= CLIENTS.size * 2)
})
