/** The traps of milter that a mail server may step into, each by its number in `test/interop/README.md`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definePlugin, reject } from '@postroad/plugin'
import { sessionWith } from '@postroad/testing'
import { asked, at, type FilterScript, field, letter, type Said, spoken, startFilter, text } from './fixture.test.ts'
import { milter } from './milter.ts'
import { refusalOf } from './opinion.ts'

for (const [said, code, status, pattern] of [
  ['reject', 550, '5.7.1', /Command rejected/],
  ['tempfail', 451, '4.7.1', /Service unavailable/],
  [{ kind: 'reply', code: 554, status: '5.7.9', lines: ['100% sure', 'two'] }, 554, '5.7.9', /100% sure/],
  [{ kind: 'reply', code: 450, lines: ['Later'] }, 450, '4.7.1', /Later/],
  ['shutdown', 421, '4.3.2', /shutting down/],
  ['connectionFailure', 421, '4.3.0', /unavailable/],
] as const)
  for (const kind of ['connect', 'helo', 'mail', 'rcpt', 'data', 'header', 'endOfHeader', 'body', 'endOfMessage'])
    test(`traps 6, 7: ${JSON.stringify(said)} at ${kind} is said with its code, status and text`, () =>
      asked({ says: at(kind, said as Said) }, async (session) => {
        const all = session.mail('a@client.test').rcpt('b@mx.test').data(letter)
        // At connect the server greets with 554 or 421, whatever the code: RFC 5321 §4.2.
        const said = kind !== 'connect' ? code : code >= 500 ? 554 : 421
        await all.expectCode(said).expectRefusal(status, pattern)
      }))

test('521 and 421 end the connection, as Postfix has it, and no other code does', () => {
  for (const [code, isOver] of [
    [521, true],
    [421, true],
    [554, false],
    [451, false],
  ] as const)
    assert.equal(refusalOf({ kind: 'reply', code, lines: ['Go'] })?.disconnect, isOver)
})

test('trap 7: a malformed reply is a failure, and onError decides', async () => {
  const malformed = Buffer.concat([Buffer.from([0, 0, 0, 9]), Buffer.from('y250 Ok!\0')])
  await asked({ says: at('rcpt', malformed) }, (session) => session.rcpt('b@mx.test').expectRefusal('4.3.0'))
  const pass = { use: { onError: 'pass' as const } }
  await asked({ says: at('rcpt', malformed) }, (session) => session.rcpt('b@mx.test').data().expectAccepted(), pass)
})

test('trap 1: values come and go with the blank behind the colon; without the step one is eaten, and one is added', async () => {
  const odd = 'A: x\nB:  two\nC:\ttab\nD:none\n\nb\n'
  const add: Said = [{ kind: 'addHeader', ...field('X', ' y') }, 'continue']
  await asked({ says: at('endOfMessage', add) }, async (session, filter) => {
    await session.data(odd).expectDelivered(({ bytes }) => assert.match(text(bytes), /D:none\r\nX: y\r\n\r\n/))
    assert.deepEqual(
      filter.fields.map(({ value }) => String(value)),
      [' x', '  two', '\ttab', 'none'],
    )
  })
  await asked({ steps: 0, says: at('endOfMessage', add) }, async (session, filter) => {
    await session.data(odd).expectDelivered(({ bytes }) => assert.match(text(bytes), /D:none\r\nX: {2}y\r\n\r\n/))
    assert.deepEqual(
      filter.fields.map(({ value }) => String(value)),
      ['x', ' two', '\ttab', 'none'],
    )
  })
})

test('trap 2: folds are shown as LF and come back as CRLF; octets beyond ASCII stay octets', () => {
  const message = Buffer.from('Subject: a\r\n\tb \xff\r\n\r\nx\r\n', 'latin1')
  const change: Said = [{ kind: 'changeHeader', index: 1, ...field('Subject', ' c \xfe\n d') }, 'continue']
  return asked({ says: at('endOfMessage', change) }, async (session, filter) => {
    await session
      .data(message)
      .expectDelivered(({ bytes }) => assert.match(text(bytes), /\r\nSubject: c \xfe\r\n d\r\n\r\n/))
    assert.equal(filter.fields[0] && text(filter.fields[0].value), ' a\n\tb \xff')
  })
})

test('trap 3: the Received field of this server is not shown; by number it does not count, by place it does', () => {
  const edits: Said = [
    { kind: 'insertHeader', index: 0, ...field('Top', ' 0') },
    { kind: 'insertHeader', index: 2, ...field('Below', ' 2') },
    { kind: 'changeHeader', index: 1, ...field('Received', ' theirs') },
    { kind: 'insertHeader', index: 99, ...field('Last', ' 99') },
    'continue',
  ]
  return asked({ says: at('endOfMessage', edits) }, async (session, filter) => {
    await session
      .data('Received: old\nA: 1\n\nx\n')
      .expectDelivered(({ bytes }) =>
        assert.match(
          text(bytes),
          /^Top: 0\r\nReceived: from [\s\S]*\r\nBelow: 2\r\nReceived: theirs\r\nA: 1\r\nLast: 99\r\n\r\nx/,
        ),
      )
    assert.deepEqual(
      filter.fields.map(({ name }) => name),
      ['Received', 'A'],
    )
  })
})

test('traps 4, 5: the nth of a name as edits before have left it; 0 is the first; an empty value deletes; what is not there is added', () => {
  const edits: Said = [
    { kind: 'changeHeader', index: 3, ...field('A', '') },
    { kind: 'changeHeader', index: 1, ...field('a', '') },
    { kind: 'changeHeader', index: 0, ...field('A', ' zero') },
    { kind: 'changeHeader', index: 7, ...field('A', ' new') },
    { kind: 'changeHeader', index: 9, ...field('A', '') },
    'continue',
  ]
  return asked({ says: at('endOfMessage', edits) }, (session) =>
    session
      .data('A: 1\nA: 2\nB: b\nA: 3\n\nx\n')
      .expectDelivered(({ bytes }) => assert.match(text(bytes), /\r\nA: zero\r\nB: b\r\nA: new\r\n\r\nx/)),
  )
})

test('trap 9: after RSET and after a refused recipient the next message begins anew, and the connection stays', () =>
  asked(
    { says: (command) => (command.kind === 'rcpt' && command.path === '<no@mx.test>' ? 'reject' : undefined) },
    async (session, filter) => {
      await session
        .mail('a@client.test')
        .rcpt('b@mx.test')
        .rset()
        .mail('c@client.test')
        .rcpt('no@mx.test')
        .expectRefusal('5.7.1')
        .mail('d@client.test')
        .rcpt('e@mx.test')
        .data(letter)
        .expectAccepted()
      assert.deepEqual(spoken(filter).slice(3, -1), [
        'mail <a@client.test>',
        'rcpt <b@mx.test>',
        'abort',
        'mail <c@client.test>',
        'rcpt <no@mx.test>',
        'abort',
        'mail <d@client.test>',
        'rcpt <e@mx.test>',
        'data',
        'endOfHeader',
        'body',
        'endOfMessage',
      ])
      assert.equal(filter.connections, 1)
    },
  ))

test('trap 11: the macro of a login is there only for who has logged in', async () => {
  const login = definePlugin({
    name: 'login',
    hooks: { auth: { mechanisms: ['PLAIN'], handler: () => ({ name: 'alice' }) } },
  })
  await asked({}, async (session, filter) => {
    await session.mail('a@client.test').rcpt('b@mx.test')
    assert.equal(filter.macros.get('M')?.has('auth_authen'), false)
    assert.equal(filter.macros.get('M')?.has('auth_type'), false)
  })
  await asked(
    {},
    async (session, filter) => {
      await session.helo().auth({ username: 'alice', password: 'x' }).mail('a@client.test').rcpt('b@mx.test')
      assert.equal(filter.macros.get('M')?.get('auth_authen'), 'alice')
      assert.ok(filter.macros.get('M')?.get('auth_type'))
    },
    { others: [login()] },
  )
})

test('trap 13: a new body of one run of pieces is taken; in two runs it is a failure, never half of it', async () => {
  const piece = (data: string): Said & object => ({ kind: 'replaceBody', data: Buffer.from(data) }) as const
  const one = [piece('new '), piece('body\r\n'), 'continue'] as Said
  await asked({ says: at('endOfMessage', one) }, (session) =>
    session.data(letter).expectDelivered(({ bytes }) => assert.match(text(bytes), /To: y\r\n\r\nnew body\r\n$/)),
  )
  const two = [piece('new '), { kind: 'addHeader', ...field('X', ' y') }, piece('body\r\n'), 'continue'] as Said
  await asked({ says: at('endOfMessage', two) }, (session) => session.data(letter).expectRefusal('4.3.0'))
})

test('trap 14: skip is no more of these until something else comes', () => {
  const says: FilterScript['says'] = (command) =>
    command.kind === 'header' || command.kind === 'body' ? 'skip' : undefined
  return asked({ says }, async (session, filter) => {
    const body = `${'y'.repeat(998)}\n`.repeat(300)
    await session
      .data(`A: 1\nB: 2\n\n${body}`)
      .expectAccepted()
      .mail('a@client.test')
      .rcpt('b@mx.test')
      .data(letter)
      .expectAccepted()
    assert.equal(filter.fields.length, 2)
    assert.ok(filter.body.length < 150_000, `${filter.body.length} octets`)
    assert.equal(filter.heard.filter((line) => line === 'endOfMessage').length, 2)
  })
})

test('trap 15: recipients come with NOTIFY and ORCPT, the sender changes; other parameters are refused aloud', async () => {
  const edits: Said = [
    { kind: 'addRcpt', path: '<new@mx.test>', parameters: ['NOTIFY=NEVER', 'ORCPT=rfc822;o+2Bld@x.test'] },
    { kind: 'addRcpt', path: 'bare@mx.test', parameters: [] },
    { kind: 'deleteRcpt', path: '<b@mx.test>' },
    { kind: 'changeFrom', path: '<bounce@mx.test>', parameters: [] },
    'continue',
  ]
  await asked({ says: at('endOfMessage', edits) }, (session) =>
    session
      .mail('a@client.test')
      .rcpt('b@mx.test')
      .rcpt('c@mx.test')
      .data(letter)
      .expectDelivered(({ from, to, deliveries }) => {
        assert.equal(from, 'bounce@mx.test')
        assert.deepEqual(to, ['c@mx.test', 'new@mx.test', 'bare@mx.test'])
        const [added] = deliveries
          .flatMap(({ recipients }) => recipients)
          .filter(({ address }) => address.local === 'new')
        assert.deepEqual(added?.parameters, { notify: ['NEVER'], orcpt: { type: 'rfc822', address: 'o+ld@x.test' } })
      }),
  )
  for (const wrong of [
    { kind: 'addRcpt', path: '<new@mx.test>', parameters: ['X=Y'] },
    { kind: 'addRcpt', path: 'not an address', parameters: [] },
    { kind: 'changeFrom', path: '<x@mx.test>', parameters: ['BODY=8BITMIME'] },
    { kind: 'addHeader', ...field('Two', ' a\nBcc: b') },
    { kind: 'addHeader', ...field('No colon:', ' a') },
    { kind: 'insertHeader', index: 0, ...field('CR', ' a\rb') },
  ] as const)
    await asked({ says: at('endOfMessage', [wrong, 'continue']) }, (session) =>
      session.data(letter).expectRefusal('4.3.0'),
    )
})

test('trap 16: to discard at RCPT is to discard the message', () =>
  asked({ says: at('rcpt', 'discard') }, async (session, filter) => {
    await session
      .rcpt('b@mx.test')
      .rcpt('c@mx.test')
      .data(letter)
      .expectCode(250)
      .expect(({ delivered }) => assert.deepEqual(delivered, []))
    assert.ok(!spoken(filter).includes('data'))
  }))

test('trap 17: each session has a connection of its own, and it ends with the session', () =>
  asked({}, async (session, filter) => {
    await session.data(letter).quit().from('192.0.2.9').rcpt('b@mx.test').data(letter).expectAccepted()
    assert.equal(filter.connections, 2)
    assert.equal(spoken(filter).filter((line) => line === 'quit').length, 2)
  }))

test('trap 19: a client without a name that leads back to it is told by its address in brackets', async () => {
  await using filter = await startFilter()
  await sessionWith({}, milter({ at: filter.at }))
    .from('2001:db8::7')
    .rcpt('b@mx.test')
  assert.equal(spoken(filter)[1], 'connect [2001:db8::7] inet6 2001:db8::7')
})

test('trap 20: recipients that the server refuses are not shown', async () => {
  const refusing = definePlugin({
    name: 'refusing',
    hooks: { rcpt: ({ recipient }) => (recipient.local === 'no' ? reject('no') : undefined) },
  })
  await asked(
    { steps: 0x3fffff },
    async (session, filter) => {
      await session.rcpt('no@mx.test').rcpt('b@mx.test').data(letter).expectAccepted()
      assert.deepEqual(
        spoken(filter).filter((line) => line.startsWith('rcpt')),
        [],
      )
    },
    { others: [refusing()] },
  )
  await asked(
    {},
    async (session, filter) => {
      await session.rcpt('no@mx.test').rcpt('b@mx.test').data(letter).expectAccepted()
      assert.deepEqual(
        spoken(filter).filter((line) => line.startsWith('rcpt')),
        ['rcpt <b@mx.test>'],
      )
    },
    { others: [refusing()] },
  )
})

test('a recipient that others refuse after the milter has taken it is told away: the message begins anew without it', async () => {
  const late = definePlugin({
    name: 'late',
    hooks: { nexthop: ({ recipient }) => (recipient.local === 'no' ? reject('no') : undefined) },
  })
  await asked(
    {},
    async (session, filter) => {
      await session.mail('a@client.test').rcpt('no@mx.test').rcpt('b@mx.test').data(letter).expectAccepted()
      assert.deepEqual(spoken(filter).slice(3, -1), [
        'mail <a@client.test>',
        'rcpt <no@mx.test>',
        'rcpt <b@mx.test>',
        'abort',
        'mail <a@client.test>',
        'rcpt <b@mx.test>',
        'data',
        'endOfHeader',
        'body',
        'endOfMessage',
      ])
    },
    { others: [late()] },
  )
})

test('trap 21: NUL in the body is shown; in a field, which it would end, a question mark stands for it', () =>
  asked({}, async (session, filter) => {
    await session.data(Buffer.from('A: x\0y\r\n\r\na\0b\r\n', 'latin1')).expectAccepted()
    assert.equal(String(filter.fields[0]?.value), ' x?y')
    assert.equal(filter.body, 'a\0b\r\n')
  }))

for (const reason of ['virus', ''])
  for (const end of ['continue', 'accept', 'reject', { kind: 'reply', code: 550, lines: ['No'] }, 'discard'] as const)
    test(`trap 23: quarantine ${JSON.stringify(reason)} before ${JSON.stringify(end)}`, () =>
      asked({ says: at('endOfMessage', [{ kind: 'quarantine', reason }, end]) }, async (session) => {
        const sent = session.data(letter)
        if (end === 'reject' || typeof end === 'object') await sent.expectCode(550)
        else await sent.expectAccepted().expectQuarantined(new RegExp(reason))
      }))

test('trap 25: odd addresses are told as they are written', () =>
  asked({}, async (session, filter) => {
    await session.mail('<>').rcpt('"a b> SIZE=1"@mx.test').rcpt('postmaster').expectAccepted()
    assert.deepEqual(spoken(filter).slice(3, 6), ['mail <>', 'rcpt <"a b> SIZE=1"@mx.test>', 'rcpt <postmaster>'])
  }))
