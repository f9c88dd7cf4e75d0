import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import type { Judgement, WireReply } from '@postroad/smtp'
import type { SaidCommand } from '../command.ts'
import { STEP } from '../word.ts'
import {
  agreed,
  begin,
  begun,
  CLIENT,
  DATA,
  END,
  FROM,
  field,
  greeted,
  HELO,
  listenFor,
  MESSAGE,
  PASS,
  POSTFIX,
  TO,
  verdict,
} from './fixture.test.ts'

const address = (text: string) => makeAddress(...(text.split('@') as [string, string]))
const no = (code: number, text: string, more: Partial<WireReply> = {}): WireReply => ({
  code,
  status: `${code < 500 ? 4 : 5}.7.1`,
  text,
  ...more,
})

test('a message passes: each command that somebody hooks is answered at once, and the octets are those that came', async (t) => {
  const { server, heard } = await begun(t)
  server.say(...MESSAGE, END)
  assert.deepEqual(await server.hears(), ['continue'])
  assert.deepEqual(heard.calls, [
    'connect',
    'helo client.example',
    'mail a@example.com',
    'rcpt b@example.net',
    'data',
    'content',
    'judge',
  ])
  assert.equal(heard.octets, 'Subject: hello\r\n\r\ntext\r\n')
  server.say({ kind: 'abort' }, { kind: 'abort' }, { kind: 'quit' })
  await server.end()
  assert.equal(heard.calls.at(-1), 'close quit')
})

/** What a judgement is on the wire. */
const JUDGEMENTS: readonly (readonly [string, Partial<Judgement>, readonly string[]])[] = [
  ['pass', {}, ['continue']],
  ['reject', { outcome: 'refuse', reply: no(550, 'Not wanted') }, ['550 5.7.1 Not wanted']],
  ['defer', { outcome: 'refuse', reply: no(451, 'Later') }, ['451 4.7.1 Later']],
  [
    'reject of several lines',
    { outcome: 'refuse', reply: { ...no(550, ''), text: ['one', 'two'] } },
    ['550 5.7.1 one / two'],
  ],
  ['reject with percent signs', { outcome: 'refuse', reply: no(550, '100% %s') }, ['550 5.7.1 100% %s']],
  [
    'reject, and the connection is to end: 421, and never 4, which is internal to the server',
    { outcome: 'refuse', reply: no(554, 'Go away', { disconnect: true }) },
    ['421 4.7.1 Go away'],
  ],
  [
    'defer, and the connection is to end: the status stays',
    { outcome: 'refuse', reply: { ...no(451, 'Go away'), status: '4.2.1', disconnect: true } },
    ['421 4.2.1 Go away'],
  ],
  ['discard', { outcome: 'discard', reason: 'why' }, ['discard']],
  [
    'quarantine, which is followed by a decision',
    { outcome: 'quarantine', reason: 'a virus' },
    ['quarantine a virus', 'continue'],
  ],
  ['quarantine without a reason', { outcome: 'quarantine' }, ['quarantine quarantined', 'continue']],
  [
    'quarantine with a reason of many lines',
    { outcome: 'quarantine', reason: 'a\r\nbé' },
    ['quarantine a?b?', 'continue'],
  ],
  [
    'header edits, in the order given: changes and deletions, then insertions',
    {
      edits: {
        headers: [
          { kind: 'delete', name: 'X-Gone', index: 2 },
          { kind: 'change', name: 'Subject', index: 1, raw: Buffer.from('Subject: new\r\n\tfold\r\n') },
          { kind: 'insert', name: 'X-Mid', before: 2, raw: Buffer.from('X-Mid:no blank\r\n') },
          { kind: 'insert', name: 'X-Top', before: 0, raw: Buffer.from('X-Top: \xe9\r\n', 'latin1') },
        ],
        body: undefined,
      },
    },
    [
      'changeHeader 2 X-Gone:',
      'changeHeader 1 Subject: new\n\tfold',
      'insertHeader 2 X-Mid:no blank',
      'insertHeader 0 X-Top: \xe9',
      'continue',
    ],
  ],
  [
    'a field that has no value is changed to a blank: an empty one would be taken away',
    { edits: { headers: [{ kind: 'change', name: 'X', index: 1, raw: Buffer.from('X:\r\n') }], body: undefined } },
    ['changeHeader 1 X: ', 'continue'],
  ],
  [
    'another envelope',
    {
      envelope: {
        from: null,
        add: [{ address: address('c@example.org'), parameters: {} }],
        remove: [address('b@example.net')],
      },
    },
    ['changeFrom <>', 'addRcpt <c@example.org>', 'deleteRcpt <b@example.net>', 'continue'],
  ],
  [
    'another body, in one run of frames, just before the decision',
    {
      outcome: 'quarantine',
      reason: 'x',
      edits: {
        headers: [{ kind: 'insert', name: 'X', before: 0, raw: Buffer.from('X: y\r\n') }],
        body: async function* () {
          for (let i = 0; i < 5; i++) yield Buffer.alloc(30_000, 120)
        },
      },
    },
    ['insertHeader 0 X: y', 'quarantine x', 'body 65535', 'body 65535', 'body 18930', 'continue'],
  ],
]

for (const [name, judgement, answers] of JUDGEMENTS)
  test(`judgement: ${name}`, async (t) => {
    let disposed = 0
    const { server } = await begun(t, {
      stages: { judge: async () => ({ ...PASS, ...judgement, dispose: () => void disposed++ }) as Judgement },
    })
    server.say(...MESSAGE, END)
    assert.deepEqual(await server.hears(), answers)
    // The next message is dealt with when this one is over.
    assert.equal(await server.ask(FROM), 'continue')
    assert.equal(disposed, 1)
  })

test('accept ends the row of filters where the operator says so, and only for what passes', async (t) => {
  const { server } = await begun(t, { accept: 'accept' })
  assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['accept'])
})

test('what the server did not offer is not done by half: nothing is applied, and the message is deferred', async (t) => {
  const { connect, errors } = await listenFor(t, {
    stages: verdict({
      edits: { headers: [{ kind: 'insert', name: 'X', before: 0, raw: Buffer.from('X: y\r\n') }], body: undefined },
      envelope: { from: null, add: [], remove: [] },
    }),
  })
  const server = await connect({ ...POSTFIX, actions: 0x11 })
  await begin(server)
  assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['451 4.3.5 Local error in processing, try again later'])
  assert.match(String(errors[0]), /does not let a filter do this: another sender/)
})

/** A refusal at a step, and the answer. */
const REFUSALS: readonly (readonly [string, object, SaidCommand[], string])[] = [
  ['connect', { connect: () => no(554, 'no') }, [CLIENT], '554 5.7.1 no'],
  ['helo', { helo: () => no(550, 'no') }, [CLIENT, HELO], '550 5.7.1 no'],
  ['mail', { mail: () => no(550, 'no') }, [CLIENT, HELO, FROM], '550 5.7.1 no'],
  ['mail, later', { mail: async () => no(451, 'no') }, [CLIENT, HELO, FROM], '451 4.7.1 no'],
  ['rcpt', { rcpt: () => no(550, 'no') }, [CLIENT, HELO, FROM, TO], '550 5.7.1 no'],
  ['data', { data: () => no(554, 'no') }, [CLIENT, HELO, FROM, TO, { kind: 'data' }], '554 5.7.1 no'],
]

for (const [step, stages, commands, answer] of REFUSALS)
  test(`a refusal at ${step} is answered there`, async (t) => {
    const { server } = await agreed(t, { stages })
    let last = ''
    for (const command of commands) last = await server.ask(command)
    assert.equal(last, answer)
  })

for (const step of ['connect', 'helo', 'mail', 'rcpt', 'data', 'judge'] as const)
  test(`a stage that throws at ${step} passes nothing: 451, and the connection stays`, async (t) => {
    const { server, errors } = await agreed(t, {
      stages: {
        [step]: () => {
          throw new Error('broken')
        },
      },
    })
    const heard: string[] = []
    for (const command of [CLIENT, HELO, FROM, TO, { kind: 'data' } as const]) heard.push(await server.ask(command))
    heard.push((await server.say(...MESSAGE, END).hears()).join())
    assert.ok(
      heard.some((one) => one.startsWith('451 4.3.0 Local error')),
      heard.join(),
    )
    assert.ok(errors.length >= 1)
  })

test('parameters that are known are told, and those that are not are the business of the server', async (t) => {
  const { server, heard } = await greeted(t)
  await server.ask({
    ...FROM,
    kind: 'mail',
    path: '<a@example.com>',
    parameters: ['SIZE=99999999999', 'BODY=8BITMIME', 'X-WHAT=1', 'RET=maybe', 'ENVID=a+2Bb'],
  })
  await server.ask({
    ...TO,
    kind: 'rcpt',
    path: '<b@example.net>',
    parameters: ['NOTIFY=SUCCESS,FAILURE', 'ORCPT=rfc822;x@y'],
  })
  assert.deepEqual(heard.calls.slice(2), [
    'mail a@example.com {"size":99999999999,"body":"8BITMIME","envid":"a+b"}',
    'rcpt b@example.net {"notify":["SUCCESS","FAILURE"],"orcpt":{"type":"rfc822","address":"x@y"}}',
  ])
})

test('a scope that reads no message has none sent, and judges the envelope at its end', async (t) => {
  const { connect, heard } = await listenFor(t, { hooks: ['rcpt'] })
  const server = await connect()
  assert.deepEqual(await server.hears(), ['options 6 128 1c71f0'])
  for (const command of [CLIENT, HELO, FROM]) server.say(command)
  assert.equal(await server.ask(TO), 'continue')
  assert.equal(await server.ask({ kind: 'data' }), 'continue')
  assert.equal(await server.ask(END), 'continue')
  assert.deepEqual(heard.calls.slice(-3), ['rcpt b@example.net', 'data', 'judge'])
  assert.equal(heard.octets, '')
})

test('an older server asks in its way: no DATA, every field answered, values without their blank', async (t) => {
  const { connect, heard } = await listenFor(t)
  const server = await connect({ version: 2, actions: 0x3f, steps: 0x7f })
  assert.deepEqual(await server.hears(), ['options 2 3f 0'])
  for (const command of [CLIENT, HELO, FROM, TO]) assert.equal(await server.ask(command), 'continue')
  assert.equal(await server.ask(field('Subject', 'hello')), 'continue')
  assert.equal(await server.ask(field('X-Tab', '\thello')), 'continue')
  assert.equal(await server.ask({ kind: 'endOfHeader' }), 'continue')
  assert.equal(await server.ask({ kind: 'body', data: Buffer.from('x\r\n') }), 'continue')
  assert.equal(await server.ask(END), 'continue')
  assert.equal(heard.octets, 'Subject: hello\r\nX-Tab: \thello\r\n\r\nx\r\n')
  assert.deepEqual(heard.calls.slice(-3), ['data', 'content', 'judge'])
})

test('a message that is larger than the limit is refused at its end, and not kept', async (t) => {
  const { server, heard } = await begun(t, { limits: { size: 1_000 } })
  server.say(...MESSAGE, { kind: 'body', data: Buffer.alloc(2_000) }, { kind: 'body', data: Buffer.alloc(2_000) }, END)
  assert.deepEqual(await server.hears(), ['552 5.3.4 Message is larger than the limit'])
  assert.ok(heard.calls.includes('abort content'))
  assert.equal(await server.ask(FROM), 'continue')
})

test('the last piece of a body may come with the end of the message', async (t) => {
  const { server, heard } = await begun(t)
  server.say(field('A', ' b'), { kind: 'endOfMessage', data: Buffer.from('last\r\n') })
  assert.deepEqual(await server.hears(), ['continue'])
  assert.equal(heard.octets, 'A: b\r\n\r\nlast\r\n')
})

test('a message of nobody is not judged: all recipients were refused', async (t) => {
  const { server, heard } = await greeted(t, { stages: { rcpt: () => no(550, 'no') } })
  for (const command of [FROM, TO]) await server.ask(command)
  server.say({ kind: 'data' }, ...MESSAGE, END)
  assert.equal(await server.hears().then((one) => one.join()), 'continue')
  assert.deepEqual(await server.hears(), ['554 5.5.1 No valid recipients'])
  assert.ok(!heard.calls.includes('judge'))
})

const WRONG: readonly (readonly [string, readonly SaidCommand[], RegExp])[] = [
  ['a sender before the client', [FROM], /before the client was named/],
  ['a recipient before a sender', [CLIENT, TO], /without a sender/],
  ['a message before a sender', [CLIENT, ...MESSAGE], /without a sender/],
  ['an end before a sender', [CLIENT, END], /without a sender/],
  [
    'a field behind the body',
    [CLIENT, HELO, FROM, TO, DATA, ...MESSAGE, field('A', ' b')],
    /a field behind the end of the header/,
  ],
  ['a second offer', [{ kind: 'options', ...POSTFIX }], /a second offer/],
]

for (const [name, commands, mistake] of WRONG)
  test(`${name} closes the connection, and the error says why`, async (t) => {
    const { server, errors } = await agreed(t)
    server.say(...commands)
    await server.end()
    assert.match(String(errors[0]), mistake)
  })

test('while a handler is at work the server hears that somebody is, where it understands that', async (t) => {
  let go: (judgement: Judgement) => void = () => {}
  const judged = new Promise<Judgement>((resolve) => {
    go = resolve
  })
  const { server } = await begun(t, { progressMs: 40, stages: { judge: () => judged } })
  server.say(...MESSAGE, END)
  assert.equal((await server.hear())?.kind, 'progress')
  assert.equal((await server.hear())?.kind, 'progress')
  go(PASS)
  const rest = await server.hears()
  assert.equal(rest.at(-1), 'continue')
})

test('steps are those that somebody hooks', async (t) => {
  const quiet = STEP.quietConnect | STEP.quietHelo | STEP.quietMail
  const always = STEP.leadingSpace | STEP.noUnknown | STEP.quietHeader | STEP.quietEndOfHeader | STEP.quietBody
  for (const [hooks, steps] of [
    [['connect', 'helo', 'mail', 'message'], always],
    [['message'], always | quiet],
    [['helo', 'rewrite'], always | STEP.quietConnect | STEP.quietMail],
    [[], always | quiet | STEP.noHeaders | STEP.noEndOfHeader | STEP.noBody],
  ] as const) {
    const { connect } = await listenFor(t, { hooks })
    const [answer = ''] = await (await connect()).hears()
    assert.equal(answer.split(' ').at(-1), steps.toString(16))
  }
})
