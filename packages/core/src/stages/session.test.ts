/** The end of a transaction and of a connection: what is counted, told and written down. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quarantine } from '@postroad/plugin'
import { addressOf, Client, type Ground, ground, handler } from '../fixture.test.ts'
import type { HookTable } from '../plan/hook-table.ts'
import type { Scope } from '../session/scope.ts'

const A = 'a@x.test'
const fails = (): never => {
  throw new Error('x')
}

/** A scope that takes everything, and a client of it. */
function open(
  table: Partial<HookTable> = {},
  more: Partial<Scope> = {},
  wire: ConstructorParameters<typeof Client>[1] = {},
) {
  const whole = {
    route: [handler('route', () => ({ via: 'x' }))],
    queue: [handler('queue', () => ({ id: '7' }))],
    ...table,
  }
  const made = ground(whole, more)
  return { made, client: new Client(made, wire) }
}
const reply = (made: Ground, index = -1) => made.lines.at(index)?.['reply']

test('a connection counts what it took and what it refused', async () => {
  const { client, made } = open({}, {}, { protocol: 'lmtp' })
  client.stages.refused('RCPT', { code: 501, text: 'x' })
  await client.stages.connect()
  client.close()
  assert.deepEqual(
    made.lines.map(({ event, transactions, accepted, refused, closed }) => [
      event,
      transactions,
      accepted,
      refused,
      closed,
    ]),
    [['session', 0, 0, 1, 'quit']],
  )
  assert.equal(client.gone, 1)
  const some = open()
  await some.client.send(A)
  some.client.close()
  assert.deepEqual(
    some.made.lines.map(({ event }) => event),
    ['transaction'],
  )
  const silent = open({}, { timed: false })
  await silent.client.send(A)
  silent.client.close()
  assert.deepEqual(silent.made.lines, [])
})

test('refusals of the wire are logged up to a hundred, and end a message that they are about', async () => {
  const { client, made } = open()
  await client.begin()
  await client.rcpt(A)
  client.stages.refused('DATA', { code: 552, status: '5.3.4', text: 'Too big' })
  client.stages.reset()
  assert.equal(reply(made), '552 5.3.4 Too big')
  await client.begin()
  await client.rcpt(A)
  client.stages.refused('NOOP', { code: 501, text: 'x' })
  client.close('client')
  assert.equal(reply(made), '451 4.4.2 Connection lost before the end of the message')
  for (let i = 0; i < 150; i++) client.stages.refused('NOOP', { code: 501, text: 'x' })
  assert.equal(made.logged.length, 100)
  assert.deepEqual(made.logged[0]?.slice(0, 2), ['debug', 'refused by the wire'])
})

test('a transaction that came to nothing has a line when somebody was refused in it', async () => {
  const { client, made } = open({ route: [] as never })
  await client.begin()
  client.stages.reset()
  assert.deepEqual(made.lines, [])
  await client.begin()
  await client.rcpt(A)
  await client.stages.helo('client.test', 'EHLO')
  assert.deepEqual(
    made.lines.map((line) => [line['reply'], line['refused']]),
    [['550 5.7.1 Relaying denied', [{ to: A, plugin: undefined, reply: '550 5.7.1 Relaying denied' }]]],
  )
})

test('the end of a connection is told, with its reason', async () => {
  const heard: unknown[] = []
  const { client } = open({
    closed: [[handler('closed', ({ reason, session }) => void heard.push(reason, session?.helo?.name))]],
  })
  await client.stages.helo('client.test', 'EHLO')
  client.close('client')
  assert.deepEqual(heard, ['client', 'client.test'])
})

test('a line that cannot be written changes no answer', async () => {
  const { client, made } = open({}, { record: fails })
  assert.deepEqual(await client.send(A), [250, 250])
  assert.deepEqual(
    made.logged.map(([level, text]) => `${level} ${text}`),
    ['error the line of a transaction could not be written'],
  )
})

test('a message whose client has gone while it was changed or set aside is not queued, and nothing has failed', async () => {
  for (const table of [{ rewrite: [handler('rewrite', () => new Promise(() => undefined))] }, setAside()]) {
    let queued = 0
    const { client, made } = open({ ...table, queue: [handler('queue', () => ({ id: String(++queued) }))] })
    await client.begin()
    await client.rcpt(A)
    await client.rcpt('b@x.test')
    const answered = client.data()
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    client.close('client')
    await answered
    assert.equal(queued, 0)
    assert.deepEqual(made.logged, [])
  }
})

/** One recipient’s copy is set aside; whoever does that says so a little after the client has gone. */
function setAside(): Partial<HookTable> {
  const aside = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    return { id: 'q' }
  }
  return {
    message: [[handler('message', () => quarantine('x', { for: [addressOf(A)] }))]],
    quarantine: [handler('quarantine', aside)],
  }
}

test('a clock that is set back meanwhile makes no time of less than nothing', async () => {
  let clock = 1_000_000
  const { client, made } = open(
    { queue: [handler('queue', () => ({ id: String((clock -= 500)) }))] },
    { now: () => clock },
  )
  assert.deepEqual(await client.send(A), [250, 250])
  assert.equal(made.lines.at(-1)?.['ms'], 0)
  client.close()
})
