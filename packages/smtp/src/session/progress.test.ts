/** Whatever a client repeats without getting anywhere comes to an end; whoever gets somewhere is not counted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Client, OFFER, type Stages, start } from '../fixture.test.ts'

const TIMES = 20_000
/** More replies than this to one kind of command, and nothing done for a message, are without end. */
const BOUND = 4500
const defer = { code: 450, status: '4.7.1', text: 'Later' }

interface Shape {
  readonly begin?: string
  readonly again: string
  readonly stages?: Partial<Stages>
}

const MAIL = 'EHLO x\r\nMAIL FROM:<a@example.com>\r\n'
const ENVELOPE = `${MAIL}RCPT TO:<b@example.org>\r\n`

const SHAPES: Readonly<Record<string, Shape>> = {
  'AUTH answered 454': {
    begin: 'EHLO x\r\n',
    again: 'AUTH PLAIN AGEAYg==',
    stages: { auth: () => ({ code: 454, status: '4.7.0', text: 'Later' }) },
  },
  'AUTH answered 535': { begin: 'EHLO x\r\n', again: 'AUTH PLAIN AGEAYg==' },
  'AUTH whose judge fails': {
    begin: 'EHLO x\r\n',
    again: 'AUTH PLAIN AGEAYg==',
    stages: { auth: () => Promise.reject(new Error('no judge')) },
  },
  'AUTH cancelled': { begin: 'EHLO x\r\n', again: 'AUTH LOGIN\r\n*' },
  'RCPT taken': { begin: MAIL, again: 'RCPT TO:<b@example.org>' },
  'RCPT refused for now': { begin: MAIL, again: 'RCPT TO:<b@example.org>', stages: { rcpt: () => defer } },
  'RCPT refused': { begin: MAIL, again: 'RCPT TO:<no@example.org>' },
  'RCPT malformed': { begin: MAIL, again: 'RCPT TO:b' },
  'an empty BDAT': { begin: ENVELOPE, again: 'BDAT 0' },
  'BDAT of one octet': { begin: ENVELOPE, again: 'BDAT 3\r\nx' },
  'BDAT without recipients': { begin: MAIL, again: 'BDAT 3\r\nx' },
  'BDAT, all recipients refused': { begin: `${MAIL}RCPT TO:<no@example.org>\r\n`, again: 'BDAT 3\r\nx' },
  'BDAT refused': { begin: ENVELOPE, again: 'BDAT 0', stages: { data: () => defer } },
  'DATA refused': { begin: ENVELOPE, again: 'DATA', stages: { data: () => defer } },
  'DATA whose stage fails': {
    begin: ENVELOPE,
    again: 'DATA',
    stages: { data: () => Promise.reject(new Error('no disk')) },
  },
  'DATA, all recipients refused': { begin: `${MAIL}RCPT TO:<no@example.org>\r\n`, again: 'DATA' },
  'DATA without MAIL': { begin: 'EHLO x\r\n', again: 'DATA' },
  'MAIL refused for now': { begin: 'EHLO x\r\n', again: 'MAIL FROM:<a@example.com>', stages: { mail: () => defer } },
  'MAIL refused': {
    begin: 'EHLO x\r\n',
    again: 'MAIL FROM:<a@example.com>',
    stages: { mail: () => ({ code: 550, text: 'No' }) },
  },
  'MAIL and RSET': { begin: 'EHLO x\r\n', again: 'MAIL FROM:<a@example.com>\r\nRSET' },
  'MAIL and EHLO': { again: 'EHLO x\r\nMAIL FROM:<a@example.com>' },
  'messages refused': {
    begin: 'EHLO x\r\n',
    again: 'MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.',
    stages: { message: () => defer },
  },
  EHLO: { again: 'EHLO x' },
  'EHLO refused': { again: 'EHLO x', stages: { helo: () => defer } },
  'EHLO malformed': { again: 'EHLO' },
  LHLO: { again: 'LHLO x' },
  STARTTLS: { begin: 'EHLO x\r\n', again: 'STARTTLS' },
  XCLIENT: { again: 'XCLIENT ADDR=192.0.2.1' },
  'XCLIENT and EHLO': { again: 'XCLIENT ADDR=192.0.2.1\r\nEHLO x' },
  'XCLIENT and an error': { again: 'XCLIENT ADDR=192.0.2.1\r\nFOO' },
  'XCLIENT malformed': { again: 'XCLIENT ADDR=x' },
  'XCLIENT and MAIL': { again: 'XCLIENT ADDR=192.0.2.1\r\nEHLO x\r\nMAIL FROM:<>\r\nRSET' },
  XFORWARD: { begin: 'EHLO x\r\n', again: 'XFORWARD ADDR=192.0.2.1' },
  RSET: { again: 'RSET' },
  NOOP: { again: 'NOOP x' },
  VRFY: { again: 'VRFY a' },
  EXPN: { again: 'EXPN a' },
  HELP: { again: 'HELP' },
  'a verb of a plugin': { again: 'XTRA', stages: { unknown: () => ({ code: 250, text: 'Done' }) } },
  'a verb of a plugin, refused for now': { again: 'XTRA', stages: { unknown: () => defer } },
  'an unknown verb': { again: 'XTRA' },
  'no verb': { again: '' },
  'a long line': { again: 'x'.repeat(20_000) },
  'QUIT with an argument': { again: 'QUIT now' },
}

for (const [name, { begin = '', again, stages }] of Object.entries(SHAPES))
  test(`said ${TIMES} times, ${name} ends with 421 after a bounded number of replies`, async () => {
    const options = { authWithoutTls: true, xclient: ['127.0.0.1', '192.0.2.1'], xforward: ['127.0.0.1'] }
    await using fixture = await start(options, {
      offer: () => ({ ...OFFER, mechanisms: ['PLAIN', 'LOGIN'] }),
      ...stages,
    })
    const client = await fixture.client()
    const times = Math.min(TIMES, Math.ceil(8_000_000 / again.length))
    client.send(`${begin}${`${again}\r\n`.repeat(times)}QUIT\r\n`)
    const replies = await rest(client)
    assert.match(replies.at(-2) ?? '', /^421 /, `${replies.length} replies`)
    assert.ok(replies.length < BOUND, `${replies.length} replies`)
    const told = fixture.records.reduce((sum, { calls }) => sum + calls.length, 0)
    assert.ok(told < 2 * BOUND, `${told} calls`)
  })

test('a mailing list on one connection is not cut: dead addresses, deferred ones, RSET, VRFY and XFORWARD with every message', async () => {
  const options = { xforward: ['127.0.0.1'] }
  const rcpt: Stages['rcpt'] = ({ local }) =>
    local === 'b' ? { code: 250, text: 'Ok' } : local === 'later' ? defer : { code: 550, text: 'No' }
  await using fixture = await start(options, { rcpt })
  const client = await fixture.client()
  await client.talk('EHLO x\r\n', 2)
  const dead = 'MAIL FROM:<a@example.com>\r\nRCPT TO:<no@example.org>\r\nDATA\r\nRSET\r\n'
  const chunked = 'MAIL FROM:<a@example.com>\r\nRCPT TO:<no@example.org>\r\nBDAT 3\r\nx\r\nBDAT 2 LAST\r\n\r\nRSET\r\n'
  const good = `${'XFORWARD ADDR=192.0.2.1\r\nXFORWARD NAME=x\r\nVRFY b\r\n'}MAIL FROM:<a@example.com>\r\n${'RCPT TO:<later@example.org>\r\n'.repeat(50)}${'RCPT TO:<no@example.org>\r\n'.repeat(40)}RCPT TO:<b@example.org>\r\nBDAT 3\r\nx\r\nBDAT 0 LAST\r\nRSET\r\n`
  for (let i = 0; i < 40; i++) {
    // Ten or so of them in a row are usual; that a whole connection is nothing else is not.
    const replies = await client.talk(
      `${dead.repeat(12)}${chunked.repeat(12)}${good}`,
      12 * 4 + 12 * 5 + 3 + 1 + 91 + 2 + 1,
    )
    assert.ok(!replies.some((reply) => reply.startsWith('421')), `round ${i}`)
  }
  assert.equal(fixture.records[0]?.messages.length, 40)
})

test('a thousand messages on one connection, with RSET and NOOP between, are taken; then there is a 421', async () => {
  await using fixture = await start()
  const client = await fixture.client()
  await client.talk('EHLO x\r\n', 2)
  const message = 'MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nBDAT 1 LAST\r\nxRSET\r\nNOOP\r\n'
  for (let i = 0; i < 10; i++) {
    const replies = await client.talk(message.repeat(100), 500)
    assert.ok(replies.every((reply) => reply.startsWith('250')))
  }
  assert.match(await client.say('MAIL FROM:<a@example.com>'), /^421 4\.7\.0 Too many transactions/)
})

test('more recipients than a transaction may have are put off, and the message of the others is taken', async () => {
  await using fixture = await start({ limits: { recipients: 100 } })
  const client = await fixture.client()
  await client.talk(MAIL, 3)
  const replies = await client.talk('RCPT TO:<b@example.org>\r\n'.repeat(200), 200)
  assert.equal(replies.filter((reply) => reply.startsWith('452 4.5.3')).length, 100)
  assert.deepEqual(await client.talk('DATA\r\n.\r\n', 2), ['354 End data with <CRLF>.<CRLF>', '250 2.0.0 Queued'])
})

async function rest(client: Client): Promise<string[]> {
  const replies: string[] = []
  do replies.push(await client.reply())
  while (replies.at(-1) !== 'closed')
  return replies
}
