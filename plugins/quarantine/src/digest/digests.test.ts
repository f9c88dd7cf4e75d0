import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { memorySource } from '@postroad/mail'
import { TokenKeys } from '@postroad/options'
import type { Logger, Message, Store } from '@postroad/plugin'
import {
  createSink,
  type FakeClock,
  fakeClock,
  mail,
  memoryLock,
  memorySpool,
  memoryStore,
  type Sink,
  type SinkOptions,
} from '@postroad/testing'
import type { VaultEntry } from '../entry.ts'
import { options as schema } from '../options.ts'
import { Vault } from '../vault.ts'
import { Digests } from './digests.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const signal = new AbortController().signal
const silent: Logger = Object.assign(() => undefined, {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
}) as unknown as Logger // what digests call of it

interface Rig {
  readonly clock: FakeClock
  readonly sink: Sink
  readonly store: Store
  readonly digests: Digests
  /** Another process with the same store. */
  another(store?: Store): Digests
  keep(id: string, to: string | readonly string[], more?: Partial<VaultEntry>): Promise<void>
  /** Recipients and Message-IDs of what was handed in, in no order. */
  taken(): readonly (readonly [to: string, id: string])[]
}

async function rig(
  t: TestContext,
  given: Partial<NonNullable<(typeof schema)['_zod']['input']['digest']>> = {},
  sinkOptions: SinkOptions = {},
): Promise<Rig> {
  // 06:00 of the first day of 2026.
  const clock = fakeClock(Date.UTC(2026, 0, 1, 6))
  const sink = await createSink(sinkOptions)
  const folder = await mkdtemp(join(tmpdir(), 'postroad-digests-'))
  t.after(async () => {
    await sink.close()
    await rm(folder, { recursive: true })
  })
  const { digest } = schema.parse({
    digest: {
      url: 'https://mail.example.com',
      from: 'quarantine@example.com',
      submit: { port: sink.port },
      recipients: ['example.com'],
      timeZone: 'UTC',
      ...given,
    },
  })
  assert.ok(digest)
  const store = memoryStore(clock)
  const spool = memorySpool()
  const lock = memoryLock()
  const keys = new TokenKeys(async () => join(folder, 'keys'))
  const another = (own = store): Digests =>
    new Digests({
      vault: new Vault(spool, own),
      store: own,
      lock,
      queue: { send: () => assert.fail('there is a listener') },
      clock,
      log: silent,
      hostname: 'mx.test',
      keys,
      options: digest,
    })
  const vault = new Vault(spool, store)
  return {
    clock,
    sink,
    store,
    digests: another(),
    another,
    async keep(id, to, more = {}) {
      const at = clock.now()
      const recipients = [to].flat().map((address) => ({ address, parameters: {} }))
      const entry: VaultEntry = {
        id: `q-${id}`,
        envelope: id,
        reason: 'looks like spam',
        points: 0,
        from: 'ann@example.test',
        parameters: {},
        recipients,
        remote: '192.0.2.1',
        helo: undefined,
        identity: undefined,
        subject: `Subject of ${id}`,
        size: 10,
        at,
        expiresAt: at + 30 * 24 * HOUR,
        ...more,
      }
      const message = memorySource([mail({ subject: id }, 'x')]) as unknown as Message // only its octets are asked for
      await vault.put(entry, message, at)
    },
    taken: () =>
      sink.transactions.map(({ message, recipients }) => [
        /<(.*)>/.exec(recipients[0] ?? '')?.[1] ?? '',
        /Message-ID: (.*)\r/.exec(message.toString())?.[1] ?? '',
      ]),
  }
}

/** A minute at a time, as the loop does; what takes days in longer steps. */
async function until(ms: number, { clock, digests }: Rig): Promise<void> {
  const step = ms > HOUR ? 10 * MINUTE : MINUTE
  for (let passed = 0; passed < ms; passed += step) {
    await digests.round(signal)
    await clock.advance(step)
  }
  await digests.round(signal)
}

test('each recipient is told once, at the time, of what is new, and nobody of nothing', async (t) => {
  const it = await rig(t)
  await it.keep('old', 'alice@example.com')
  await until(3 * HOUR, it)
  assert.deepEqual(
    it.taken().map(([to]) => to),
    ['alice@example.com'],
    'not before the first time after it began',
  )
  const text = it.sink.transactions[0]?.message.toString() ?? ''
  assert.match(text, /Subject: 1 message in quarantine/)
  assert.match(text, /^From: "Mail quarantine" <quarantine@example\.com>/)
  assert.equal(it.sink.commands.filter((line) => line.startsWith('MAIL'))[0]?.startsWith('MAIL FROM:<>'), true)
  await it.keep('new', ['alice@example.com', 'Bob@example.com', 'far@elsewhere.test'])
  await until(24 * HOUR, it)
  assert.deepEqual(
    it
      .taken()
      .slice(1)
      .map(([to]) => to)
      .toSorted(),
    ['alice@example.com', 'bob@example.com'],
  )
  const told = it.sink.transactions.slice(1).map(({ message }) => message.toString())
  assert.ok(told.every((one) => one.includes('Subject of new') && !one.includes('Subject of old')))
  await until(48 * HOUR, it)
  assert.equal(it.taken().length, 3)
})

test('an alias is told with its owner, and says to whom it was written', async (t) => {
  const it = await rig(t, { aliases: { 'sales@example.com': 'alice@example.com', '*@shop.test': 'alice@example.com' } })
  await it.digests.round(signal)
  await it.keep('1', 'alice@example.com')
  await it.keep('2', 'sales@example.com')
  await it.keep('3', 'any@shop.test')
  await until(2 * HOUR, it)
  assert.deepEqual(
    it.taken().map(([to]) => to),
    ['alice@example.com'],
  )
  const text = it.sink.transactions[0]?.message.toString() ?? ''
  assert.match(text, /3 messages for alice@example\.com/)
  assert.match(text, /To: +sales@example\.com/)
})

test('of many messages the newest are shown, and how many more there are', async (t) => {
  const it = await rig(t, { most: 5 })
  await it.digests.round(signal)
  for (let n = 0; n < 40; n++) {
    await it.keep(`n${n}`, 'alice@example.com')
    await it.clock.advance(1_000)
  }
  await until(2 * HOUR, it)
  const text = it.sink.transactions[0]?.message.toString().replaceAll('=\r\n', '') ?? ''
  assert.match(text, /40 messages for alice/)
  assert.match(text, /35 messages more are not shown here/)
  for (const shown of ['n39', 'n35']) assert.match(text, new RegExp(`Subject of ${shown}\\r`))
  assert.doesNotMatch(text, /Subject of n34\r/)
})

test('two processes make one round', async (t) => {
  const it = await rig(t)
  await it.digests.round(signal)
  for (let n = 0; n < 10; n++) await it.keep(`m${n}`, `user${n}@example.com`)
  await it.clock.advance(2 * HOUR)
  await Promise.all([it.digests.round(signal), it.another().round(signal)])
  await it.another().round(signal)
  assert.equal(it.taken().length, 10)
})

test('killed between handing in and writing down: that one comes again under the same Message-ID, no other does, none is lost', async (t) => {
  const it = await rig(t)
  await it.digests.round(signal)
  for (let n = 0; n < 6; n++) await it.keep(`m${n}`, `user${n}@example.com`)
  await it.clock.advance(2 * HOUR)
  let writes = 0
  const dying: Store = {
    ...it.store,
    set: async (key, value, ttl) => {
      // As kill -9 does: from the third on nothing is written down any more.
      if (key.startsWith('quarantine:digest:') && ++writes > 2) throw new Error('killed')
      await it.store.set(key, value, ttl)
    },
  }
  await assert.rejects(it.another(dying).round(signal), /killed/)
  const before = it.taken()
  assert.ok(before.length >= 3 && before.length <= 6)
  await it.digests.round(signal)
  const all = it.taken()
  assert.equal(new Set(all.map(([to]) => to)).size, 6, 'nobody is forgotten')
  assert.equal(new Set(all.map(([, id]) => id)).size, 6, 'what came twice is known by its Message-ID')
  assert.ok(all.length <= 6 + 4, 'no more than were under way')
  await it.digests.round(signal)
  assert.equal(it.taken().length, all.length)
})

test('a listener that refuses for now is asked again, after a while, and only for those who have none yet', async (t) => {
  let isBusy = true
  const it = await rig(
    t,
    {},
    {
      script: ({ verb, argument }) =>
        verb === 'RCPT' && isBusy && argument.includes('bob') ? '451 4.3.0 Later' : undefined,
    },
  )
  await it.digests.round(signal)
  await it.keep('1', ['alice@example.com', 'bob@example.com'])
  await it.clock.advance(2 * HOUR)
  await until(3 * MINUTE, it)
  assert.deepEqual(
    it.taken().map(([to]) => to),
    ['alice@example.com'],
  )
  assert.equal(it.sink.commands.filter((line) => line.startsWith('RCPT') && line.includes('bob')).length, 1, 'no storm')
  isBusy = false
  await until(10 * MINUTE, it)
  assert.deepEqual(
    it.taken().map(([to]) => to),
    ['alice@example.com', 'bob@example.com'],
  )
})

test('a recipient whom the listener does not take for good is not tried again', async (t) => {
  const it = await rig(t, {}, { script: ({ verb }) => (verb === 'RCPT' ? '550 5.1.1 Nobody' : undefined) })
  await it.digests.round(signal)
  await it.keep('1', 'alice@example.com')
  await until(6 * HOUR, it)
  assert.equal(it.sink.commands.filter((line) => line.startsWith('RCPT')).length, 1)
})

test('a digest that was quarantined itself, and what is too old, are told to nobody', async (t) => {
  const it = await rig(t)
  await it.digests.round(signal)
  await it.keep('own', 'alice@example.com', { isDigest: true })
  await it.keep('gone', 'alice@example.com', { expiresAt: it.clock.now() + MINUTE })
  await until(3 * HOUR, it)
  assert.deepEqual(it.taken(), [])
})

test('a clock that was set back makes no storm, and one that was set forth forgets nothing', async (t) => {
  const it = await rig(t)
  await until(2 * HOUR, it)
  await it.keep('1', 'alice@example.com')
  it.clock.step(-3 * 24 * HOUR)
  await until(10 * MINUTE, it)
  it.clock.step(5 * 24 * HOUR)
  await until(10 * MINUTE, it)
  assert.equal(it.taken().length, 1)
})

test('an operator looks without links that work, and sends without waiting; what was sent is not told again', async (t) => {
  const it = await rig(t)
  await it.digests.round(signal)
  await it.keep('1', 'alice@example.com')
  const shown = await it.digests.preview('alice@example.com', { signal })
  assert.equal(shown?.messages, 1)
  assert.match(shown?.text ?? '', /https:\/\/mail\.example\.com\/q\/…release\n/)
  assert.equal(await it.digests.preview('bob@elsewhere.test', { signal }), undefined)
  assert.equal(await it.digests.send('bob@elsewhere.test', { signal }), undefined)
  assert.deepEqual(
    await it.digests.send('alice@example.com', { signal }).then((sent) => [sent?.sent, sent?.messages]),
    [true, 1],
  )
  await it.clock.advance(3 * MINUTE)
  assert.deepEqual(await it.digests.send('Alice@example.com', { signal }).then((sent) => [sent?.sent, sent?.messages]), [true, 1], 'within a minute and a half it may come twice') // biome-ignore format: short
  assert.equal((await it.digests.preview('alice@example.com', { signal }))?.messages, 0)
  assert.equal((await it.digests.preview('alice@example.com', { all: true, signal }))?.messages, 1)
  const count = it.taken().length
  await until(2 * HOUR, it)
  assert.equal(it.taken().length, count)
})
