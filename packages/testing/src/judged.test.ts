/** Plugins as a filter that another server asks: what is to be seen there, and what is said to whoever looks in the wrong place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definePlugin, discard, type Hooks, quarantine, reject, rewrite } from '@postroad/plugin'
import { sameAsFilter } from './both-roles.ts'
import { runCase } from './case.ts'
import type { Expectation } from './expectation.ts'
import { contractTests } from './plugin-contract.ts'
import { session, sessionOn, sessionWith } from './session.ts'
import type { SessionScript } from './session-script.ts'
import { testDialogue } from './test-dialogue.ts'
import { type PluginCase, testPlugin } from './test-plugin.ts'
import { createTestServer } from './test-server.ts'

const plugin = (hooks: Hooks) => definePlugin({ name: 'judge', hooks })
const data = 'From: a@b.test\nSubject: one\nX-Old: 1\nX-Old: 2\n\nbody\n'

function attempt(
  hooks: Hooks,
  expected: Expectation,
  { protocol = 'milter' as 'smtp' | 'milter' | 'policy', ...script }: SessionScript & { protocol?: string } = {},
): Promise<void> {
  const surroundings = { protocol: protocol as 'smtp' | 'milter' | 'policy' } // one of them
  const parts = { make: plugin(hooks), surroundings, earlier: [], wait: 0, session: { data, ...script }, expected }
  return runCase(parts)
}

const editor: Hooks = {
  rewrite: async ({ message, envelope }) =>
    rewrite({
      message: (await message.withBody([Buffer.from('other\r\n')])).withHeader('X-New', 'y').withoutHeader('X-Old'),
      from: null,
      remove: envelope.recipients.slice(1).map(({ address }) => address),
    }),
}
const two = { rcpt: ['a@mx.test', 'b@mx.test'] }

test('edits and envelope are shown as they came out, and outcomes with their reason', async () => {
  const edits = ['X-New: y', '-X-Old', '-X-Old', 'another body']
  const envelope = { from: '<>', remove: ['b@mx.test'] }
  await attempt(editor, { accepted: true, outcome: 'pass', edits, envelope }, two)
  await attempt(editor, { edits: [/^X-New/, '-X-Old', /Old/, /body/] }, two)
  await attempt({ rewrite: ({ message }) => message.withHeader('Subject', 'two') }, { envelope: {} })
  await attempt({}, { outcome: 'pass', edits: [], envelope: {} })
  await attempt({ message: () => quarantine('odd') }, { accepted: true, outcome: 'quarantine', quarantined: /^odd$/ })
  await attempt({ message: () => discard('bulk') }, { accepted: true, outcome: 'discard' })
  await attempt({ message: () => reject('No') }, { refused: '5.7.1', at: 'message', outcome: 'refuse' })
  await attempt({ data: () => reject('No') }, { refused: '5.7.1', at: 'data' }, { protocol: 'policy' })
  await attempt({}, { accepted: true, outcome: 'pass', edits: [], envelope: {} }, { protocol: 'policy' })
})

test('the octets of another body are kept, and sessions say what the table says', async () => {
  const { judgements, delivered } = await sessionWith({ protocol: 'milter' }, plugin(editor)())
    .rcpt('a@mx.test')
    .rcpt('b@mx.test')
    .data(data)
    .expectAccepted()
    .expectOutcome('pass')
    .expectEdits('X-New: y', '-X-Old', '-X-Old', 'another body')
    .expectEnvelope({ from: '<>', remove: ['b@mx.test'] })
  assert.equal(String(judgements[0]?.body), 'other\r\n')
  assert.deepEqual(delivered, [])
  await sessionWith({ protocol: 'milter' }, plugin({ message: () => quarantine('odd one') })())
    .data()
    .expectQuarantined(/odd/)
    .expectOutcome('quarantine', /^odd one$/)
})

test('who logged in is what the server in charge says, from MAIL on, and nobody is asked', async () => {
  const seen: unknown[] = []
  const hooks: Hooks = {
    helo: ({ session }) => void seen.push(session.identity?.name),
    mail: ({ session }) => void seen.push(session.identity?.name, session.role, session.protocol),
  }
  const login = { username: 'ann', password: 'x' }
  await attempt(hooks, { outcome: 'pass' }, { auth: login })
  await sessionWith({ protocol: 'policy' }, plugin(hooks)()).auth(login).data().expectOutcome('pass')
  assert.deepEqual(seen, [undefined, 'ann', 'filter', 'milter', undefined, 'ann', 'filter', 'policy'])
})

const fails = (run: PromiseLike<unknown>, sentence: RegExp) =>
  assert.rejects(
    () => Promise.resolve(run),
    (error: Error) => {
      assert.match(error.message, sentence)
      return true
    },
  )

test('what is not as expected is shown', async () => {
  await fails(attempt({ message: () => reject('No') }, { outcome: 'pass' }), /the outcome, refuse: 550 5\.7\.1 No/)
  await fails(attempt(editor, { edits: ['X-New: y'] }), /the edits of the message/)
  await fails(attempt(editor, { envelope: {} }), /the edits of the envelope/)
  await fails(attempt({ mail: () => reject('No') }, { outcome: 'pass' }), /did not come to its data; .*550 5\.7\.1 No/)
})

test('the judgement of another session is nobody’s', async () => {
  const picky: Hooks = { rcpt: ({ envelope }) => (envelope.from?.local === 'no' ? reject('No') : undefined) }
  const make = plugin(picky)
  const parts = { make, surroundings: { protocol: 'milter' as const }, earlier: [{ data }], wait: 0 }
  const none = /nothing was judged: the session did not come to its data; .*550 5\.7\.1 No/
  await fails(runCase({ ...parts, session: { mail: 'no@x.test', data }, expected: { outcome: 'pass' } }), none)
  const server = await createTestServer([make()], { protocol: 'milter' })
  await sessionOn(server).data(data).expectOutcome('pass')
  await fails(sessionOn(server).mail('no@x.test').data(data).expectOutcome('pass'), none)
  await fails(sessionOn(server).data(data).mail('no@x.test').data(data).expectOutcome('pass'), none)
  await server.close()
})

test('whoever looks in the wrong place is told where to look', async () => {
  const nothing = /nothing is routed, delivered or set aside .*protocol: 'milter'.*: expect the outcome, the edits or/
  await fails(attempt({}, { delivered: true }), nothing)
  await fails(attempt({}, { headers: { Subject: 'one' } }), nothing)
  await fails(attempt({}, { route: { via: 'x' } }), nothing)
  await fails(attempt({}, { outcome: 'pass' }, { protocol: 'smtp' }), /speaks smtp takes mail.*protocol: 'milter'/)
  await fails(sessionWith({ protocol: 'milter' }).data().expectDelivered(), nothing)
  await fails(session().data().expectOutcome('pass'), /speaks smtp takes mail/)
  await fails(sessionWith({ protocol: 'milter' }).command('VRFY a'), /"VRFY a" is answered by the server that takes/)
  await fails(attempt({}, { accepted: true }, { command: 'VRFY a' }), /"VRFY a" is answered by the server that takes/)
  await fails(attempt({ message: () => undefined }, { outcome: 'pass' }, { protocol: 'policy' }), /has no message/)
  const file = new URL('file:///x.smtp')
  assert.throws(() => testDialogue(file, [], { protocol: 'milter' }), /SMTP or LMTP, not milter/)
  const table = (one: object) => testPlugin(plugin({}), [{ name: 'a', data: 'x', ...one } as PluginCase<never>])
  assert.throws(() => table({ expect: { edits: [] } }), /expects "edits": a server that speaks smtp takes mail/)
  assert.throws(() => table({ protocol: 'milter', expect: { headers: {} } }), /expects "headers": nothing is routed/)
  assert.throws(() => table({ protocol: 'policy', command: 'NOOP', expect: { accepted: true } }), /sends "NOOP"/)
})

test('a row of a table is held as a filter, too, with the sessions before it', async () => {
  const row = (hooks: Hooks, more: { earlier?: SessionScript[] } = {}) =>
    sameAsFilter({
      make: plugin(hooks),
      surroundings: {},
      earlier: more.earlier ?? [],
      wait: 0,
      session: { rcpt: 'b@mx.test', data },
      expected: { accepted: true },
    })
  await row({ rcpt: () => reject('No'), message: () => reject('No') })
  await fails(row({ message: ({ session }) => (session.role === 'mta' ? reject('No') : undefined) }), /does not refuse/)
  // Each connection of a session is another one: only what the plugin kept tells it.
  let seen = 0
  const second: Hooks = {
    mail: ({ session }) => {
      seen++
      return session.role === 'filter' && seen % 2 === 0 ? reject('Again') : undefined
    },
  }
  await fails(row(second, { earlier: [{ rcpt: 'a@mx.test' }] }), /550 5\.7\.1 Again \(at \w+\) in place of no refusal/)
})

test('the contract names both answers of a plugin that looks at its role, and leaves alone who takes mail', async () => {
  const clause = (hooks: Hooks) =>
    contractTests(plugin(hooks)).get('where another server takes the mail: the same refusals')
  const text = ({ session }: { session: { role: string } }) => reject(`No ${session.role}`)
  for (const hooks of [{ rcpt: text }, { message: text }] as Hooks[])
    await fails(
      clause(hooks)?.() ?? assert.fail(),
      /\(protocol: 'milter'\) the plugin does not refuse .*: 550 5\.7\.1 No filter \(at \w+\) in place of 550 5\.7\.1 No mta \(at \w+\)\. Judge at/,
    )
  const onlyPolicy: Hooks = { rcpt: ({ session }) => (session.protocol === 'policy' ? reject('No') : undefined) }
  await fails(clause(onlyPolicy)?.() ?? assert.fail(), /\(protocol: 'policy'\) .* in place of no refusal/)
  await clause({ rcpt: () => reject('No'), message: () => reject('No') })?.()
  await clause({ rcpt: text, route: () => ({ via: 'x' }) })?.()
  let calls = 0
  await clause({ mail: () => (calls++ % 3 === 0 ? reject('Now and then') : undefined) })?.()
  await fails(
    clause({ mail: ({ session }) => assert.ok(session.role === 'mta', 'mta only') })?.() ?? assert.fail(),
    /judge\.mail failed: mta only/,
  )
})
