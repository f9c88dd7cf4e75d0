/** What has cost other filters mail in sessions, macros and steps, each by its number in `test/interop/README.md`; a finding is what a real server was seen to do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SaidCommand } from '../command.ts'
import { ACTION, STEP } from '../word.ts'
import {
  agreed,
  CLIENT,
  client,
  DATA,
  dial,
  END,
  FROM,
  greeted,
  HELO,
  LATER,
  listenFor,
  MESSAGE,
  mail,
  PASS,
  POSTFIX,
  REFUSED,
  rcpt,
  TO,
} from './fixture.test.ts'

test('trap 8: the id of a message is known from DATA on, or earlier, and nobody waits for it', async (t) => {
  const ids: (string | undefined)[] = []
  const { server, heard } = await greeted(t, {
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
  for (const command of [FROM, TO]) await server.ask(command)
  server.tell('data', { i: '5E9F724C6F2' })
  await server.ask(DATA)
  await server.say(...MESSAGE, END).hears()
  assert.deepEqual(ids, [undefined, '5E9F724C6F2'])
})
test('trap 9: abort without a message is nothing, and client and HELO outlast it', async (t) => {
  const { server, heard } = await agreed(t)
  server.say({ kind: 'abort' })
  await server.ask(CLIENT)
  await server.ask(HELO)
  server.say({ kind: 'abort' }, { kind: 'abort' })
  await server.ask(FROM)
  server.say({ kind: 'abort' })
  assert.equal(await server.ask(FROM), 'continue')
  assert.deepEqual(heard.calls, ['connect', 'helo client.example', 'mail a@example.com', 'reset', 'mail a@example.com'])
})
test('trap 10: macros for what nobody asked for, several times, odd ones, and such without a name, are no mistake', async (t) => {
  const { server, heard, errors } = await agreed(t)
  for (const command of ['unknown', 'header', 'body', 'abort', 'quit', 'connect', 'connect'] as const)
    server.tell(command, { '': 'x', a: '', j: 'mx.example.com' })
  server.socket.write(Buffer.from('\0\0\0\x01D\0\0\0\x05DCj\0x', 'latin1'))
  assert.equal(await server.ask(CLIENT), 'continue')
  assert.deepEqual([heard.calls, errors], [['connect'], []])
})
test('trap 11: who did not log in is nobody, whether the macro is empty or absent', async (t) => {
  const { server, heard } = await greeted(t)
  server.tell('mail', { auth_authen: '', auth_type: '' })
  await server.ask(FROM)
  assert.equal(heard.wires[0]?.identity, undefined)
  server.say({ kind: 'abort' }).tell('mail', { auth_authen: 'alice' })
  await server.ask(FROM)
  assert.deepEqual(heard.wires[0]?.identity, { name: 'alice' })
})
test('trap 17: several sessions on one connection: what was known of one is not known of the next', async (t) => {
  const { server, heard } = await greeted(t)
  server.tell('mail', { auth_authen: 'alice' })
  for (const command of [FROM, TO, DATA]) await server.ask(command)
  server.say({ kind: 'quitSession' })
  assert.equal(await server.ask(client('192.0.2.9', { port: 1 })), 'continue')
  assert.equal(await server.ask(HELO), 'continue')
  assert.equal(await server.ask(FROM), 'continue')
  assert.deepEqual(
    heard.wires.map(({ remote, identity }) => [remote.address, identity]),
    [
      ['192.0.2.1', undefined],
      ['192.0.2.9', undefined],
    ],
  )
  assert.ok(heard.calls.includes('close quit'))
})

test('trap 18: mail of the server itself is refused at its end only, and as a whole: a recipient that is refused would be tried for ever', async (t) => {
  const { server, heard } = await agreed(t, {
    stages: { rcpt: (to) => (to.local === 'nobody' ? REFUSED : { code: 250, text: 'ok' }) },
  })
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
})
test('trap 18: where one recipient is refused for now the whole is, so that nothing is lost', async (t) => {
  const { server } = await agreed(t, {
    stages: { rcpt: (to) => (to.local === 'nobody' ? REFUSED : LATER) },
  })
  for (const command of [
    client('127.0.0.1', { port: 0 }),
    FROM,
    rcpt('<nobody@x.example>'),
    rcpt('<busy@x.example>'),
    DATA,
  ])
    assert.equal(await server.ask(command), 'continue')
  assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['451 4.7.1 <busy@x.example>: Later'])
})
test('trap 19: addresses are those of the client, however the server writes them', async (t) => {
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
})
test('trap 20: recipients that the server itself refuses are not asked for', async (t) => {
  const { connect } = await listenFor(t)
  const [options = ''] = await (await connect()).hears()
  assert.equal(Number.parseInt(options.split(' ').at(-1) ?? '', 16) & STEP.refusedRcpt, 0)
})
test('trap 22: another protocol at the socket costs one connection, and the error says which it is', async (t) => {
  const { listener, errors } = await listenFor(t)
  const server = await dial(listener)
  server.socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
  await server.end()
  assert.equal(String(errors[0]), 'MilterError: filter: this is HTTP, not milter')
})
test('trap 24: a frame that lies about its length, one that stalls, and one that comes octet by octet each cost one connection and a bounded time', async (t) => {
  const { listener, errors } = await listenFor(t, { limits: { frameTimeoutMs: 80 } })
  const [liar, staller] = [await dial(listener), await dial(listener)]
  liar.socket.write(Buffer.from('ffffffff4f', 'hex'))
  staller.socket.write(Buffer.from('0000000d4f00', 'hex'))
  const drip = setInterval(() => staller.socket.write(Buffer.of(0)), 30)
  t.after(() => clearInterval(drip))
  await Promise.all([liar.end(), staller.end()])
  assert.match(String(errors[0]), /4294967295 octets/)
})
test('finding 8: what a quiet step refuses is said at the next one that is answered', async (t) => {
  const { server } = await agreed(t, { hooks: ['rcpt'], stages: { mail: () => REFUSED } })
  server.say(CLIENT, HELO, FROM)
  assert.equal(await server.ask(TO), '550 5.1.1 No such user')
})
test('finding 8: a client that is to go hears of it at the next step, and whatever comes after it', async (t) => {
  const { server, heard } = await agreed(t)
  await server.ask(CLIENT)
  heard.wires[0]?.disconnect({ code: 521, text: 'Go away' })
  assert.equal(await server.ask(HELO), '421 4.3.0 Go away')
  assert.equal(await server.ask(FROM), '421 4.3.0 Go away')
  server.say({ kind: 'abort' })
  assert.equal(await server.ask(FROM), '421 4.3.0 Go away')
})
test('finding 9: DATA is left out on UNIX sockets only, and only where nobody hooks it', async (t) => {
  const stepsOf = async (fixture: Parameters<typeof listenFor>[1]): Promise<number> => {
    const [options = ''] = await (await (await listenFor(t, fixture)).connect()).hears()
    return Number.parseInt(options.split(' ').at(-1) ?? '', 16)
  }
  const path = `/tmp/postroad-milter-${process.pid}.sock`
  assert.equal((await stepsOf({ hooks: ['message'] })) & STEP.noData, 0)
  assert.notEqual((await stepsOf({ hooks: ['message'], path })) & STEP.noData, 0)
  assert.equal((await stepsOf({ hooks: ['message', 'data'], path: `${path}2` })) & STEP.noData, 0)
})
test('finding 15: a login of one message is not believed of the next', async (t) => {
  const { server, heard } = await greeted(t)
  server.tell('mail', { auth_authen: 'alice' })
  for (const command of [FROM, TO, DATA]) await server.ask(command)
  await server.say(...MESSAGE, END).hears()
  await server.ask(FROM)
  assert.equal(heard.wires[0]?.identity, undefined)
})
test('finding TLS is what the server says after STARTTLS, and not what it said before', async (t) => {
  const { server, heard } = await greeted(t)
  assert.equal(heard.wires[0]?.tls, undefined)
  server.tell('helo', { tls_version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', cert_subject: 'root' })
  await server.ask(HELO)
  assert.deepEqual(heard.wires[0]?.tls, { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' })
})
test('finding the macros that are asked for are those that are read, and only where the server lets a filter choose', async (t) => {
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
})
test('finding 12: mail of the server itself: a refusal of its sender, and at DATA, waits for the end, too', async (t) => {
  for (const stages of [{ mail: () => REFUSED }, { data: () => REFUSED }, { helo: () => REFUSED }]) {
    const { server } = await agreed(t, { stages })
    for (const command of [{ ...CLIENT, address: '127.0.0.1', port: 0 } as SaidCommand, HELO, FROM, TO, DATA])
      assert.equal(await server.ask(command), 'continue')
    assert.deepEqual(await server.say(...MESSAGE, END).hears(), ['550 5.1.1 No such user'])
  }
})

test('finding 13: who asks first and greets never has a name made up, because plugins count on one', async (t) => {
  const { server, heard } = await agreed(t)
  await server.ask(CLIENT)
  assert.equal(await server.ask(FROM), 'continue')
  assert.deepEqual(heard.calls, ['connect', 'helo ', 'mail a@example.com'])
})
