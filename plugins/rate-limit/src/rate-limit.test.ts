import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CommandIo, definePlugin, Limiter, reject } from '@postroad/plugin'
import { createTestServer, session, sessionOn } from '@postroad/testing'
import { exceededLimits, rateLimit } from './index.ts'

const HOUR = 3_600_000

test('connections of one address: so many in a time, others are not concerned', async () => {
  await session(rateLimit({ limits: [{ of: 'connections', limit: '2/h' }] }))
    .connect()
    .expectAccepted()
    .from('192.0.2.1')
    .connect()
    .expectAccepted()
    .from('192.0.2.1')
    .connect()
    .expectRefusal('4.7.28', /Too many connections, try again in 30 min/)
    .from('192.0.2.2')
    .connect()
    .expectAccepted()
    .after(HOUR / 2)
    .from('192.0.2.1')
    .connect()
    .expectAccepted()
})

test('connections at once: a slot is free again when its connection is gone', async () => {
  const server = await createTestServer([
    rateLimit({ limits: [{ of: 'connections', by: 'network', limit: '2 at once', action: 'disconnect' }] }),
  ])
  const [first, second, third] = [sessionOn(server), sessionOn(server), sessionOn(server)]
  await first.from('192.0.2.1').connect().expectAccepted()
  await second.from('192.0.2.2').connect().expectAccepted()
  await third.from('192.0.2.3').connect().expectCode(421)
  await first.quit()
  await server.clock.advance(0)
  await third.from('192.0.2.3').connect().expectAccepted()
  await server.close()
})

test('messages by reverse-path, recipients by identity, octets by domain: several limits at once', async () => {
  const login = definePlugin({
    name: 'login',
    hooks: { auth: { mechanisms: ['PLAIN'], handler: ({ attempt }) => ({ name: attempt.username }) } },
  })
  const limits = rateLimit({
    limits: [
      { of: 'messages', by: 'from', limit: '2/h' },
      { of: 'recipients', by: 'identity', limit: '3/d', action: 'reject' },
      { of: 'octets', by: 'fromDomain', limit: '1 kB/h' },
    ],
  })
  await session(limits, login())
    .mail('a@b.example')
    .data()
    .expectAccepted()
    .mail('A@b.example')
    .data()
    .expectAccepted()
    .mail('a@b.example')
    .data()
    .expectRefusal('4.7.28', /messages/)
    .mail('c@b.example')
    .data({ Subject: 'x'.repeat(900) })
    .expectRefusal('4.7.28', /octets/)
    .mail('c@d.example')
    .data({ Subject: 'x'.repeat(2_000) })
    .expectRefusal('4.7.28', /smaller portions/)
    .auth({ username: 'u', password: '' })
    .mail('x@y.example')
    .rcpt('1@mx.test')
    .expectAccepted()
    .rcpt('2@mx.test')
    .expectAccepted()
    .rcpt('3@mx.test')
    .expectAccepted()
    .rcpt('4@mx.test')
    .expectRefusal('5.7.28', /recipients/)
})

test('what one limit refuses is charged to none, also when many come at once', async () => {
  const limits = rateLimit({
    limits: [
      { name: 'wide', of: 'connections', by: [], limit: '10/h' },
      { name: 'places', of: 'connections', by: [], limit: '10 at once' },
      { name: 'narrow', of: 'connections', by: 'address', limit: '1/h' },
    ],
  })
  const server = await createTestServer([limits])
  const connect = (address: string) => sessionOn(server).from(address).connect()
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, async () => connect('192.0.2.1').expectAccepted()),
  )
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  await connect('192.0.2.1').expectCode(421)
  for (let host = 2; host <= 10; host++) await connect(`192.0.2.${host}`).expectAccepted()
  await connect('192.0.2.11').expectCode(421)
  await server.close()
})

test('a recipient that is refused for another reason costs nothing', async () => {
  const picky = definePlugin({
    name: 'picky',
    hooks: { rcpt: ({ recipient }) => (recipient.local === 'no' ? reject('no') : undefined) },
  })
  const steps = session(picky(), rateLimit({ limits: [{ of: 'recipients', limit: '1/h' }] }))
  for (let i = 0; i < 5; i++) steps.rcpt('no@mx.test').expectRefusal('5.7.1')
  // The same one again is no second recipient, and costs nothing either.
  await steps
    .rcpt('yes@mx.test')
    .expectAccepted()
    .rcpt('yes@mx.test')
    .expectAccepted()
    .rcpt('also@mx.test')
    .expectRefusal('4.7.28')
})

test('who causes too many errors is not let in again for a while', async () => {
  const picky = definePlugin({ name: 'picky', hooks: { rcpt: () => reject('no') } })
  const steps = session(picky(), rateLimit({ limits: [{ of: 'errors', limit: '3/h', action: 'disconnect' }] }))
  for (let i = 0; i < 3; i++) steps.rcpt('x@mx.test').expectRefusal('5.7.1')
  await steps.after(0).from('192.0.2.1').connect().expectCode(421).from('192.0.2.9').connect().expectAccepted()
})

test('a function as a key, its undefined means not concerned; a burst of its own', async () => {
  const bySubdomain = rateLimit({
    limits: [
      {
        of: 'messages',
        by: [({ from }) => (from?.domain.endsWith('.tenant.example') ? from.domain : undefined), 'listener'],
        limit: '100/h',
        burst: 1,
      },
    ],
  })
  await session(bySubdomain)
    .mail('a@x.tenant.example')
    .data()
    .expectAccepted()
    .mail('b@x.tenant.example')
    .data()
    .expectRefusal('4.7.28')
    .mail('b@y.tenant.example')
    .data()
    .expectAccepted()
    .mail('a@b.example')
    .data()
    .expectAccepted()
    .mail('a@b.example')
    .data()
    .expectAccepted()
})

test('exceeding may be points, a fact and a header field only', async () => {
  let seen: readonly string[] | undefined
  const reader = definePlugin({
    name: 'reader',
    hooks: {
      message: {
        after: [exceededLimits],
        handler({ get }) {
          seen = get(exceededLimits)
        },
      },
    },
  })
  const limits = rateLimit({
    limits: [
      { name: 'soft', of: 'messages', limit: '1/h', action: 'none' },
      { name: 'worth', of: 'recipients', limit: '1/h', action: 2 },
    ],
    header: 'X-Exceeded',
  })
  await session(limits, reader())
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .data()
    .expectDelivered(({ message }) => assert.equal(message.headers.get('x-exceeded'), undefined))
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .data()
    .expectDelivered(({ message }) => assert.equal(message.headers.get('x-exceeded'), 'worth, soft'))
  assert.deepEqual(seen, ['worth', 'soft'])
})

test('messages at once: the slot is free after the message, whatever became of it', async () => {
  const limits = rateLimit({ limits: [{ of: 'messages', by: [], limit: '1 at once' }] })
  const picky = definePlugin({
    name: 'picky',
    hooks: { message: ({ envelope }) => (envelope.from?.local === 'no' ? reject('no') : undefined) },
  })
  await session(limits, picky())
    .mail('a@b.example')
    .data()
    .expectAccepted()
    .mail('no@b.example')
    .data()
    .expectRefusal('5.7.1')
    .mail('a@b.example')
    .data()
    .expectAccepted()
})

for (const protocol of ['milter', 'policy'] as const)
  test(`messages at once (${protocol}): the slot is free when the message was judged, and one recipient has a limit`, async () => {
    const limits = rateLimit({
      limits: [
        { of: 'messages', by: [], limit: '1 at once' },
        { of: 'recipients', by: 'recipient', limit: '3/h' },
      ],
    })
    const server = await createTestServer([limits], { protocol })
    // One connection stays open: its end would free the slot as well.
    const first = sessionOn(server)
    await first.mail('a@b.example').rcpt('x@mx.test').data().expectOutcome('pass')
    await server.clock.advance(0)
    await sessionOn(server).from('192.0.2.2').mail('a@b.example').rcpt('x@mx.test').data().expectOutcome('pass').quit()
    await first.mail('a@b.example').rcpt('x@mx.test').data().expectOutcome('pass')
    await first.mail('a@b.example').rcpt('x@mx.test').expectRefusal('4.7.28')
    await first.quit()
    await server.close()
  })

test('messages at once: a client that was refused and stays holds no slot', async () => {
  const limits = rateLimit({ limits: [{ of: 'messages', by: [], limit: '1 at once' }] })
  const picky = definePlugin({
    name: 'picky',
    hooks: { message: ({ envelope }) => (envelope.from?.local === 'no' ? reject('no') : undefined) },
  })
  const server = await createTestServer([limits, picky()])
  const idle = sessionOn(server)
  await idle.mail('no@b.example').data().expectRefusal('5.7.1')
  await server.clock.advance(0)
  await sessionOn(server).mail('a@b.example').data().expectAccepted()
  await idle.quit()
  await server.close()
})

test('exempt networks and those a limit is not for are not counted', async () => {
  await session(rateLimit({ limits: [{ of: 'connections', limit: '1/h' }], exempt: '192.0.2.0/24' }))
    .connect()
    .from('192.0.2.1')
    .connect()
    .expectAccepted()
  await session(rateLimit({ limits: [{ of: 'messages', limit: '1/h', clients: 'authenticated' }] }))
    .data()
    .mail('a@b.example')
    .data()
    .expectAccepted()
})

test('a key is bounded, and its parts cannot run into each other', async () => {
  const keys: string[] = []
  const limiter = {
    async take(key: string) {
      keys.push(key)
      return { ok: true, remaining: 1, retryAfterMs: 0 }
    },
  }
  const plugin = rateLimit({ limits: [{ of: 'messages', by: ['helo', 'from'], limit: '1/h' }] })
  const server = await createTestServer([plugin], { services: [[Limiter, limiter]] })
  await sessionOn(server).helo('a b').mail('c@d.example').data()
  await sessionOn(server).helo('x'.repeat(2_000)).mail('c@d.example').data()
  assert.match(keys[0] ?? '', /:a%20b c%40d\.example$/)
  assert.ok(keys[1] && keys[1].length < 200)
  await server.close()
})

test('the commands show and reset', async () => {
  const server = await createTestServer([rateLimit({ limits: [{ name: 'conn', of: 'connections', limit: '1/h' }] })])
  await sessionOn(server).from('192.0.2.1').connect().expectAccepted()
  const rows: unknown[] = []
  const io: CommandIo = {
    json: true,
    row: (fields) => rows.push(fields),
    print: () => undefined,
    signal: new AbortController().signal,
  }
  const { list, show, reset } = server.server.commands.get('rate-limit') ?? {}
  await list?.run([], io)
  await show?.run(['conn', '192.0.2.1'], io)
  await reset?.run(['conn', '192.0.2.1'], io)
  assert.deepEqual(rows, [
    { name: 'conn', of: 'connections', by: 'address', limit: '1 per 3600000 ms', action: 'disconnect' },
    { name: 'conn', key: '192.0.2.1', ok: false, remaining: 0, retryAfterMs: HOUR },
    { name: 'conn', key: '192.0.2.1', reset: true },
  ])
  assert.equal(await show?.run(['none'], io), 64)
  await sessionOn(server).from('192.0.2.1').connect().expectAccepted()
  await server.close()
})

test('limits that cannot be are boot errors', async () => {
  const bad = [
    rateLimit({ limits: [{ of: 'octets', limit: '5 at once' }] }),
    rateLimit({ limits: [{ of: 'messages', by: 'recipient', limit: '5/h' }] }),
    rateLimit({
      limits: [
        { of: 'messages', limit: '5/h' },
        { of: 'messages', limit: '5/h' },
      ],
    }),
    rateLimit({ limits: [{ of: 'messages', limit: 'often' }] }),
  ]
  for (const plugin of bad) await assert.rejects(createTestServer([plugin]), /rate-limit/)
})
