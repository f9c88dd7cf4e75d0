import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STEP } from '@postroad/milter-protocol'
import { definePlugin, reject } from '@postroad/plugin'
import { sessionWith } from '@postroad/testing'
import { ALL_ACTIONS, asked, at, type FilterScript, field, letter, spoken, startFilter, text } from './fixture.test.ts'
import { milter } from './milter.ts'
import { milterResult } from './result.ts'

test('trap 12: a milter hears the session in its order, DATA before the fields, and a message that passes arrives as it came', () =>
  asked({}, async (session, filter) => {
    await session
      .mail('a@client.test', { size: 10 })
      .rcpt('b@mx.test')
      .data(letter)
      .expectAccepted()
      .expectDelivered(({ bytes }) =>
        assert.match(text(bytes), /^Received: [\s\S]*\r\nSubject: x\r\nTo: y\r\n\r\nbody\r\n$/),
      )
    assert.deepEqual(spoken(filter), [
      'options 6',
      'connect [192.0.2.1] inet 192.0.2.1',
      'helo client.test',
      'mail <a@client.test> SIZE=10',
      'rcpt <b@mx.test>',
      'data',
      'endOfHeader',
      'body',
      'endOfMessage',
      'quit',
    ])
    assert.deepEqual(
      filter.fields.map(({ name, value }) => `${name}:${value}`),
      ['Subject: x', 'To: y'],
    )
    assert.equal(filter.body, 'body\r\n')
    assert.equal(filter.macros.get('C')?.get('j'), 'mx.test')
  }))

test('a line in the header that is no field is shown as body with all below it, as Postfix does: nothing hides there', async () => {
  const odd = 'A: 1\nno field here\nB: 2\n\nbody\n'
  const says = at('endOfMessage', [{ kind: 'addHeader', ...field('X', ' y') }, 'continue'])
  await asked({ says }, async (session, filter) => {
    await session
      .data(odd)
      .expectDelivered(({ bytes }) =>
        assert.match(text(bytes), /\r\nA: 1\r\nX: y\r\nno field here\r\nB: 2\r\n\r\nbody/),
      )
    assert.deepEqual([filter.fields.length, filter.body], [1, 'no field here\r\nB: 2\r\n\r\nbody\r\n'])
  })
  const replaced = at('endOfMessage', [{ kind: 'replaceBody', data: Buffer.from('clean\r\n') }, 'continue'])
  await asked({ says: replaced }, (session) =>
    session.data(odd).expectDelivered(({ bytes }) => assert.match(text(bytes), /\r\nA: 1\r\n\r\nclean\r\n$/)),
  )
})

test('an older filter is not sent what its version lacks', async () => {
  for (const [version, told] of [
    [2, false],
    [3, false],
    [4, true],
  ] as const)
    await asked({ version, steps: 0 }, async (session, filter) => {
      await session.data(letter).expectAccepted()
      assert.equal(spoken(filter).includes('data'), told, `version ${version}`)
      assert.ok(spoken(filter).includes('endOfMessage'))
    })
  await asked(
    {},
    async (session, filter) => {
      await session.data(letter).expectAccepted()
      assert.equal(spoken(filter)[0], 'options 2')
      assert.ok(!spoken(filter).includes('data'))
    },
    { options: { version: 2 } },
  )
})

test('a verb that nobody knows is told, and what the filter says goes before our 500', () =>
  asked(
    { says: at('unknown', { kind: 'reply', code: 550, status: '5.7.1', lines: ['No tricks'] }) },
    async (session, filter) => {
      await session
        .helo()
        .command('FROB it')
        .expectRefusal('5.7.1', /^550 5\.7\.1 No tricks/)
      assert.ok(spoken(filter).includes('unknown'))
    },
  ))

test('steps that the filter does not want are not said, and of quiet ones no answer is waited for', async () => {
  const quiet =
    STEP.quietConnect |
    STEP.quietHelo |
    STEP.quietMail |
    STEP.quietRcpt |
    STEP.quietData |
    STEP.quietHeader |
    STEP.quietEndOfHeader |
    STEP.quietBody
  const says: FilterScript['says'] = ({ kind }) =>
    kind === 'endOfMessage' || kind === 'options' ? undefined : 'silence'
  await asked(
    { steps: quiet, says },
    async (session, filter) => {
      await session.data(`${letter}${'z'.repeat(90)}\n`.repeat(2_000)).expectAccepted()
      assert.ok(filter.body.length > 150_000)
    },
    { options: { timeouts: { command: 2_000 } } },
  )
  const none =
    STEP.noConnect |
    STEP.noHelo |
    STEP.noMail |
    STEP.noRcpt |
    STEP.noData |
    STEP.noHeaders |
    STEP.noEndOfHeader |
    STEP.noBody
  await asked({ steps: none }, async (session, filter) => {
    await session.data(letter).expectAccepted()
    assert.deepEqual(filter.heard, ['options 6', 'endOfMessage', 'quit'])
    assert.deepEqual([...filter.macros.keys()], ['C', 'M', 'R', 'T', 'N', 'E'])
  })
})

test('macros that the filter asks for come in place of the usual ones, with those of the operator', () =>
  asked(
    { macros: { mail: ['mail_addr', 'mine', 'no_such'], connect: [] } },
    async (session, filter) => {
      await session.mail('a@client.test').rcpt('b@mx.test')
      assert.deepEqual(
        filter.macros.get('M'),
        new Map([
          ['mail_addr', 'a@client.test'],
          ['mine', 'yes'],
        ]),
      )
      assert.equal(filter.macros.get('C'), undefined)
    },
    { options: { macros: { '{mine}': 'yes' } } },
  ))

test('accept at connect is for the whole session, later for the message; others still judge', async () => {
  await asked({ says: at('connect', 'accept') }, async (session, filter) => {
    await session.data(letter).expectAccepted()
    assert.deepEqual(spoken(filter), ['options 6', 'connect [192.0.2.1] inet 192.0.2.1', 'quit'])
  })
  const others = [
    definePlugin({ name: 'other', hooks: { message: { after: ['milter'], handler: () => reject('no') } } })(),
  ]
  await asked({ says: at('body', 'accept') }, (session) => session.data(letter).expectRefusal('5.7.1'), { others })
})

test('stages: a scanner that is asked with the message hears all of the session then, and a client without one costs nothing', () =>
  asked(
    { says: (command) => (command.kind === 'rcpt' && command.path === '<b@mx.test>' ? 'reject' : undefined) },
    async (session, filter) => {
      await session
        .mail('a@client.test')
        .rcpt('b@mx.test')
        .rcpt('c@mx.test')
        .expect(() => assert.equal(filter.connections, 0))
        .data(letter)
        .expectRefusal()
      assert.deepEqual(spoken(filter).slice(0, 6), [
        'options 6',
        'connect [192.0.2.1] inet 192.0.2.1',
        'helo client.test',
        'mail <a@client.test>',
        'rcpt <b@mx.test>',
        'rcpt <c@mx.test>',
      ])
    },
    { options: { stages: ['message'] } },
  ))

test('`size`: a larger message passes unseen, and the result says so', () =>
  asked(
    { says: at('endOfMessage', 'reject') },
    async (session, filter) => {
      await session
        .data(`Subject: x\n\n${'large '.repeat(2_000)}\n`)
        .expectAccepted()
        .expect(({ lines }) => {
          const line = lines.findLast(({ event }) => event === 'transaction')
          assert.deepEqual(Object.values(line?.['facts'] ?? {}), [{ decision: 'continue', skipped: 'size' }])
        })
      assert.ok(!spoken(filter).includes('endOfMessage'))
    },
    { options: { size: 2_000 } },
  ))

test('in the shadow it hears everything, and nothing of what it says is done', () =>
  asked(
    {
      says: at('endOfMessage', [
        { kind: 'addHeader', ...field('X', ' y') },
        { kind: 'quarantine', reason: 'q' },
        'continue',
      ]),
    },
    (session) => session.data(letter).expectDelivered(({ bytes }) => assert.doesNotMatch(text(bytes), /X: y/)),
    { use: { mode: 'shadow' } },
  ))

test('all that a filter does is in the canonical line, and other plugins can ask for it', () =>
  asked(
    {
      says: at('endOfMessage', [
        { kind: 'addHeader', ...field('X', ' y') },
        { kind: 'quarantine', reason: 'q' },
        'accept',
      ]),
    },
    (session) =>
      session
        .data(letter)
        .expectQuarantined()
        .expect(({ lines }) => {
          const line = lines.findLast(({ event }) => event === 'transaction')
          assert.deepEqual(line?.['facts'], {
            'milter-mine': { decision: 'accept', edits: ['add X'], quarantine: 'q' },
          })
        }),
    { use: { as: 'mine' } },
  ))

test('as a filter of another server the edits are judged with the places that server counts', () =>
  asked(
    {
      actions: ALL_ACTIONS,
      says: at('endOfMessage', [
        { kind: 'insertHeader', index: 0, ...field('Top', ' t') },
        { kind: 'changeHeader', index: 1, ...field('Subject', ' [x]') },
        { kind: 'changeHeader', index: 1, ...field('To', '') },
        { kind: 'addRcpt', path: '<new@mx.test>', parameters: [] },
        'continue',
      ]),
    },
    (session) =>
      session
        .data(letter)
        .expectOutcome('pass')
        .expectEdits('Top: t', '~Subject: [x]', '-To')
        .expectEnvelope({ add: ['new@mx.test'] }),
    { protocol: 'milter' },
  ))

const shown = (filter: { fields: readonly { name: string; value: Uint8Array }[] }): readonly string[] =>
  filter.fields.map(({ name, value }) => `${name}:${text(value)}`)

test('in a chain each sees what those before have made of the message, all is applied, and nobody sees what a shadow does', async () => {
  const replace = { kind: 'replaceBody', data: Buffer.from('first\r\n') } as const
  await using one = await startFilter({
    says: at('endOfMessage', [{ kind: 'insertHeader', index: 1, ...field('One', ' 1') }, replace, 'continue']),
  })
  await using ghost = await startFilter({
    says: at('endOfMessage', [{ kind: 'addHeader', ...field('Ghost', ' g') }, 'continue']),
  })
  await using two = await startFilter({
    says: at('endOfMessage', [
      { kind: 'changeHeader', index: 1, ...field('One', ' two') },
      { kind: 'insertHeader', index: 0, ...field('Two', ' 2') },
      'continue',
    ]),
  })
  const chain = [
    [milter({ at: one.at }), { as: 'one' }],
    [milter({ at: ghost.at }), { as: 'ghost', mode: 'shadow' }],
    [milter({ at: two.at }), { as: 'two' }],
  ] as const
  const tagging = definePlugin({ name: 'tagging', hooks: { rewrite: ({ message }) => message.withHeader('Tag', 't') } })
  for (const protocol of ['smtp', 'milter'] as const) {
    for (const filter of [one, ghost, two]) filter.fields.length = 0
    const session = sessionWith({ protocol }, ...chain, tagging()).data(letter)
    if (protocol === 'milter') await session.expectEdits('Tag: t', 'Two: 2', 'One: two', 'another body')
    else
      await session.expectDelivered(({ bytes }) =>
        assert.match(
          text(bytes),
          /^Tag: t\r\nTwo: 2\r\nReceived: from [\s\S]*\r\nOne: two\r\nSubject: x\r\nTo: y\r\n\r\nfirst\r\n$/,
        ),
      )
    assert.deepEqual(shown(one), ['Subject: x', 'To: y'])
    assert.deepEqual(shown(ghost), ['One: 1', 'Subject: x', 'To: y'])
    assert.deepEqual(shown(two), ['One: 1', 'Subject: x', 'To: y'])
  }
  assert.match(two.body, /^(?:first\r\n)+$/)
})

test('side by side each sees the message as it came, at the same time, and the edits of both are made', async () => {
  let both = 0
  let go = (): void => undefined
  const met = new Promise<void>((resolve) => (go = resolve))
  const meet = async (write: () => void) => {
    if (++both === 2) go()
    await met
    write()
  }
  const scripts = ['A', 'B'].map((name) =>
    startFilter({
      says: ({ kind }, filter) => {
        if (kind !== 'endOfMessage') return undefined
        const [socket] = filter.open
        const frame = Buffer.from(`h${name}\0 1\0`)
        const size = Buffer.alloc(4)
        size.writeUInt32BE(frame.length)
        void meet(() => socket?.write(Buffer.concat([size, frame, Buffer.from([0, 0, 0, 1]), Buffer.from('c')])))
        return 'silence'
      },
    }),
  )
  const [a, b] = await Promise.all(scripts)
  assert.ok(a && b)
  try {
    await sessionWith(
      {},
      [milter({ at: a.at, sees: 'original' }), { as: 'a' }],
      [milter({ at: b.at, sees: 'original' }), { as: 'b' }],
    )
      .data(letter)
      .expectDelivered(({ bytes }) => assert.match(text(bytes), /To: y\r\nA: 1\r\nB: 1\r\n\r\nbody/))
    assert.deepEqual(
      [shown(a), shown(b)],
      [
        ['Subject: x', 'To: y'],
        ['Subject: x', 'To: y'],
      ],
    )
  } finally {
    await a[Symbol.asyncDispose]()
    await b[Symbol.asyncDispose]()
  }
})

test('rules can ask what a milter did', () =>
  asked(
    { says: at('endOfMessage', [{ kind: 'addHeader', ...field('X-Bulk', ' yes') }, 'continue']) },
    (session) => session.data(letter).expectRefusal('5.7.1', /no bulk/),
    {
      use: { as: 'scan' },
      others: [
        definePlugin({
          name: 'rule',
          hooks: {
            message: {
              after: [milterResult('scan')],
              handler: ({ find }) =>
                find(milterResult('scan'))?.edits?.includes('add X-Bulk') ? reject('no bulk') : undefined,
            },
          },
        })(),
      ],
    },
  ))
