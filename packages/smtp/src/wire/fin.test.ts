/** What a client that closes its side is owed: the replies to what it had sent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { CERTIFICATE } from '../certificate.test.ts'
import { type Client, start, type WireReply } from '../fixture.test.ts'

const ENVELOPE = 'MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n'
const QUEUED: WireReply = { code: 250, status: '2.0.0', text: 'Queued late' }
const never = (): Promise<never> => new Promise(() => {})

/** A stage whose answer the test gives. */
function late<T>(): { stage: () => Promise<T>; asked: Promise<void>; answer: (value: T) => void } {
  let answer: (value: T) => void = () => {}
  const answered = new Promise<T>((resolve) => {
    answer = resolve
  })
  let ask = (): void => {}
  const asked = new Promise<void>((resolve) => {
    ask = resolve
  })
  const stage = (): Promise<T> => {
    ask()
    return answered
  }
  return { stage, asked, answer }
}

/** Lets the FIN of a client arrive: it is there when a new connection has been answered that was made after it. */
async function settled(fixture: { client(): Promise<Client> }): Promise<void> {
  const other = await fixture.client()
  await other.reply()
  other.destroy()
}

async function rest(client: Client): Promise<string[]> {
  const replies: string[] = []
  do replies.push(await client.reply())
  while (replies.at(-1) !== 'closed')
  return replies
}

for (const [name, protocol, last, reply] of [
  ['DATA', 'smtp', 'DATA\r\nx\r\n.\r\n', ['354 End data with <CRLF>.<CRLF>', '250 2.0.0 Queued late', 'closed']],
  [
    'DATA in LMTP',
    'lmtp',
    'DATA\r\nx\r\n.\r\n',
    ['354 End data with <CRLF>.<CRLF>', '250 2.0.0 Queued late', 'closed'],
  ],
  ['BDAT LAST', 'smtp', 'BDAT 3 LAST\r\nx\r\n', ['250 2.0.0 Queued late', 'closed']],
  [
    'an empty BDAT LAST',
    'smtp',
    'BDAT 3\r\nx\r\nBDAT 0 LAST\r\n',
    ['250 2.0.0 3 octets received', '250 2.0.0 Queued late', 'closed'],
  ],
  [
    'DATA and QUIT',
    'smtp',
    'DATA\r\nx\r\n.\r\nQUIT\r\n',
    ['354 End data with <CRLF>.<CRLF>', '250 2.0.0 Queued late', '221 2.0.0 Bye', 'closed'],
  ],
] as const)
  test(`a client that closes its side after ${name} hears what became of its message`, async () => {
    const message = late<WireReply>()
    await using fixture = await start({ protocol }, { message: message.stage })
    const client = await fixture.client()
    await client.reply()
    await client.talk(`${protocol === 'lmtp' ? 'LHLO' : 'EHLO'} x\r\n${ENVELOPE}`, 3)
    client.socket.end(last)
    await message.asked
    await settled(fixture)
    message.answer(QUEUED)
    assert.deepEqual(await rest(client), reply)
    assert.equal(await fixture.records[0]?.closed, name.includes('QUIT') ? 'quit' : 'client')
    assert.equal(fixture.records[0]?.messages.length, 1)
  })

for (const tls of ['implicit', 'optional'] as const)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
    test(`a client that says close_notify after its message hears what became of it (${tls}, ${maxVersion})`, async () => {
      const message = late<WireReply>()
      await using fixture = await start({ tls, certificate: CERTIFICATE }, { message: message.stage })
      const client = await fixture.client(tls === 'implicit' ? { tls: true, maxVersion } : {})
      await client.reply()
      if (tls === 'optional') {
        await client.talk('EHLO x\r\nSTARTTLS\r\n', 2)
        await client.upgrade({ maxVersion })
      }
      await client.talk(`EHLO x\r\n${ENVELOPE}DATA\r\n`, 4)
      ;(client.socket as TLSSocket).end('x\r\n.\r\n')
      await message.asked
      const other = await fixture.client(tls === 'implicit' ? { tls: true } : {})
      await other.reply()
      message.answer(QUEUED)
      assert.deepEqual(await rest(client), ['250 2.0.0 Queued late', 'closed'])
    })

test('a client behind a proxy that closes its side is answered all it has sent, the banner too', async () => {
  const message = late<WireReply>()
  await using fixture = await start({ proxies: ['127.0.0.1'] }, { message: message.stage })
  const client = await fixture.client()
  client.socket.end(`PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nEHLO x\r\n${ENVELOPE}DATA\r\nx\r\n.\r\n`)
  await message.asked
  message.answer(QUEUED)
  const codes = (await rest(client)).map((reply) => reply.slice(0, 3))
  assert.deepEqual(codes, ['220', '250', '250', '250', '354', '250', 'clo'])
})

test('a client that closes its side while the reply to its last command is made hears it', async () => {
  for (const command of ['EHLO x', 'VRFY a', 'MAIL FROM:<a@example.com>']) {
    const answer = late<undefined>()
    const verify = (): Promise<WireReply> => answer.stage().then(() => ({ code: 252, text: 'Perhaps' }))
    await using fixture = await start(
      {},
      { helo: command.startsWith('EHLO') ? answer.stage : () => undefined, mail: answer.stage, verify },
    )
    const client = await fixture.client()
    await client.reply()
    if (command.startsWith('MAIL')) await client.say('EHLO x')
    client.socket.end(`${command}\r\n`)
    await answer.asked
    await settled(fixture)
    answer.answer(undefined)
    assert.match((await rest(client)).join(), /^25[02].*,closed$/, command)
  }
})

test('a client that closes its side in AUTH, before it has sent anything, or in the middle of a message is gone at once', async () => {
  await using fixture = await start({ authWithoutTls: true }, { auth: never })
  const guessing = await fixture.client()
  await guessing.talk('EHLO x\r\n', 2)
  guessing.socket.end('AUTH PLAIN AGEAYg==\r\n')
  assert.equal(await fixture.records[0]?.closed, 'client')
  const halfway = await fixture.client()
  await halfway.talk(`EHLO x\r\n${ENVELOPE}DATA\r\n`, 5)
  halfway.socket.end('x\r\n')
  assert.equal(await fixture.records[1]?.closed, 'client')
  await using slow = await start({}, { connect: never })
  const silent = await slow.client()
  silent.socket.end()
  while (slow.records.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(await slow.records[0]?.closed, 'client')
})

test('a client that is gone for good when its message is answered harms nobody', async () => {
  const message = late<WireReply>()
  await using fixture = await start({}, { message: message.stage })
  for (const how of ['destroy', 'resetAndDestroy'] as const) {
    const client = await fixture.client()
    await client.talk(`EHLO x\r\n${ENVELOPE}DATA\r\n`, 5)
    client.send('x\r\n.\r\n')
    await message.asked
    if (how === 'destroy') client.destroy()
    else client.socket.resetAndDestroy()
  }
  assert.equal(await fixture.records[1]?.closed, 'client')
  message.answer(QUEUED)
  assert.equal(await fixture.records[0]?.closed, 'client')
  assert.deepEqual(fixture.errors, [])
})
