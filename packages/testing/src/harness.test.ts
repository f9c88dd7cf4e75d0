/** The harness polices and teaches: each way to do wrong fails, with the sentence that says what to do. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync, watch } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { defineFact, definePlugin, type Hooks, reject, Store, suspect } from '@postroad/plugin'
import { z } from 'zod'
import { runCase } from './case.ts'
import type { Expectation } from './expectation.ts'
import { contractTests } from './plugin-contract.ts'
import type { SessionScript } from './session-script.ts'
import { type Factory, type PluginCase, testPlugin } from './test-plugin.ts'

const colour = defineFact<string>('colour')

function attempt(
  hooks: Hooks,
  expected: Expectation = { accepted: true },
  session: SessionScript = { data: 'Subject: x\n\nx\n' },
): Promise<void> {
  const make = definePlugin({ name: 'bad', hooks })
  return runCase({ make, surroundings: { patience: 50 }, earlier: [], wait: 0, session, expected })
}

const WRONGS: readonly (readonly [name: string, hooks: Hooks, sentence: RegExp])[] = [
  [
    'a field of the context is written',
    { mail: (context) => void Object.assign(context, { x: 1 }) },
    /bad\.mail changes x, which is frozen: answer with an opinion/,
  ],
  [
    'something within the context is written',
    { message: ({ envelope }) => void (envelope.recipients as unknown[]).push('more') },
    /bad\.message changes envelope\.recipients\.\w+, which is frozen/,
  ],
  [
    'the session is written',
    { rcpt: ({ session }) => void Object.assign(session, { seen: true }) },
    /bad\.rcpt changes session\.seen/,
  ],
  [
    'a fact is set without declaration',
    { mail: ({ set }) => set(colour, 'red') },
    /bad\.mail sets the fact "colour" without declaring it: add `provides: \[fact\]`/,
  ],
  [
    'a fact is read without waiting for it',
    { mail: { provides: [colour], handler: ({ set }) => set(colour, 'red') }, rcpt: ({ get }) => void get(colour) },
    /bad\.rcpt gets the fact "colour" without waiting for it: declare `after: \[fact\]`/,
  ],
  [
    'an answer is a boolean',
    { mail: (() => true) as never },
    /bad\.mail answered true, which is no opinion: return one of accept\(\), reject\(\), defer\(\), suspect\(\)/,
  ],
  [
    'an answer is made by hand, misspelt',
    { mail: (() => ({ ...reject('no'), statsu: 'x' })) as never },
    /the key "statsu", which nobody reads/,
  ],
  [
    'quarantine is answered at mail',
    { mail: (() => ({ kind: 'quarantine', reason: 'x' })) as never },
    /which is no opinion/,
  ],
  ['a text is not ASCII', { message: () => reject('Grüße') }, /only printable ASCII can be sent/],
  ['a text is long', { message: () => reject('x'.repeat(451)) }, /more than 450 octets/],
  ['what has happened is answered', { accepted: (() => reject('too late')) as never }, /nobody hears it/],
  [
    'who only observes answers',
    { mail: { observes: true, handler: () => reject('no') } },
    /bad\.mail answers, and says beside the handler that it only observes/,
  ],
  [
    'a route is no route',
    { route: (() => 'smtp') as never },
    /bad\.route answered "smtp": return a route, or a refusal/,
  ],
]

for (const [name, hooks, sentence] of WRONGS)
  test(`fails when ${name}`, () => assert.rejects(attempt(hooks, { failure: /|/, check: () => undefined }), sentence))

/** Opens something and gives what closes it. */
type Opening = () => Promise<() => unknown> | (() => unknown)

const LEFT: readonly (readonly [what: string, open: Opening, sentence: RegExp])[] = [
  [
    'a timer',
    () => {
      const timer = setInterval(() => undefined, 1_000).unref()
      return () => clearInterval(timer)
    },
    /a timer opened .*harness\.test\.ts:\d+.* is still there: end it in `close`, or when `signal` fires\./,
  ],
  [
    'a server',
    async () => {
      const server = createServer().listen(0, '127.0.0.1').unref()
      await once(server, 'listening')
      return () => server.close()
    },
    /a listening socket opened .*harness\.test\.ts:\d+.* is still there: end it in `close`/,
  ],
  [
    'a socket',
    () => {
      const socket = createSocket('udp4').unref()
      return () => socket.close()
    },
    /a UDP socket opened .*harness\.test\.ts:\d+.* is still there: end it in `close`/,
  ],
  [
    'a child process',
    () => {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
      child.unref()
      return () => child.kill()
    },
    /a child process opened .*harness\.test\.ts:\d+.* is still there: end it in `close`/,
  ],
  [
    'a watcher',
    () => {
      const watcher = watch(import.meta.dirname, { persistent: false })
      return () => watcher.close()
    },
    /a file watcher opened .*harness\.test\.ts:\d+.* is still there: end it in `close`/,
  ],
  [
    'a file',
    () => {
      const descriptor = openSync(import.meta.filename, 'r')
      return () => closeSync(descriptor)
    },
    /the file .*harness\.test\.ts is still open: close it in `close`\./,
  ],
]

for (const [what, open, sentence] of LEFT)
  test(`fails when ${what} is left behind, and says which`, async () => {
    let close: () => unknown = () => undefined
    const hooks: Hooks = {
      mail: async () => {
        close = await open()
      },
    }
    await assert.rejects(attempt(hooks), sentence)
    await close()
  })

test('fails when a plugin fails and nobody expected it, and passes when it was expected', async () => {
  const hooks: Hooks = {
    mail: () => {
      throw new Error('out of ink')
    },
  }
  await assert.rejects(attempt(hooks, { refused: '4.3.0', at: 'mail' }), /bad\.mail failed: out of ink/)
  await attempt(hooks, { refused: '4.3.0', at: 'mail', failure: /out of ink/ })
})

test('expectations: refusal, place, points, facts, fields, quarantine, route', async () => {
  await assert.rejects(attempt({ rcpt: () => reject('no') }, { refused: true }), /refused at rcpt, not at message/)
  await assert.rejects(attempt({ mail: () => undefined }, { refused: '5.7.1' }), /expected a refusal, got 250/)
  await attempt({ mail: () => suspect(1.5, 'a'), rcpt: () => [suspect(1, 'b')] }, { points: 2.5 })
  await assert.rejects(attempt({ mail: () => suspect(1, 'a') }, { points: 2 }), /the sum of suspect/)
  await attempt(
    { mail: { provides: [colour], handler: ({ set }) => set(colour, 'red') } },
    { facts: { colour: 'red', size: undefined } },
  )
  await attempt(
    { rewrite: ({ message }) => message.withHeader('X-Seen', 'yes') },
    { headers: { 'x-seen': 'yes', 'x-other': undefined }, delivered: true },
  )
  await assert.rejects(attempt({}, { quarantined: /x/ }), /nothing was quarantined/)
  await attempt({ message: () => ({ kind: 'quarantine', reason: 'odd' }) }, { quarantined: /odd/, delivered: false })
  await attempt({ route: () => ({ via: 'lmtp', host: 'a.test' }) }, { route: { host: 'a.test' } }, { rcpt: 'a@b.test' })
  await assert.rejects(attempt({}, { route: { via: 'lmtp' } }, { rcpt: 'a@b.test' }), /the route’s via/)
})

test('identity survives the watch: an opinion about one recipient reaches that recipient', async () => {
  const make = definePlugin({
    name: 'one',
    hooks: {
      message: ({ envelope }) =>
        reject('not you', { for: envelope.recipients.slice(0, 1).map(({ address }) => address) }),
    },
  })
  const session = { rcpt: ['a@mx.test', 'b@mx.test'], data: 'x\n' }
  await runCase({
    make,
    surroundings: { protocol: 'lmtp' },
    earlier: [],
    wait: 0,
    session,
    expected: { codes: [550, 250] },
  })
})

test('tables that ask nothing, twice, or with unknown keys are refused before anything runs', () => {
  const factory = definePlugin({ name: 'x', hooks: {} })
  const table = (...cases: unknown[]) => testPlugin(factory, cases as PluginCase<never>[])
  assert.throws(() => table(), /the table is empty/)
  assert.throws(() => table({ name: 'a', data: 'x' }), /"a" expects nothing/)
  assert.throws(() => table({ name: 'a', expect: {} }), /"a" expects nothing/)
  assert.throws(() => table({ name: 'a', expect: 'fine' }), /expects "fine": write 'accepted'/)
  assert.throws(() => table({ name: '', expect: 'accepted' }), /has no name/)
  assert.throws(() => table({ name: 'a', sender: 'x', expect: 'accepted' }), /the key "sender", which nobody reads/)
  assert.throws(() => table({ name: 'a', expect: { ponits: 1 } }), /the key "ponits", which nobody reads/)
  assert.throws(() => table({ name: 'a', expect: { accepted: true, refused: true } }), /acceptance and refusal/)
  assert.throws(
    () => table({ name: 'a', mail: 'x@y', expect: 'accepted' }, { name: 'b', mail: 'x@y', expect: '5.7.1' }),
    /"a" and "b" are the same/,
  )
})

function contract<A extends readonly unknown[]>(name: RegExp, factory: Factory<A>): Promise<void> {
  const [, run] = [...contractTests(factory, { patience: 50 })].find(([title]) => name.test(title)) ?? []
  assert.ok(run, String(name))
  return run()
}

test('the contract finds a handler that goes on after its signal fired, and names what it waits for', async () => {
  const deaf = definePlugin({
    name: 'deaf',
    needs: { store: Store },
    setup: ({ store }) => ({ mail: async () => void (await store.get('x')) }),
  })
  await assert.rejects(
    contract(/never answers/, deaf),
    /deaf\.mail goes on after its signal fired: hand `signal` to everything.* It waits for store\.get/s,
  )
  const heedful = definePlugin({
    name: 'heedful',
    needs: { store: Store },
    setup: ({ store }) => ({ mail: async ({ signal }) => void (await store.get('x', signal)) }),
  })
  await contract(/never answers/, heedful)
})

test('the contract finds a handler that goes on after the client is gone', async () => {
  const slow = definePlugin({
    name: 'slow',
    hooks: { rcpt: async () => void (await later(400, undefined, { ref: false })) },
  })
  await assert.rejects(contract(/vanishes/, slow), /slow\.rcpt goes on after its signal fired/)
})

test('the contract finds a refusal for good where a service failed', async () => {
  const harsh = definePlugin({
    name: 'harsh',
    needs: { store: Store },
    setup: ({ store }) => ({
      mail: ({ signal }) =>
        store.get('x', signal).then(
          () => undefined,
          () => reject('no store'),
        ),
    }),
  })
  await assert.rejects(contract(/^store fails/, harsh), /without store the plugin refuses for good \(550 at mail\)/)
})

test('the contract finds background work that begins in setup, and options that nobody reads', async () => {
  let timer: NodeJS.Timeout | undefined
  const eager = definePlugin({
    name: 'eager',
    options: z.object({}),
    setup: () => {
      timer = setInterval(() => undefined, 1_000).unref()
      return {}
    },
  })
  await assert.rejects(contract(/postroad check/, eager), /Background work begins in `start`/)
  clearInterval(timer)
  await assert.rejects(contract(/unknown option/, eager), /takes options that nobody reads: use z\.strictObject/)
  clearInterval(timer)
})
