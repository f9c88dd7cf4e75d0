/** What has cost other filters mail in fields, bodies, envelopes and answers, each by its number in `test/interop/README.md`; those of reading and writing alone are in the tests of the codec. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import type { WireReply } from '@postroad/smtp'
import type { SaidCommand } from '../command.ts'
import { STEP } from '../word.ts'
import {
  begin,
  begun,
  CLIENT,
  DATA,
  END,
  FROM,
  field,
  greeted,
  HELO,
  LATER,
  listenFor,
  MESSAGE,
  mail,
  POSTFIX,
  REFUSED,
  rcpt,
  TO,
  verdict,
} from './fixture.test.ts'

test('trap 1: the blank behind the colon is asked for always, is ours then, and is neither added nor taken away', async (t) => {
  const { connect, heard } = await listenFor(t, {
    stages: verdict({
      edits: { headers: [{ kind: 'insert', name: 'X', before: 0, raw: Buffer.from('X: y\r\n') }], body: undefined },
    }),
  })
  const server = await connect()
  const [options = ''] = await server.hears()
  assert.ok((Number.parseInt(options.split(' ').at(-1) ?? '', 16) & STEP.leadingSpace) !== 0)
  for (const command of [CLIENT, HELO, FROM, TO, DATA]) await server.ask(command)
  const values = [' a', 'b', '\tc', '  d', ' e  ', '']
  server.say(...values.map((value, index) => field(`H${index}`, value)), END)
  assert.deepEqual(await server.hears(), ['insertHeader 0 X: y', 'continue'])
  assert.equal(heard.octets, 'H0: a\r\nH1:b\r\nH2:\tc\r\nH3:  d\r\nH4: e  \r\nH5:\r\n\r\n')
})
test('trap 1: a server that does not give the blank gets none, because it adds one itself', async (t) => {
  const { connect } = await listenFor(t, {
    stages: verdict({
      edits: { headers: [{ kind: 'insert', name: 'X', before: 0, raw: Buffer.from('X: y\r\n') }], body: undefined },
    }),
  })
  const server = await connect({ ...POSTFIX, steps: POSTFIX.steps & ~STEP.leadingSpace })
  await begin(server)
  assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['insertHeader 0 X:y', 'continue'])
})
test('trap 2: folds are CRLF before a plugin sees them, and octets beyond ASCII stay what they are', async (t) => {
  const { server, heard } = await begun(t)
  server.say(field('Subject', ' a\n b\r\n\tc\n \xe9\xff'), { kind: 'endOfHeader' }, END)
  await server.hears()
  assert.equal(heard.octets, 'Subject: a\r\n b\r\n\tc\r\n \xe9\xff\r\n\r\n')
})
test('trap 3, 4, 5: insertions count with the trace field of the server, changes without; deletions go from the last to the first, by an empty value', async (t) => {
  const { server } = await begun(t, {
    stages: verdict({
      edits: {
        headers: [
          { kind: 'delete', name: 'X', index: 3 },
          { kind: 'delete', name: 'X', index: 1 },
          { kind: 'insert', name: 'B', before: 1, raw: Buffer.from('B: below ours\r\n') },
          { kind: 'insert', name: 'A', before: 0, raw: Buffer.from('A: above ours\r\n') },
        ],
        body: undefined,
      },
    }),
  })
  assert.deepEqual(await server.say(...MESSAGE, END).hears(), [
    'changeHeader 3 X:',
    'changeHeader 1 X:',
    'insertHeader 1 B: below ours',
    'insertHeader 0 A: above ours',
    'continue',
  ])
})
test('trap 6, 7: a refusal is a reply with code and text, never reject or tempfail; percent signs are doubled on the wire', async (t) => {
  const { server } = await greeted(t, { stages: { rcpt: () => ({ ...REFUSED, text: '100% %s' }) } })
  for (const command of [FROM]) await server.ask(command)
  const raw: Buffer[] = []
  server.socket.on('data', (chunk) => raw.push(Buffer.from(chunk)))
  assert.equal(await server.ask(TO), '550 5.1.1 100% %s')
  assert.match(Buffer.concat(raw).toString('latin1'), /y550 5\.1\.1 100%% %%s\0$/)
})
test('trap 13: another body is one run of frames, and nothing else stands in it', async (t) => {
  const { server } = await begun(t, {
    stages: verdict({
      envelope: { from: undefined, add: [], remove: [makeAddress('b', 'example.net')] },
      edits: {
        headers: [{ kind: 'insert', name: 'X', before: 0, raw: Buffer.from('X: y\r\n') }],
        body: async function* () {
          yield Buffer.alloc(65_536)
          yield Buffer.alloc(1)
        },
      },
    }),
  })
  const answers = await server.say(...MESSAGE, END).hears()
  assert.deepEqual(answers.slice(-3), ['body 65535', 'body 2', 'continue'])
})
test('trap 15: parameters of a recipient are told to Postfix only', async (t) => {
  const envelope = {
    from: undefined,
    add: [{ address: makeAddress('c', 'example.org'), parameters: { notify: ['NEVER'] as const } }],
    remove: [],
  }
  const { connect } = await listenFor(t, { stages: verdict({ envelope }) })
  for (const [v, answer] of [
    ['Postfix 3.7.11', 'addRcpt <c@example.org> NOTIFY=NEVER'],
    ['8.17.1', 'addRcpt <c@example.org>'],
  ] as const) {
    const server = await connect()
    server.tell('connect', { v })
    await begin(server)
    assert.deepEqual(await server.say(...MESSAGE, END).hears(), [answer, 'continue'])
  }
})
test('trap 16: a recipient who is discarded is taken away at the end; the message is not', async (t) => {
  const { server } = await greeted(t, {
    stages: verdict({ envelope: { from: undefined, add: [], remove: [makeAddress('B', 'example.net')] } }),
  })
  for (const command of [FROM, rcpt('<B@Example.NET>'), TO, DATA]) await server.ask(command)
  // By the name that the server has for it.
  assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['deleteRcpt <B@Example.NET>', 'continue'])
})
test('trap 21: a body may hold NUL, and is cut anywhere, also within CRLF', async (t) => {
  const { server, heard } = await begun(t)
  const pieces = ['a\0b\r', '\n.\r\n', '\r', '\n']
  server.say(
    { kind: 'endOfHeader' },
    ...pieces.map((one): SaidCommand => ({ kind: 'body', data: Buffer.from(one) })),
    END,
  )
  await server.hears()
  assert.equal(heard.octets, '\r\na\0b\r\n.\r\n\r\n')
})
test('trap 23: every verdict holds with a text and without', async (t) => {
  for (const outcome of ['quarantine', 'discard'] as const)
    for (const reason of [undefined, '', 'a reason', '550 5.7.1 like a reply']) {
      const { server } = await begun(t, {
        stages: verdict({ outcome, ...(reason !== undefined && { reason }) }),
      })
      const answers = await server.say(...MESSAGE, END).hears()
      assert.equal(answers[0]?.split(' ')[0], outcome)
    }
})
test('trap 25: addresses are read whatever is in them: blanks in quotes, the null path, no brackets, no domain, dots in a row, source routes', async (t) => {
  const { server, heard } = await greeted(t)
  const senders = [
    '<"a b SIZE=1"@example.com>',
    '<>',
    'bare@example.com',
    '<alice>',
    '<a..b@example.com>',
    '<@relay.example:a@b.example>',
  ]
  for (const path of senders) {
    server.tell('mail', { mail_addr: path === '<alice>' ? 'alice@home.example' : '' })
    assert.equal(await server.ask(mail(path)), 'continue')
    server.say({ kind: 'abort' })
  }
  assert.deepEqual(
    heard.calls.filter((call) => call.startsWith('mail')),
    [
      'mail "a b SIZE=1"@example.com',
      'mail <>',
      'mail bare@example.com',
      'mail alice@home.example',
      'mail "a..b"@example.com',
      'mail a@b.example',
    ],
  )
  server.tell('mail', {})
  assert.equal(await server.ask(mail('<a\x01@b.example>')), '553 5.1.7 Not an address')
  server.say({ kind: 'abort' })
  await server.ask(FROM)
  assert.equal(await server.ask(rcpt('<what is this>')), '553 5.1.3 Not an address')
  assert.equal(await server.ask(rcpt('<postmaster>')), 'continue')
})
test('finding 16: a reply is ASCII, and no text of it makes a line of its own', async (t) => {
  const { server } = await begun(t, {
    stages: verdict({ outcome: 'refuse', reply: { code: 550, status: '5.7.1', text: 'a’b\r\n250 ok' } }),
  })
  assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['550 5.7.1 a?b 250 ok'])
})

test('finding 11: an address without a domain is as the server completes it, or of its own host', async (t) => {
  const { server, heard } = await greeted(t)
  server.tell('mail', { mail_addr: 'alice@home.example' })
  assert.equal(await server.ask(mail('<alice>')), 'continue')
  server.tell('rcpt', { rcpt_addr: 'bob@home.example' })
  assert.equal(await server.ask(rcpt('<bob>')), 'continue')
  // Without angle brackets, as mail that does not come by SMTP, and without a macro for it.
  server.tell('rcpt', { j: 'mx.example.com', rcpt_addr: '' })
  assert.equal(await server.ask(rcpt('carol')), 'continue')
  assert.deepEqual(heard.calls.slice(2), [
    'mail alice@home.example',
    'rcpt bob@home.example',
    'rcpt carol@mx.example.com',
  ])
})

const stay: WireReply = { code: 521, status: '5.7.1', text: 'No' }
for (const [v, step, reply, said] of [
  ['Postfix 3.7.11', 'rcpt', { ...REFUSED, disconnect: true }, '521 5.1.1 No such user'],
  ['Postfix 3.7.11', 'rcpt', { ...LATER, disconnect: true }, '421 4.7.1 Later'],
  ['Postfix 3.7.11', 'rcpt', stay, '550 5.7.1 No'],
  ['Postfix 3.7.11', 'connect', { ...REFUSED, disconnect: true }, '421 4.1.1 No such user'],
  ['Postroad', 'rcpt', { ...REFUSED, disconnect: true }, '521 5.1.1 No such user'],
  ['Postroad', 'rcpt', { ...LATER, disconnect: true }, '421 4.7.1 Later'],
  ['Postroad', 'rcpt', stay, '550 5.7.1 No'],
  ['Postroad', 'connect', { ...REFUSED, disconnect: true }, '521 5.1.1 No such user'],
  ['8.17.1', 'rcpt', { ...REFUSED, disconnect: true }, '421 4.1.1 No such user'],
  ['8.17.1', 'rcpt', { ...LATER, disconnect: true }, '421 4.7.1 Later'],
  ['8.17.1', 'rcpt', stay, '521 5.7.1 No'],
] as const)
  test(`${v} hears ${said.slice(0, 9)} at ${step} of who is to ${'disconnect' in reply ? 'go' : 'stay'}: Postfix and Postroad hang up after 421 and 521, Sendmail after 421 only`, async (t) => {
    const { connect } = await listenFor(t, { stages: { [step]: () => reply } })
    const server = await connect()
    server.tell('connect', { v })
    await server.hears()
    const asked = step === 'connect' ? [CLIENT] : [CLIENT, HELO, FROM, TO]
    let heard = ''
    for (const command of asked) heard = await server.ask(command)
    assert.equal(heard, said)
  })
