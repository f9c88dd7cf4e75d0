/** What every plugin must stand, whatever it does: odd mail, clients that vanish, services that fail, being closed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { HookName, Plugin } from '@postroad/plugin'
import { rolesFor, sameRefusals } from './both-roles.ts'
import { type Surroundings, used } from './case.ts'
import { failuresOf } from './failure.ts'
import { faulty, type ServiceFault } from './faulty-service.ts'
import { watchLeaks } from './leak.ts'
import { type Said, SessionClient, type SessionScript } from './session-script.ts'
import type { Factory } from './test-plugin.ts'
import { createTestServer, type TestServer } from './test-server.ts'
import { Watch } from './watch.ts'

/** How the contract is held against a plugin. */
export interface PluginContractOptions<O = unknown> extends Surroundings {
  /** Of the plugin, when it needs any. */
  readonly options?: O
  /** A session that reaches the plugin's hooks. Default: a small message from an ordinary client. */
  readonly session?: SessionScript
  /** Octets of the large message. Default 50 MiB. */
  readonly large?: number
  /** Services, as the plugin names them in `needs`, whose failure may be a permanent refusal. Default: none. */
  readonly mayRefuse?: readonly string[]
}

interface Terms extends PluginContractOptions {
  make(): Plugin
  readonly session: SessionScript
}

const ORDINARY: SessionScript = { data: { From: 'a@client.test', To: 'b@mx.test', Subject: 'Minutes' } }
const ODD: Readonly<Record<string, SessionScript>> = {
  'RFC 5321 §4.5.5: the null reverse-path': { mail: '<>' },
  'RFC 6531: addresses outside ASCII': {
    mail: { path: 'jörg@bücher.test', smtputf8: true },
    rcpt: '用户@mx.test',
    data: { From: 'jörg@bücher.test', Subject: 'Grüße' },
  },
  'RFC 5321 §4.1.3: address literals': {
    from: '2001:db8::7',
    helo: '[IPv6:2001:db8::7]',
    mail: 'a@[192.0.2.7]',
    rcpt: 'b@[IPv6:2001:db8::25]',
  },
  'RFC 5321 §2.3.5: the bare postmaster': { rcpt: 'postmaster' },
  'names that are properties of objects': {
    helo: 'constructor',
    mail: '__proto__@constructor',
    rcpt: '__proto__@constructor',
    data: '__proto__: x\n\nx\n',
  },
  'quoted local parts': { mail: '"a b@c"@client.test', rcpt: '"\\"x\\" <y>"@mx.test' },
  'an empty message': { data: '' },
  'a message without a header section': { data: '\nonly a body\n' },
  'a message without a body': { data: 'Subject: x\n' },
  'octets that are no text': {
    data: Uint8Array.from({ length: 4_096 }, (_, i) => (i * 7) % 256).filter((octet) => octet !== 10 && octet !== 13),
  },
}
/** Hooks from which on the content of a message matters. */
const CONTENT: readonly HookName[] = ['receive', 'message', 'rewrite', 'quarantine', 'queue', 'accepted']
const LARGE = 52_428_800
/** Milliseconds a handler gets in the tests of slow services. */
const SHORT = 40

/**
 * Registers the tests of the contract every plugin must keep.
 *
 * @example pluginContract(greylist, { options: { delay: 60_000 } })
 */
export function pluginContract<A extends readonly unknown[]>(
  factory: Factory<A>,
  options: PluginContractOptions<A[0]> = {},
): void {
  describe(`plugin contract: ${factory.pluginName}`, () => {
    for (const [name, run] of contractTests(factory, options)) test(name, run)
  })
}

/** The tests of the contract, by name. */
export function contractTests<A extends readonly unknown[]>(
  factory: Factory<A>,
  options: PluginContractOptions<A[0]> = {},
): ReadonlyMap<string, () => Promise<void>> {
  // `as`: the factory's own options, or none where all of them have defaults.
  const make = (): Plugin => factory(...((options.options === undefined ? [] : [options.options]) as unknown as A))
  const terms: Terms = { ...options, make, session: { ...ORDINARY, ...options.session } }
  const needs = Object.entries(make().needs).filter(([, { name }]) => name !== 'clock')
  return new Map<string, () => Promise<void>>([
    ...Object.entries(ODD).map(([name, odd]) => [`${name}: nothing fails`, () => standsOdd(terms, odd)] as const),
    ['a large message passes through', () => standsLarge(terms)],
    ['where another server takes the mail: the same refusals', () => saysTheSame(terms)],
    ['two sessions at once', () => standsTwo(terms)],
    ['a client that vanishes, inside every hook', () => standsVanishing(terms)],
    ...needs.flatMap(([key, { name }]) => [
      [
        `${name} fails: every client gets an answer, and no refusal for good`,
        () => standsFault(terms, key, 'failing'),
      ] as const,
      [`${name} never answers: nothing goes on after its time`, () => standsFault(terms, key, 'slow')] as const,
    ]),
    ['an unknown option is a mistake', () => refusesUnknownOption(terms)],
    ['set up, started, closed: nothing is left behind', () => leavesNothing(terms, true)],
    ['set up for `postroad check`, never started: nothing is left behind', () => leavesNothing(terms, false)],
    ['a reload: the old and the new one live at the same time', () => reloads(terms)],
  ])
}

/** Runs `use` on a server with the plugin, and checks afterwards that it did nothing it must not. */
async function onServer(terms: Terms, use: (server: TestServer, watch: Watch) => Promise<void>): Promise<void> {
  const watch = new Watch(terms.patience)
  const server = await createTestServer(used({ make: terms.make, surroundings: terms }, watch), terms)
  try {
    await use(server, watch)
    await watch.settled()
    assert.deepEqual(watch.violations, [])
  } finally {
    await server.close()
  }
}

async function play(server: TestServer, what: SessionScript): Promise<readonly Said[]> {
  const said = await new SessionClient(server, what).run()
  assert.ok(said.length > 0, 'the client got no answer')
  return said
}

function standsOdd(terms: Terms, odd: SessionScript): Promise<void> {
  return onServer(terms, async (server) => {
    await play(server, { ...terms.session, ...odd })
    assert.deepEqual(failuresOf(server), [])
  })
}

/** Every session in both roles; where no content is seen only what the envelope decides. */
async function saysTheSame(terms: Terms): Promise<void> {
  if (terms.protocol !== undefined && terms.protocol !== 'smtp') return
  const play = { make: terms.make, surroundings: terms }
  const sessions = [{}, ...Object.values(ODD)].map((odd) => ({ ...terms.session, ...odd }))
  for (const asked of await rolesFor(play)) {
    const shown = asked === 'milter' ? sessions : sessions.map((one) => ({ ...one, data: ORDINARY.data ?? '' }))
    for (const session of distinct(shown)) await sameRefusals(play, session, asked)
  }
}

function distinct(sessions: readonly SessionScript[]): readonly SessionScript[] {
  return sessions.filter((one, index) => !sessions.slice(0, index).some((other) => isDeepStrictEqual(one, other)))
}

function standsLarge(terms: Terms): Promise<void> {
  return onServer(terms, async (server, watch) => {
    const hooks = new Set<HookName>()
    watch.onCall = (hook) => void hooks.add(hook)
    await play(server, terms.session)
    // To a plugin that never sees the content its size is nothing.
    if (CONTENT.some((hook) => hooks.has(hook)))
      await play(server, { ...terms.session, data: large(terms.large ?? LARGE) })
    assert.deepEqual(failuresOf(server), [])
  })
}

function* large(size: number): Generator<Uint8Array> {
  yield Buffer.from('Subject: large\r\n\r\n')
  const line = Buffer.from(`${'x'.repeat(76)}\r\n`.repeat(840))
  for (let sent = 0; sent < size; sent += line.length) yield line
}

function standsTwo(terms: Terms): Promise<void> {
  return onServer(terms, async (server) => {
    const others = { from: '198.51.100.8', mail: 'other@client.test', rcpt: 'other@mx.test' }
    await Promise.all([play(server, terms.session), play(server, { ...terms.session, ...others })])
    assert.deepEqual(failuresOf(server), [])
  })
}

async function standsVanishing(terms: Terms): Promise<void> {
  const reached = new Set<HookName>()
  await onServer(terms, async (server, watch) => {
    watch.onCall = (hook) => void reached.add(hook)
    await play(server, terms.session)
  })
  for (const hook of reached) await onServer(terms, (server, watch) => vanishes({ hook, server, watch }, terms.session))
}

async function vanishes(
  { hook, server, watch }: { readonly hook: HookName; readonly server: TestServer; readonly watch: Watch },
  what: SessionScript,
) {
  const client = new SessionClient(server, what)
  watch.onCall = (now) => now === hook && client.hangUp()
  await client.run()
  await turn()
  watch.onCall = undefined
  await watch.settled()
  assert.deepEqual([...watch.violations, ...failuresOf(server)], [], `after the client vanished at ${hook}`)
  await play(server, { ...what, from: '198.51.100.9' })
}

async function standsFault(terms: Terms, key: string, fault: ServiceFault): Promise<void> {
  const broken = (): Plugin => {
    const plugin = terms.make()
    // `as`: the plugin's own service, whatever it is.
    return {
      ...plugin,
      setup: (context) => plugin.setup({ ...context, [key]: faulty(context[key] as object, key, fault) }),
    }
  }
  const healthy = await outcome(terms)
  const use = { ...terms.use, timeout: SHORT }
  await onServer({ ...terms, make: broken, use }, async (server) => {
    const said = await play(server, terms.session)
    const refusal = said.find(({ reply }) => reply.code >= 500)
    const isNew = refusal && !healthy.some(({ at, reply }) => at === refusal.at && reply.code >= 500)
    assert.ok(
      !isNew || terms.mayRefuse?.includes(key) || terms.use?.onError === 'reject',
      `without ${key} the plugin refuses for good (${refusal?.reply.code} at ${refusal?.at}): the mail would be lost for a fault of ours; defer(), or let it throw`,
    )
  })
}

async function outcome(terms: Terms): Promise<readonly Said[]> {
  let said: readonly Said[] = []
  await onServer(terms, async (server) => {
    said = await play(server, terms.session)
    assert.deepEqual(failuresOf(server), [])
  })
  return said
}

async function refusesUnknownOption(terms: Terms): Promise<void> {
  const plugin = terms.make()
  if (!plugin.schema) return
  const options = { ...(plugin.options as object), 'no-such-option': 1 } // options are objects, their schema says which
  const attempt = createTestServer([...(terms.with ?? []), { ...plugin, options }], terms).then((server) =>
    server.close(),
  )
  await assert.rejects(
    attempt,
    /no-such-option/,
    `${plugin.name} takes options that nobody reads: use z.strictObject for them`,
  )
}

async function leavesNothing(terms: Terms, isStarted: boolean): Promise<void> {
  const leaks = watchLeaks(terms.patience)
  let left: readonly string[] = []
  try {
    const watch = new Watch()
    const server = await createTestServer(used({ make: terms.make, surroundings: terms }, watch), {
      ...terms,
      start: isStarted,
    })
    await turn()
    await server.close()
  } finally {
    left = await leaks.end()
  }
  const advice = isStarted ? '' : ' Background work begins in `start`, not in `setup`.'
  assert.deepEqual(left, [], `something is left behind.${advice}`)
}

async function reloads(terms: Terms): Promise<void> {
  await onServer(terms, async (server) => {
    await play(server, terms.session)
    const other = await createTestServer(used({ make: terms.make, surroundings: terms }, new Watch()), {
      ...terms,
      clock: server.clock,
    })
    await play(other, terms.session)
    await other.close()
    assert.deepEqual([...failuresOf(server), ...failuresOf(other)], [])
  })
}
