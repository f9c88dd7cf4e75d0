import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createSink, type SinkAnswer, type SinkStep } from '@postroad/testing'
import { ConnectError } from './client/connect-error.ts'
import { fixedTarget } from './fixed-transport.ts'
import { Pool } from './pool.ts'
import { Relay } from './relay.ts'
import { sendTo } from './send.ts'
import { job, recipient } from './support/fixture.ts'

const never = new AbortController().signal

async function setting(
  options: Parameters<typeof createSink>[0] = {},
  pool: Partial<ConstructorParameters<typeof Pool>[0]> = {},
) {
  const sink = await createSink(options)
  const target = fixedTarget({ host: '127.0.0.1', port: sink.port, tls: { mode: 'none' } }, { via: 'test' })
  const made = new Pool({ hostname: 'client.test', ...pool })
  const close = async () => {
    made.destroy()
    await sink.close()
  }
  return { sink, target, pool: made, close }
}

test('a connection is used again, and says QUIT after the transactions it may have', async (t) => {
  const { sink, target, pool, close } = await setting({}, { maxTransactions: 2 })
  t.after(close)
  for (let i = 0; i < 3; i++) await sendTo(pool, target, job(['b@to.test']))
  assert.deepEqual(
    sink.transactions.map(({ connection }) => connection),
    [1, 1, 2],
  )
  assert.equal(sink.commands.filter((line) => line === 'QUIT').length, 1)
})

test('RFC 9422: MAILMAX of the server bounds the transactions', async (t) => {
  const { sink, target, pool, close } = await setting({ extensions: ['PIPELINING', 'LIMITS MAILMAX=1'] })
  t.after(close)
  for (let i = 0; i < 2; i++) await sendTo(pool, target, job(['b@to.test']))
  assert.deepEqual(
    sink.transactions.map(({ connection }) => connection),
    [1, 2],
  )
})

test('a kept connection that the server has closed costs one more try, not the message', async (t) => {
  for (const how of ['421 4.4.2 Idle too long', { end: 'close' }, { end: 'reset' }] as const) {
    const script = ({ verb, nth, connection }: SinkStep) =>
      verb === 'MAIL' && nth === 2 && connection === 1 ? how : undefined
    const { sink, target, pool, close } = await setting({ script })
    t.after(close)
    for (let i = 0; i < 2; i++) assert.equal((await sendTo(pool, target, job(['b@to.test'])))[0]?.kind, 'delivered')
    assert.deepEqual(
      sink.transactions.map(({ connection }) => connection),
      [1, 2],
    )
  }
})

test('what is opened in place of a connection that is too old is kept, counted, used again and closed as any other', async () => {
  const { sink, target, pool, close } = await setting({}, { maxAgeMs: 30, maxConnections: 1 })
  await sendTo(pool, target, job(['b@to.test']))
  await new Promise((resolve) => setTimeout(resolve, 40))
  const pooled = await pool.acquire(target, never)
  const { open } = pool.stats
  pooled.release()
  const again = pool.take(target)
  pooled.connection.destroy()
  await close()
  assert.deepEqual([open, again?.connection === pooled.connection], [1, true])
  assert.equal(sink.commands.filter((line) => line === 'QUIT').length, 1)
})

test('a connection that is too old begins no further transaction, whether it idles or is waited for', async (t) => {
  const { sink, target, pool, close } = await setting({}, { maxAgeMs: 30, maxConnections: 1 })
  t.after(close)
  await sendTo(pool, target, job(['b@to.test']))
  await new Promise((resolve) => setTimeout(resolve, 40))
  const pooled = await pool.acquire(target, never)
  const waiting = pool.acquire(target, never)
  await new Promise((resolve) => setTimeout(resolve, 40))
  pooled.release()
  const next = await waiting
  assert.deepEqual([pooled.isReused, next.isReused, sink.connections], [false, false, 3])
})

test('not now, said to MAIL on a kept connection, is asked again on a fresh one; there it counts', async (t) => {
  for (const reply of [
    '450 4.7.1 Too many messages on this connection',
    '451 4.3.0 No',
    '503 5.5.1 Bad sequence',
    '421 4.7.0 Bye',
  ]) {
    const script = ({ verb, nth }: SinkStep) => (verb === 'MAIL' && nth > 2 ? reply : undefined)
    const { sink, target, pool, close } = await setting({ script })
    t.after(close)
    for (let i = 0; i < 6; i++)
      assert.equal((await sendTo(pool, target, job(['b@to.test'])))[0]?.kind, 'delivered', reply)
    assert.deepEqual(
      sink.transactions.map(({ connection }) => connection),
      [1, 1, 2, 2, 3, 3],
    )
  }
  const script = ({ verb, nth, connection }: SinkStep) =>
    verb === 'MAIL' && nth + connection > 2 ? '450 4.7.1 Later' : undefined
  const { sink, target, pool, close } = await setting({ script })
  t.after(close)
  for (const kind of ['delivered', 'deferred', 'deferred'])
    assert.equal((await sendTo(pool, target, job(['b@to.test'])))[0]?.kind, kind)
  // The last one was asked on the connection that had said no before, and once more.
  assert.equal(sink.connections, 3)
})

/** The first message goes well, and for the second there is this answer to MAIL and no other connection. */
async function unwelcome(t: TestContext, answer: SinkAnswer) {
  const script = ({ verb, nth, connection }: SinkStep) => {
    if (connection > 1) return '554 5.3.2 Closed today'
    return verb === 'MAIL' && nth > 1 ? answer : undefined
  }
  const { pool, target, close } = await setting({ script })
  t.after(close)
  assert.equal((await sendTo(pool, target, job(['b@to.test'])))[0]?.kind, 'delivered')
  return { pool, target }
}

test('what a kept connection said to MAIL is kept where no other can be opened, and so is why', async (t) => {
  const both = (said: string) => `${said} (and then no new connection: Closed today)`
  for (const [answer, reply] of [
    ['450 4.7.1 Come back in 300 seconds', { code: 450, status: '4.7.1', text: both('Come back in 300 seconds') }],
    ['421 4.7.0 Too much mail from you', { code: 421, status: '4.7.0', text: both('Too much mail from you') }],
    ['503 5.5.1 Bad sequence', { code: 451, status: '4.5.0', text: both('503 Bad sequence') }],
  ] as const) {
    const { pool, target } = await unwelcome(t, answer)
    const outcomes = await sendTo(pool, target, job(['b@to.test', 'c@to.test']))
    for (const outcome of outcomes)
      assert.deepEqual([outcome.kind, outcome.reply, outcome.remote], ['deferred', reply, '127.0.0.1'])
    assert.equal(outcomes[0]?.retryAfterMs, answer.startsWith('450') ? 300_000 : undefined)
  }
})

test('so it is in a transaction that goes along with another', async (t) => {
  const { pool, target } = await unwelcome(t, '450 4.7.1 Later')
  const relay = new Relay(pool, target, job([]))
  const { code, text } = await relay.rcpt(recipient('b@to.test'), () => never)
  assert.deepEqual([code, text], [450, 'Later (and then no new connection: Closed today)'])
  relay.release()
})

test('where a kept connection was lost without a word, why there is no other is all there is to say', async (t) => {
  const { pool, target } = await unwelcome(t, { end: 'close' })
  await assert.rejects(
    sendTo(pool, target, job(['b@to.test'])),
    (error) => error instanceof ConnectError && error.reply.code === 554,
  )
})

test('no more connections than allowed; who waits gets the next that is free, in turn', async (t) => {
  const { sink, target, pool, close } = await setting({}, { maxConnections: 2 })
  t.after(close)
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => sendTo(pool, target, job(['b@to.test']))))
  assert.ok(outcomes.flat().every(({ kind }) => kind === 'delivered'))
  assert.equal(sink.connections, 2)
  assert.deepEqual(pool.stats, { open: 2, idle: 2, waiting: 0, uncertain: 0 })
})

test('by default whoever needs a connection waits for it: that all are busy is not the failure of a destination', async (t) => {
  const { target, pool, close } = await setting({}, { maxConnections: 1 })
  t.after(close)
  const pooled = await pool.acquire(target, never)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const sent = sendTo(pool, target, job(['b@to.test']))
  t.mock.timers.tick(3_600_000)
  t.mock.timers.reset()
  pooled.release()
  assert.deepEqual(
    (await sent).map(({ kind }) => kind),
    ['delivered'],
  )
})

test('waiting may have a limit, and ends with the signal; the place is not lost', async (t) => {
  const { target, pool, close } = await setting({}, { maxConnections: 1, waitMs: 20 })
  t.after(close)
  const pooled = await pool.acquire(target, never)
  await assert.rejects(
    pool.acquire(target, never),
    (error) => error instanceof ConnectError && error.reply.text === 'All connections are in use',
  )
  const controller = new AbortController()
  const waiting = pool.acquire(target, controller.signal)
  controller.abort()
  await assert.rejects(waiting, ConnectError)
  assert.equal(pool.stats.waiting, 0)
  const next = pool.acquire(target, never)
  pooled.discard()
  ;(await next).release()
  assert.deepEqual(pool.stats, { open: 1, idle: 1, waiting: 0, uncertain: 0 })
})

test('a server that cannot be reached fails everybody who waits, and leaves nothing behind', async (t) => {
  const { sink, target, pool, close } = await setting({}, { maxConnections: 1 })
  t.after(close)
  await sink.close()
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => pool.acquire(target, never)))
  assert.ok(
    results.every(
      (result) =>
        result.status === 'rejected' && result.reason instanceof ConnectError && result.reason.reply.code === 451,
    ),
  )
  assert.deepEqual(pool.stats, { open: 0, idle: 0, waiting: 0, uncertain: 0 })
})

test('what idles too long is closed with QUIT', async (t) => {
  const { sink, target, pool, close } = await setting({}, { idleMs: 10 })
  t.after(close)
  await sendTo(pool, target, job(['b@to.test']))
  while (!sink.commands.includes('QUIT')) await new Promise(setImmediate)
  assert.deepEqual(pool.stats, { open: 0, idle: 0, waiting: 0, uncertain: 0 })
})

test('RFC 5321 §4.1.1.5: a transaction that was given up is reset before the next one begins', async (t) => {
  const script = ({ verb, nth }: SinkStep) => (verb === 'RCPT' && nth === 1 ? '550 5.1.1 Who?' : undefined)
  const { sink, target, pool, close } = await setting({ script })
  t.after(close)
  for (let i = 0; i < 2; i++) await sendTo(pool, target, job(['b@to.test']))
  assert.equal(sink.connections, 1)
  assert.deepEqual(
    sink.commands.map((line) => line.split(' ')[0]),
    ['EHLO', 'MAIL', 'RCPT', 'DATA', 'RSET', 'MAIL', 'RCPT', 'DATA'],
  )
})

test('RFC 1047: transactions whose final dot was never answered are counted', async (t) => {
  const script = ({ verb, connection }: SinkStep) =>
    verb === 'DOT' && connection === 1 ? { end: 'reset' as const } : undefined
  const { target, pool, close } = await setting({ script })
  t.after(close)
  for (const kind of ['deferred', 'delivered'])
    assert.equal((await sendTo(pool, target, job(['b@to.test', 'c@to.test'])))[0]?.kind, kind)
  assert.equal(pool.stats.uncertain, 1)
})

test('a closed pool gives no connection, and lets those in use end', async (t) => {
  const { sink, target, pool, close } = await setting()
  t.after(close)
  const pooled = await pool.acquire(target, never)
  await pool.close()
  await assert.rejects(pool.acquire(target, never), ConnectError)
  assert.equal(sink.open, 1)
  pooled.release()
  assert.deepEqual(pool.stats, { open: 0, idle: 0, waiting: 0, uncertain: 0 })
})
