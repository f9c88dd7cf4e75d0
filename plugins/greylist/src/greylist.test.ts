import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Spf, spfFact } from '@postroad/authres'
import {
  allowedClient,
  allowedRecipient,
  type CommandIo,
  definePlugin,
  discard,
  quarantine,
  reverseDns,
  suspect,
} from '@postroad/plugin'
import { createTestServer, session, sessionOn } from '@postroad/testing'
import { greylist } from './index.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** A plugin that writes facts. */
const teller = definePlugin({
  name: 'access',
  hooks: {
    connect: {
      provides: [allowedClient],
      handler({ session, set }) {
        if (session.remote.address === '198.51.100.1') set(allowedClient, { pattern: 'x', reason: undefined })
      },
    },
    mail: {
      provides: [spfFact],
      handler({ envelope, set }) {
        const domain = envelope.from?.domain ?? ''
        const mailFrom = {
          identity: 'mailfrom',
          result: domain.startsWith('pass') ? 'pass' : 'fail',
          domain,
          comment: undefined,
          explanation: undefined,
        } as const
        set(spfFact, { mailFrom, helo: undefined } satisfies Spf)
      },
    },
    rcpt: {
      provides: [allowedRecipient],
      handler({ recipient, set }) {
        if (recipient.local === 'eager') set(allowedRecipient, { pattern: 'x', reason: undefined })
      },
    },
  },
})

test('RFC 6647 §2.4: a stranger waits, comes back, and is known from then on', async () => {
  await session(greylist())
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1', /try again in 5 min/)
    .after(4 * MINUTE)
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1', /try again in 60 s/)
    .after(MINUTE)
    .rcpt('x@mx.test')
    .expectAccepted()
    .after(35 * DAY)
    .rcpt('x@mx.test')
    .expectAccepted()
    .after(35 * DAY)
    .rcpt('x@mx.test')
    .expectAccepted()
    .after(37 * DAY)
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
})

test('each part of the triplet counts; a neighbour in the network is the same client', async () => {
  await session(greylist())
    .from('203.0.113.1')
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
    .after(5 * MINUTE)
    .rcpt('y@mx.test')
    .expectRefusal('4.7.1')
    .mail('other@b.example')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
    .from('203.0.113.200')
    .mail('a@b.example')
    .rcpt('X@mx.test')
    .expectAccepted()
    .from('203.0.114.1')
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
})

test('an attempt that came too late is a first one again', async () => {
  await session(greylist({ window: '1 d' }))
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
    .after(DAY)
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
    .after(5 * MINUTE)
    .rcpt('x@mx.test')
    .expectAccepted()
})

test('the null reverse-path is greylisted as one sender; VERP changes nothing', async () => {
  await session(greylist())
    .mail('<>')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
    .after(5 * MINUTE)
    .mail('<>')
    .rcpt('x@mx.test')
    .expectAccepted()
  await session(greylist())
    .mail('bounce-1234-abc@list.example')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
    .after(5 * MINUTE)
    .mail('bounce-5678-abc@list.example')
    .rcpt('x@mx.test')
    .expectAccepted()
    .mail('bounce-1-abc+detail@list.example')
    .rcpt('x@mx.test')
    .expectAccepted()
})

test('left alone: authenticated, trusted and allowed clients, allowed and spared recipients, known domains when SPF passes', async () => {
  const login = definePlugin({
    name: 'login',
    hooks: { auth: { mechanisms: ['PLAIN'], handler: () => ({ name: 'u' }) } },
  })
  const plugin = greylist({
    trusted: ['192.0.2.0/24'],
    trustedDomains: ['pass.example', 'fail.example'],
    spared: ['hurry@'],
  })
  await session(plugin, teller(), login())
    .from('203.0.113.1')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
    .rcpt('hurry@mx.test')
    .expectAccepted()
    .rcpt('eager@mx.test')
    .expectAccepted()
    .mail('a@pass.example')
    .rcpt('x@mx.test')
    .expectAccepted()
    .mail('a@fail.example')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
    .mail('a@pass2.example')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
    .from('192.0.2.9')
    .rcpt('x@mx.test')
    .expectAccepted()
    .from('198.51.100.1')
    .rcpt('x@mx.test')
    .expectAccepted()
    .from('203.0.113.1')
    .auth({ username: 'u', password: 'p' })
    .rcpt('x@mx.test')
    .expectAccepted()
})

test('a network whose mail was good is not asked to wait any more; mail with points earns nothing', async () => {
  const points = definePlugin({
    name: 'points',
    hooks: { message: ({ envelope }) => (envelope.from?.local === 'spam' ? suspect(1, 'x') : undefined) },
  })
  const server = await createTestServer([greylist({ promote: 2, spared: ['hurry@'] }), points()])
  const at = (address: string) => sessionOn(server).from(address)
  for (const _ of [1, 2]) await at('203.0.113.1').mail('spam@b.example').rcpt('hurry@mx.test').data().expectAccepted()
  await at('203.0.113.1').mail('a@b.example').rcpt('new@mx.test').expectRefusal('4.7.1')
  for (const _ of [1, 2]) await at('203.0.113.1').mail('a@b.example').rcpt('hurry@mx.test').data().expectAccepted()
  await server.clock.advance(0)
  await at('203.0.113.99').mail('c@d.example').rcpt('new@mx.test').expectAccepted()
  await at('203.0.114.1').mail('c@d.example').rcpt('new@mx.test').expectRefusal('4.7.1')
  await server.close()
})

for (const protocol of ['milter', 'policy'] as const)
  test(`where another server takes the mail (${protocol}), a network earns trust by what passes, and by nothing else`, async () => {
    const judge = definePlugin({
      name: 'judge',
      hooks: {
        mail: ({ envelope }) => (envelope.from?.local === 'spam' ? suspect(1, 'x') : undefined),
        ...(protocol === 'milter' && {
          message: ({ envelope }) => {
            if (envelope.from?.local === 'held') return quarantine('odd')
            return envelope.from?.local === 'gone' ? discard('bulk') : undefined
          },
        }),
      },
    })
    const server = await createTestServer([greylist({ promote: 2, spared: ['hurry@'] }), judge()], { protocol })
    const at = (address: string) => sessionOn(server).from(address)
    const visit = (from: string) => at('203.0.113.1').mail(`${from}@b.example`).rcpt('hurry@mx.test').data()
    for (const [from, outcome] of [
      ['spam', 'pass'],
      ['held', 'quarantine'],
      ['gone', 'discard'],
    ] as const)
      if (protocol === 'milter' || from === 'spam') for (const _ of [1, 2]) await visit(from).expectOutcome(outcome)
    await at('203.0.113.1').mail('a@b.example').rcpt('new@mx.test').expectRefusal('4.7.1')
    for (const _ of [1, 2]) await visit('a').expectOutcome('pass')
    await server.clock.advance(0)
    await at('203.0.113.99').mail('c@d.example').rcpt('new@mx.test').expectAccepted()
    await at('203.0.114.1').mail('c@d.example').rcpt('new@mx.test').expectRefusal('4.7.1')
    await server.close()
  })

test('after the message, only what has points is delayed', async () => {
  const points = definePlugin({
    name: 'points',
    hooks: { mail: ({ envelope }) => (envelope.from?.local === 'spam' ? suspect(3, 'x') : undefined) },
  })
  await session(greylist({ at: 'message', points: 2 }), points())
    .mail('ham@b.example')
    .rcpt('x@mx.test')
    .data()
    .expectAccepted()
    .mail('spam@b.example')
    .rcpt('x@mx.test')
    .data()
    .expectRefusal('4.7.1')
    .after(5 * MINUTE)
    .mail('spam@b.example')
    .rcpt('x@mx.test')
    .data()
    .expectAccepted()
})

test('the commands list and forget', async () => {
  const server = await createTestServer([greylist()])
  await sessionOn(server)
    .from('203.0.113.1')
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
    .mail(`"${'é'.repeat(30)} 1"@b.example`, { smtputf8: true })
    .rcpt('y@mx.test')
    .expectRefusal('4.7.1')
  const rows: Record<string, unknown>[] = []
  const io: CommandIo = {
    json: true,
    row: (fields) => rows.push(fields),
    print: () => undefined,
    signal: new AbortController().signal,
  }
  const { list, forget } = server.server.commands.get('greylist') ?? {}
  await list?.run([], io)
  assert.deepEqual(rows[0], {
    what: 'first',
    network: '203.0.113.0/24',
    from: 'a@b.example',
    to: 'x@mx.test',
    at: '2026-01-01T00:00:00.000Z',
  })
  assert.equal(rows.length, 2)
  assert.equal(await forget?.run([], io), 64)
  await forget?.run(['y@mx'], io)
  await forget?.run(['203.0.113.77'], io)
  assert.deepEqual(rows.slice(2), [{ forgotten: 1 }, { forgotten: 1 }])
  await server.clock.advance(5 * MINUTE)
  await sessionOn(server).from('203.0.113.1').mail('a@b.example').rcpt('x@mx.test').expectRefusal('4.7.1')
  await server.close()
})

test('hosts of a big sender are left alone by their verified name, from whatever network they come back', async () => {
  const names = definePlugin({
    name: 'helo',
    hooks: {
      connect: {
        provides: [reverseDns],
        handler({ session, set }) {
          const isTheirs = session.remote.address.startsWith('203.0.113.')
          const name = isTheirs ? 'mail-7.pool.example' : 'pool.example.evil.test'
          set(reverseDns, { result: session.remote.address === '203.0.113.9' ? 'fail' : 'pass', name, names: [name] })
        },
      },
    },
  })
  const used = [names(), greylist({ trustedNames: ['*.pool.example'] })]
  await session(...used)
    .from('203.0.113.1')
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .expectAccepted()
  await session(...used)
    .from('192.0.2.1')
    .mail('a@b.example')
    .rcpt('x@mx.test')
    .expectRefusal('4.7.1')
  await assert.rejects(createTestServer([greylist({ trustedNames: ['*.pool.example'] })]), /reverse-dns/)
})

test('a recipient that wants no checks is spared at the message, too', async () => {
  const plugin = greylist({ at: 'message' })
  await session(teller(), plugin).mail('a@b.example').rcpt('eager@mx.test').data().expectAccepted()
  await session(teller(), plugin).mail('a@b.example').rcpt('x@mx.test').data().expectRefusal('4.7.1')
})

test('a network that tries every name is remembered no more than it may, and others still get in', async () => {
  const server = await createTestServer([greylist({ attempts: 3 })])
  for (let i = 0; i < 10; i++)
    await sessionOn(server).from('203.0.113.1').mail(`a@x${i}.test`).rcpt('x@mx.test').expectRefusal('4.7.1')
  const rows: unknown[] = []
  const io: CommandIo = {
    json: true,
    row: (fields) => rows.push(fields),
    print: () => undefined,
    signal: new AbortController().signal,
  }
  await server.server.commands.get('greylist')?.['list']?.run([], io)
  assert.equal(rows.length, 3)
  await sessionOn(server).from('192.0.2.1').mail('a@b.test').rcpt('x@mx.test').expectRefusal('4.7.1')
  await server.clock.advance(5 * MINUTE)
  await sessionOn(server).from('192.0.2.1').mail('a@b.test').rcpt('x@mx.test').expectAccepted()
  await sessionOn(server).from('203.0.113.1').mail('a@x1.test').rcpt('x@mx.test').expectAccepted()
  await sessionOn(server).from('203.0.113.1').mail('a@x9.test').rcpt('x@mx.test').expectRefusal('4.7.1')
  await server.close()
})
