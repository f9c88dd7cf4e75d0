/** What has cost other filters mail, each by its number in the list of traps of the protocol; those of reading and writing alone are in the tests of the codec. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { makeAddress } from '@postroad/mail'
import type { Judgement, WireReply } from '@postroad/smtp'
import type { SaidCommand } from '../command.ts'
import { STEP } from '../word.ts'
import { begin, CLIENT, dial, END, FROM, field, HELO, listenFor, MESSAGE, PASS, POSTFIX, TO } from './fixture.test.ts'

const REFUSED: WireReply = { code: 550, status: '5.1.1', text: 'No such user' }
const LATER: WireReply = { code: 451, status: '4.7.1', text: 'Later' }
const verdict = (judgement: Partial<Judgement>) => ({ judge: async () => ({ ...PASS, ...judgement }) as Judgement })
const mail = (path: string, ...parameters: string[]): SaidCommand => ({ kind: 'mail', path, parameters })
const rcpt = (path: string, ...parameters: string[]): SaidCommand => ({ kind: 'rcpt', path, parameters })
const client = (address: string, more: object = {}): SaidCommand => ({ ...CLIENT, address, ...more }) as SaidCommand
const DATA: SaidCommand = { kind: 'data' }

const TRAPS: readonly (readonly [string, (t: TestContext) => Promise<void>])[] = [
  [
    '1: the blank behind the colon is asked for always, is ours then, and is neither added nor taken away',
    async (t) => {
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
    },
  ],
  [
    '1: a server that does not give the blank gets none, because it adds one itself',
    async (t) => {
      const { connect } = await listenFor(t, {
        stages: verdict({
          edits: { headers: [{ kind: 'insert', name: 'X', before: 0, raw: Buffer.from('X: y\r\n') }], body: undefined },
        }),
      })
      const server = await connect({ ...POSTFIX, steps: POSTFIX.steps & ~STEP.leadingSpace })
      await begin(server)
      assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['insertHeader 0 X:y', 'continue'])
    },
  ],
  [
    '2: folds are CRLF before a plugin sees them, and octets beyond ASCII stay what they are',
    async (t) => {
      const { connect, heard } = await listenFor(t)
      const server = await connect()
      await begin(server)
      server.say(field('Subject', ' a\n b\r\n\tc\n \xe9\xff'), { kind: 'endOfHeader' }, END)
      await server.hears()
      assert.equal(heard.octets, 'Subject: a\r\n b\r\n\tc\r\n \xe9\xff\r\n\r\n')
    },
  ],
  [
    '3, 4, 5: insertions count with the trace field of the server, changes without; deletions go from the last to the first, by an empty value',
    async (t) => {
      const { connect } = await listenFor(t, {
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
      const server = await connect()
      await begin(server)
      assert.deepEqual(await server.say(...MESSAGE, END).hears(), [
        'changeHeader 3 X:',
        'changeHeader 1 X:',
        'insertHeader 1 B: below ours',
        'insertHeader 0 A: above ours',
        'continue',
      ])
    },
  ],
  [
    '6, 7: a refusal is a reply with code and text, never reject or tempfail; percent signs are doubled on the wire',
    async (t) => {
      const { connect } = await listenFor(t, { stages: { rcpt: () => ({ ...REFUSED, text: '100% %s' }) } })
      const server = await connect()
      await server.hears()
      for (const command of [CLIENT, HELO, FROM]) await server.ask(command)
      const raw: Buffer[] = []
      server.socket.on('data', (chunk) => raw.push(Buffer.from(chunk)))
      assert.equal(await server.ask(TO), '550 5.1.1 100% %s')
      assert.match(Buffer.concat(raw).toString('latin1'), /y550 5\.1\.1 100%% %%s\0$/)
    },
  ],
  [
    '8: the id of a message is known from DATA on, or earlier, and nobody waits for it',
    async (t) => {
      const ids: (string | undefined)[] = []
      const { connect, heard } = await listenFor(t, {
        stages: {
          rcpt: () => {
            ids.push(heard.wires[0]?.queueId)
            return { code: 250, text: 'ok' }
          },
          judge: async () => {
            ids.push(heard.wires[0]?.queueId)
            return PASS
          },
        },
      })
      const server = await connect()
      await server.hears()
      for (const command of [CLIENT, HELO, FROM, TO]) await server.ask(command)
      server.tell('data', { i: '5E9F724C6F2' })
      await server.ask(DATA)
      await server.say(...MESSAGE, END).hears()
      assert.deepEqual(ids, [undefined, '5E9F724C6F2'])
    },
  ],
  [
    '9: abort without a message is nothing, and client and HELO outlast it',
    async (t) => {
      const { connect, heard } = await listenFor(t)
      const server = await connect()
      await server.hears()
      server.say({ kind: 'abort' })
      await server.ask(CLIENT)
      await server.ask(HELO)
      server.say({ kind: 'abort' }, { kind: 'abort' })
      await server.ask(FROM)
      server.say({ kind: 'abort' })
      assert.equal(await server.ask(FROM), 'continue')
      assert.deepEqual(heard.calls, [
        'connect',
        'helo client.example',
        'mail a@example.com',
        'reset',
        'mail a@example.com',
      ])
    },
  ],
  [
    '10: macros for what nobody asked for, several times, odd ones, and such without a name, are no mistake',
    async (t) => {
      const { connect, heard, errors } = await listenFor(t)
      const server = await connect()
      await server.hears()
      for (const command of ['unknown', 'header', 'body', 'abort', 'quit', 'connect', 'connect'] as const)
        server.tell(command, { '': 'x', a: '', j: 'mx.example.com' })
      server.socket.write(Buffer.from('\0\0\0\x01D\0\0\0\x05DCj\0x', 'latin1'))
      assert.equal(await server.ask(CLIENT), 'continue')
      assert.deepEqual([heard.calls, errors], [['connect'], []])
    },
  ],
  [
    '11: who did not log in is nobody, whether the macro is empty or absent',
    async (t) => {
      const { connect, heard } = await listenFor(t)
      const server = await connect()
      await server.hears()
      for (const command of [CLIENT, HELO]) await server.ask(command)
      server.tell('mail', { auth_authen: '', auth_type: '' })
      await server.ask(FROM)
      assert.equal(heard.wires[0]?.identity, undefined)
      server.say({ kind: 'abort' }).tell('mail', { auth_authen: 'alice' })
      await server.ask(FROM)
      assert.deepEqual(heard.wires[0]?.identity, { name: 'alice' })
    },
  ],
  [
    '13: another body is one run of frames, and nothing else stands in it',
    async (t) => {
      const { connect } = await listenFor(t, {
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
      const server = await connect()
      await begin(server)
      const answers = await server.say(...MESSAGE, END).hears()
      assert.deepEqual(answers.slice(-3), ['body 65535', 'body 2', 'continue'])
    },
  ],
  [
    '15: parameters of a recipient are told to Postfix only',
    async (t) => {
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
    },
  ],
  [
    '16: a recipient who is discarded is taken away at the end; the message is not',
    async (t) => {
      const { connect } = await listenFor(t, {
        stages: verdict({ envelope: { from: undefined, add: [], remove: [makeAddress('B', 'example.net')] } }),
      })
      const server = await connect()
      await server.hears()
      for (const command of [CLIENT, HELO, FROM, rcpt('<B@Example.NET>'), TO, DATA]) await server.ask(command)
      // By the name that the server has for it.
      assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['deleteRcpt <B@Example.NET>', 'continue'])
    },
  ],
  [
    '18: mail of the server itself is refused at its end only, and as a whole: a recipient that is refused would be tried for ever',
    async (t) => {
      const { connect, heard } = await listenFor(t, {
        stages: { rcpt: (to) => (to.local === 'nobody' ? REFUSED : { code: 250, text: 'ok' }) },
      })
      const server = await connect()
      await server.hears()
      server.tell('connect', { j: 'mx.example.com' })
      const asked = [
        client('127.0.0.1', { name: 'localhost', port: 0 }),
        HELO,
        mail('root'),
        rcpt('alice@example.com'),
        rcpt('nobody@example.com'),
        DATA,
      ]
      for (const command of asked) assert.equal(await server.ask(command), 'continue')
      assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['550 5.1.1 nobody@example.com: No such user'])
      assert.ok(!heard.calls.includes('judge'))
    },
  ],
  [
    '18: where one recipient is refused for now the whole is, so that nothing is lost',
    async (t) => {
      const { connect } = await listenFor(t, {
        stages: { rcpt: (to) => (to.local === 'nobody' ? REFUSED : LATER) },
      })
      const server = await connect()
      await server.hears()
      for (const command of [
        client('127.0.0.1', { port: 0 }),
        FROM,
        rcpt('<nobody@x.example>'),
        rcpt('<busy@x.example>'),
        DATA,
      ])
        assert.equal(await server.ask(command), 'continue')
      assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['451 4.7.1 <busy@x.example>: Later'])
    },
  ],
  [
    '19: addresses are those of the client, however the server writes them',
    async (t) => {
      const { connect, heard } = await listenFor(t)
      for (const [address, family] of [
        ['192.0.2.1', 'inet'],
        ['IPv6:2001:db8::1', 'inet6'],
        ['2001:DB8:0::1', 'inet6'],
        ['::ffff:192.0.2.7', 'inet6'],
        ['what', 'inet'],
        ['/run/x', 'unix'],
        ['', 'unknown'],
      ] as const) {
        const server = await connect()
        await server.hears()
        await server.ask(client(address, { family, port: family === 'unknown' ? 0 : 25 }))
      }
      assert.deepEqual(
        heard.wires.map(({ remote }) => remote.address),
        ['192.0.2.1', '2001:db8::1', '2001:db8::1', '192.0.2.7', 'unknown', '', 'unknown'],
      )
    },
  ],
  [
    '20: recipients that the server itself refuses are not asked for',
    async (t) => {
      const { connect } = await listenFor(t)
      const [options = ''] = await (await connect()).hears()
      assert.equal(Number.parseInt(options.split(' ').at(-1) ?? '', 16) & STEP.refusedRcpt, 0)
    },
  ],
  [
    '21: a body may hold NUL, and is cut anywhere, also within CRLF',
    async (t) => {
      const { connect, heard } = await listenFor(t)
      const server = await connect()
      await begin(server)
      const pieces = ['a\0b\r', '\n.\r\n', '\r', '\n']
      server.say(
        { kind: 'endOfHeader' },
        ...pieces.map((one): SaidCommand => ({ kind: 'body', data: Buffer.from(one) })),
        END,
      )
      await server.hears()
      assert.equal(heard.octets, '\r\na\0b\r\n.\r\n\r\n')
    },
  ],
  [
    '22: another protocol at the socket costs one connection, and the error says which it is',
    async (t) => {
      const { listener, errors } = await listenFor(t)
      const server = await dial(listener)
      server.socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
      await server.end()
      assert.equal(String(errors[0]), 'MilterError: filter: this is HTTP, not milter')
    },
  ],
  [
    '23: every verdict holds with a text and without',
    async (t) => {
      for (const outcome of ['quarantine', 'discard'] as const)
        for (const reason of [undefined, '', 'a reason', '550 5.7.1 like a reply']) {
          const { connect } = await listenFor(t, {
            stages: verdict({ outcome, ...(reason !== undefined && { reason }) }),
          })
          const server = await connect()
          await begin(server)
          const answers = await server.say(...MESSAGE, END).hears()
          assert.equal(answers[0]?.split(' ')[0], outcome)
        }
    },
  ],
  [
    '24: a frame that lies about its length, one that stalls, and one that comes octet by octet each cost one connection and a bounded time',
    async (t) => {
      const { listener, errors } = await listenFor(t, { limits: { frameTimeoutMs: 80 } })
      const [liar, staller] = [await dial(listener), await dial(listener)]
      liar.socket.write(Buffer.from('ffffffff4f', 'hex'))
      staller.socket.write(Buffer.from('0000000d4f00', 'hex'))
      const drip = setInterval(() => staller.socket.write(Buffer.of(0)), 30)
      t.after(() => clearInterval(drip))
      await Promise.all([liar.end(), staller.end()])
      assert.match(String(errors[0]), /4294967295 octets/)
    },
  ],
  [
    '25: addresses are read whatever is in them: blanks in quotes, the null path, no brackets, no domain, dots in a row, source routes',
    async (t) => {
      const { connect, heard } = await listenFor(t)
      const server = await connect()
      await server.hears()
      await server.ask(CLIENT)
      await server.ask(HELO)
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
    },
  ],
]

for (const [name, run] of TRAPS) test(`trap ${name}`, run)
