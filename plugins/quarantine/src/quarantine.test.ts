import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type CommandIo,
  definePlugin,
  Events,
  type MailEvent,
  type Service,
  Spool,
  quarantine as setAside,
} from '@postroad/plugin'
import { createSink, createTestServer, memorySpool, sessionOn, type TestServer } from '@postroad/testing'
import { quarantine } from './index.ts'

const DAY = 86_400_000

/** Quarantines what it does not like, for some recipients only. */
const picky = definePlugin({
  name: 'picky',
  hooks: {
    message({ message, envelope }) {
      const subject = message.headers.get('subject') ?? ''
      if (subject === 'all') return setAside('all bad')
      const [first] = envelope.recipients
      return subject === 'first' && first ? setAside('bad for the first', { for: [first.address] }) : undefined
    },
  },
})

interface Fixture {
  readonly server: TestServer
  readonly spool: Spool
  run(
    command: string,
    ...args: string[]
  ): Promise<{ readonly code: number; readonly rows: Record<string, unknown>[]; readonly said: string[] }>
}

async function on(
  options: Parameters<typeof quarantine>[0],
  use: (fixture: Fixture) => Promise<void>,
  more: readonly (readonly [Service<unknown>, unknown])[] = [],
): Promise<void> {
  const spool = memorySpool()
  const services: (readonly [Service<unknown>, unknown])[] = [[Spool, spool], ...more]
  const server = await createTestServer([picky(), quarantine(options)], { services })
  const run: Fixture['run'] = async (command, ...args) => {
    const rows: Record<string, unknown>[] = []
    const said: string[] = []
    const io: CommandIo = {
      json: true,
      row: (fields) => rows.push(fields),
      print: (line) => said.push(line),
      signal: new AbortController().signal,
    }
    const code = (await server.server.commands.get('quarantine')?.[command]?.run(args, io)) ?? 0
    return { code, rows, said }
  }
  try {
    await use({ server, spool, run })
  } finally {
    await server.close()
  }
}

test('programs are told of what is quarantined before it is taken, and when they cannot be, it is not', async () => {
  const published: MailEvent[] = []
  let isFull = false
  const told: Events = {
    async publish(event) {
      if (isFull) throw new Error('the disk is full')
      published.push(event)
    },
  }
  await on(
    {},
    async ({ server, run }) => {
      const send = (subject: string) =>
        sessionOn(server)
          .mail('spam@bad.test')
          .rcpt('a@mx.test')
          .rcpt('b@mx.test')
          .data(`Subject: ${subject}\n\nBody\n`)
      await send('first').expectAccepted()
      const [row = {}] = (await run('list')).rows
      const [event] = published
      assert.deepEqual(
        [published.length, event?.kind, event?.from, event?.to, event?.detail?.['reason'], event?.detail?.['id']],
        [1, 'quarantined', 'spam@bad.test', ['a@mx.test'], 'bad for the first', row['id']],
      )
      assert.equal(typeof event?.transaction, 'string')
      isFull = true
      await send('all').expectRefusal('4.3.0')
      assert.deepEqual([(await run('list')).rows.length, published.length], [1, 1], 'nothing of it is kept')
    },
    [[Events, told]],
  )
})

test('what is quarantined is taken, listed and shown; the rest goes on', () =>
  on({}, async ({ server, run }) => {
    await sessionOn(server)
      .from('203.0.113.7')
      .mail('spam@bad.test')
      .rcpt('a@mx.test')
      .rcpt('b@mx.test')
      .data('Subject: first\nX-Evil: \x1b[2J\n\nBody \x1b[2J\n')
      .expectAccepted()
      .expectDelivered(({ to }) => assert.deepEqual(to, ['b@mx.test']))
    const { rows } = await run('list')
    assert.equal(rows.length, 1)
    const [row = {}] = rows
    assert.deepEqual(
      [row['from'], row['to'], row['reason'], row['subject']],
      ['spam@bad.test', 'a@mx.test', 'bad for the first', 'first'],
    )
    assert.equal((await run('list', 'A@MX')).rows.length, 1)
    assert.equal((await run('list', 'b@mx.test')).rows.length, 0)
    const shown = await run('show', String(row['id']))
    assert.equal(shown.rows[0]?.['remote'], '203.0.113.7')
    assert.ok(shown.said.includes('Subject: first'))
    const raw = await run('show', String(row['id']), '--raw')
    assert.ok(raw.said.includes('Body ?[2J') && !raw.said.join('').includes('\x1b'), 'a terminal is not moved')
  }))

test('a released message goes to the listener it is told, and out of the quarantine', async (t) => {
  const sink = await createSink()
  t.after(() => sink.close())
  await on({ release: { port: sink.port } }, async ({ server, run }) => {
    await sessionOn(server)
      .mail('spam@bad.test')
      .rcpt('a@mx.test')
      .rcpt('b@mx.test')
      .data('Subject: all\n\n.dot\n')
      .expectAccepted()
    const id = String((await run('list')).rows[0]?.['id'])
    assert.equal((await run('release', id, '--to', 'B@mx.test')).code, 0)
    assert.equal((await run('list')).rows[0]?.['to'], 'a@mx.test')
    assert.equal((await run('release', id, '--to', 'b@mx.test')).code, 66, 'not a second time')
    const { code, rows } = await run('release', id)
    assert.deepEqual([code, rows[0]?.['to'], rows[0]?.['released']], [0, 'a@mx.test', true])
    assert.equal((await run('list')).rows.length, 0)
    assert.equal((await run('show', id)).code, 66)
    assert.deepEqual(
      sink.transactions.map(({ from, recipients }) => [
        from.split(' ')[0],
        recipients.map((recipient) => recipient.split(' ')[0]),
      ]),
      [
        ['<spam@bad.test>', ['<b@mx.test>']],
        ['<spam@bad.test>', ['<a@mx.test>']],
      ],
    )
    assert.match(sink.transactions[0]?.message.toString() ?? '', /Subject: all\r\n\r\n\.dot\r\n$/)
  })
})

test('two operators who release a message at once deliver it once, and the second is told', async (t) => {
  const sink = await createSink()
  t.after(() => sink.close())
  await on({ release: { port: sink.port } }, async ({ server, run }) => {
    await sessionOn(server).rcpt('a@mx.test').data('Subject: all\n\nx\n').expectAccepted()
    const id = String((await run('list')).rows[0]?.['id'])
    const both = await Promise.all([run('release', id), run('release', id), run('delete', id)])
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 75, 66],
    )
    assert.match(String(both[1]?.rows[0]?.['reply']), /somebody else is releasing/)
    assert.match(String((await run('release', id)).rows[0]?.['reply']), /not in the quarantine/)
    assert.equal(sink.transactions.length, 1)
  })
})

test('what the listener does not take stays; without a listener nothing is lost', async (t) => {
  const sink = await createSink({ script: ({ verb }) => (verb === 'RCPT' ? '451 4.3.0 later' : undefined) })
  t.after(() => sink.close())
  await on({ release: { port: sink.port } }, async ({ server, run }) => {
    await sessionOn(server).rcpt('a@mx.test').data('Subject: all\n\nx\n').expectAccepted()
    const id = String((await run('list')).rows[0]?.['id'])
    const { code, rows } = await run('release', id)
    assert.deepEqual([code, rows[0]?.['released'], rows[0]?.['reply']], [75, false, '451 later'])
    await sink.close()
    assert.equal((await run('release', id)).code, 75)
    assert.equal((await run('list')).rows.length, 1)
  })
  await on({}, async ({ run }) => assert.equal((await run('release', 'q-x')).code, 75))
})

test('messages are deleted by command, and when they are too old', () =>
  on({ keep: '2 d' }, async ({ server, spool, run }) => {
    for (const name of ['a', 'b'])
      await sessionOn(server).rcpt(`${name}@mx.test`).data('Subject: all\n\nx\n').expectAccepted()
    const [row = {}] = (await run('list', 'a@')).rows
    assert.equal((await run('delete', String(row['id']))).code, 0)
    assert.equal((await run('delete', String(row['id']), '../etc/passwd')).code, 66)
    assert.deepEqual((await run('expire')).rows, [{ deleted: 0 }])
    await server.clock.advance(2 * DAY)
    assert.deepEqual((await run('expire')).rows, [{ deleted: 1 }])
    for await (const id of spool.list()) assert.fail(id)
  }))

test('the list is made again from the spool', () =>
  on({ keep: '2 d' }, async ({ server, run }) => {
    await sessionOn(server).rcpt('a@mx.test').data('Subject: all\n\nx\n').expectAccepted()
    await server.clock.advance(4 * DAY)
    assert.equal((await run('list')).rows.length, 0)
    assert.deepEqual((await run('reindex')).rows, [{ entries: 1 }])
    assert.equal((await run('list')).rows.length, 1)
  }))

test('a reason that is not its own is left to another quarantine; a spool that fails is no 250', async (t) => {
  await on({ matches: ['virus *'] }, async ({ server, run }) => {
    await sessionOn(server)
      .rcpt('a@mx.test')
      .data('Subject: all\n\nx\n')
      .expectQuarantined(/all bad/)
    assert.equal((await run('list')).rows.length, 0)
  })
  const broken = { ...memorySpool(), put: () => Promise.reject(new Error('disk full')) }
  const server = await createTestServer([picky(), quarantine()], { services: [[Spool, broken]] })
  t.after(() => server.close())
  await sessionOn(server).rcpt('a@mx.test').data('Subject: all\n\nx\n').expectRefusal('4.3.0')
})
