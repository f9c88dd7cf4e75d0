/** What real servers were seen to do, each by its number among the findings of the first trial with Postfix. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Judgement, WireReply } from '@postroad/smtp'
import type { SaidCommand } from '../command.ts'
import { ACTION, STEP } from '../word.ts'
import { begin, CLIENT, END, FROM, HELO, listenFor, MESSAGE, PASS, POSTFIX, TO } from './fixture.test.ts'

const REFUSED: WireReply = { code: 550, status: '5.1.1', text: 'No such user' }
const verdict = (judgement: Partial<Judgement>) => ({ judge: async () => ({ ...PASS, ...judgement }) as Judgement })
const DATA: SaidCommand = { kind: 'data' }

const FINDINGS: readonly (readonly [string, (t: TestContext) => Promise<void>])[] = [
  [
    '8: what a quiet step refuses is said at the next one that is answered',
    async (t) => {
      const { connect } = await listenFor(t, { hooks: ['rcpt'], stages: { mail: () => REFUSED } })
      const server = await connect()
      await server.hears()
      server.say(CLIENT, HELO, FROM)
      assert.equal(await server.ask(TO), '550 5.1.1 No such user')
    },
  ],
  [
    '8: a client that is to go hears of it at the next step, and whatever comes after it',
    async (t) => {
      const { connect, heard } = await listenFor(t)
      const server = await connect()
      await server.hears()
      await server.ask(CLIENT)
      heard.wires[0]?.disconnect({ code: 521, text: 'Go away' })
      assert.equal(await server.ask(HELO), '421 4.3.0 Go away')
      assert.equal(await server.ask(FROM), '421 4.3.0 Go away')
      server.say({ kind: 'abort' })
      assert.equal(await server.ask(FROM), '421 4.3.0 Go away')
    },
  ],
  [
    '9: DATA is left out on UNIX sockets only, and only where nobody hooks it',
    async (t) => {
      const stepsOf = async (fixture: Parameters<typeof listenFor>[1]): Promise<number> => {
        const [options = ''] = await (await (await listenFor(t, fixture)).connect()).hears()
        return Number.parseInt(options.split(' ').at(-1) ?? '', 16)
      }
      const path = `/tmp/postroad-milter-${process.pid}.sock`
      assert.equal((await stepsOf({ hooks: ['message'] })) & STEP.noData, 0)
      assert.notEqual((await stepsOf({ hooks: ['message'], path })) & STEP.noData, 0)
      assert.equal((await stepsOf({ hooks: ['message', 'data'], path: `${path}2` })) & STEP.noData, 0)
    },
  ],
  [
    '15: a login of one message is not believed of the next',
    async (t) => {
      const { connect, heard } = await listenFor(t)
      const server = await connect()
      await server.hears()
      for (const command of [CLIENT, HELO]) await server.ask(command)
      server.tell('mail', { auth_authen: 'alice' })
      for (const command of [FROM, TO, DATA]) await server.ask(command)
      await server.say(...MESSAGE, END).hears()
      await server.ask(FROM)
      assert.equal(heard.wires[0]?.identity, undefined)
    },
  ],
  [
    '16: a reply is ASCII, and no text of it makes a line of its own',
    async (t) => {
      const { connect } = await listenFor(t, {
        stages: verdict({ outcome: 'refuse', reply: { code: 550, status: '5.7.1', text: 'a’b\r\n250 ok' } }),
      })
      const server = await connect()
      await begin(server)
      assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['550 5.7.1 a?b 250 ok'])
    },
  ],
  [
    'TLS is what the server says after STARTTLS, and not what it said before',
    async (t) => {
      const { connect, heard } = await listenFor(t)
      const server = await connect()
      await server.hears()
      await server.ask(CLIENT)
      await server.ask(HELO)
      assert.equal(heard.wires[0]?.tls, undefined)
      server.tell('helo', { tls_version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', cert_subject: 'root' })
      await server.ask(HELO)
      assert.deepEqual(heard.wires[0]?.tls, { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' })
    },
  ],
  [
    'the macros that are asked for are those that are read, and only where the server lets a filter choose',
    async (t) => {
      const { connect } = await listenFor(t)
      const answer = await (await connect()).hear()
      assert.ok(answer?.kind === 'options' && answer.macros)
      assert.deepEqual(Object.keys(answer.macros), [
        'connect',
        'helo',
        'mail',
        'rcpt',
        'data',
        'endOfHeader',
        'endOfMessage',
      ])
      const old = await (await connect({ ...POSTFIX, actions: POSTFIX.actions & ~ACTION.chooseMacros })).hear()
      assert.ok(old?.kind === 'options' && old.macros === undefined)
    },
  ],
  [
    '12: mail of the server itself: a refusal of its sender, and at DATA, waits for the end, too',
    async (t) => {
      for (const stages of [{ mail: () => REFUSED }, { data: () => REFUSED }, { helo: () => REFUSED }]) {
        const { connect } = await listenFor(t, { stages })
        const server = await connect()
        await server.hears()
        for (const command of [{ ...CLIENT, address: '127.0.0.1', port: 0 } as SaidCommand, HELO, FROM, TO, DATA])
          assert.equal(await server.ask(command), 'continue')
        assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['550 5.1.1 No such user'])
      }
    },
  ],
]

for (const [name, run] of FINDINGS) test(`finding ${name}`, run)
