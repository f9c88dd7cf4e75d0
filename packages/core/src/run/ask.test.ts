/** The most severe opinion of the first wave that has one: whatever the clock says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accept, defer, type HookName, type MessageOpinion, reject, suspect } from '@postroad/plugin'
import { addressOf, ground, handler, wire } from '../fixture.test.ts'
import type { Handler } from '../plan/handler.ts'
import type { Decision } from '../policy/severity.ts'
import { FactStore } from '../session/fact-store.ts'
import { SessionState } from '../session/session.ts'
import { Transaction } from '../session/transaction.ts'
import { ask, askWave } from './ask.ts'
import { HookCall, NOTHING } from './call.ts'
import { opinions } from './check.ts'

const begin = (): Transaction =>
  new Transaction(new SessionState(ground().scope, wire()), addressOf('a@client.test'), {})

const callOf = (hook: 'mail' | 'data' | 'connect', caller: SessionState | Transaction = begin()) =>
  new HookCall(hook, caller, NOTHING)

/** Handlers that say so: at once, or (a promise) later. */
const saying = (plugin: string, answer: unknown, more: Partial<Handler> = {}) =>
  handler('mail', () => answer, { plugin, ...more })
const later = (turns: number, answer: unknown): Promise<unknown> =>
  turns === 0 ? Promise.resolve(answer) : Promise.resolve().then(() => later(turns - 1, answer))

const asMail = (waves: readonly (readonly Handler[])[]) => ask(waves, callOf('mail'), opinions)
const who = async (decision: ReturnType<typeof asMail>) => {
  const { plugin, opinion } = (await decision) ?? {}
  return `${plugin} ${opinion?.kind}`
}

test('the most severe opinion of a wave wins, of two alike the first', async () => {
  for (const soon of [true, false]) {
    const said = (plugin: string, opinion: MessageOpinion) => saying(plugin, soon ? opinion : later(0, opinion))
    assert.equal(await who(asMail([[said('a', accept()), said('b', reject('b')), said('c', defer('c'))]])), 'b reject')
    assert.equal(await who(asMail([[said('a', defer('a')), said('b', defer('b'))]])), 'a defer')
  }
})

test('who answers at once is waited for no turn', () => {
  assert.equal((asMail([[saying('a', reject('a'))]]) as Decision).plugin, 'a')
  assert.equal(asMail([[saying('a', undefined)], [saying('b', undefined)]]), undefined)
})

test('the second of two alike does not win by being faster', async () => {
  assert.equal(await who(asMail([[saying('a', later(9, defer('a'))), saying('b', later(0, defer('b')))]])), 'a defer')
  assert.equal(await who(asMail([[saying('a', later(9, defer('a'))), saying('b', defer('b'))]])), 'a defer')
  assert.equal(await who(asMail([[saying('a', defer('a')), saying('b', later(9, defer('b')))]])), 'a defer')
})

test('later waves are asked only when the earlier ones decided nothing', async () => {
  let asked = 0
  const counts = handler('mail', () => void asked++, { plugin: 'z' })
  for (const decides of [reject('a'), later(1, reject('a'))])
    assert.equal(await who(asMail([[saying('a', decides)], [counts]])), 'a reject')
  assert.equal(asked, 0)
  for (const passes of [undefined, later(1, undefined)]) {
    asked = 0
    assert.equal(await who(asMail([[saying('a', passes)], [counts], [saying('c', defer('c'))], [counts]])), 'c defer')
    assert.equal(asked, 1)
  }
})

test('all decisive opinions of a wave are there, in the order of the wave', async () => {
  const wave = [
    saying('a', later(3, [reject('1'), defer('2')])),
    saying('b', accept()),
    saying('c', later(0, defer('3'))),
  ]
  const list = await askWave(wave, callOf('mail'), opinions)
  assert.deepEqual(
    list?.map(({ plugin, opinion }) => `${plugin} ${opinion.kind}`),
    ['a reject', 'a defer', 'b accept', 'c defer'],
  )
  assert.equal(askWave([saying('a', undefined)], callOf('mail'), opinions), undefined)
  assert.equal(await askWave([saying('a', later(0, undefined))], callOf('mail'), opinions), undefined)
})

test('what is only observed is noted and not obeyed', () => {
  const transaction = begin()
  const call = callOf('mail', transaction)
  assert.equal(ask([[saying('a', [reject('no'), suspect(5, 'x')], { shadow: true })]], call, opinions), undefined)
  assert.deepEqual(
    transaction.decisions.entries.map(({ plugin, shadow, outcome }) => [plugin, shadow, outcome.kind]),
    [
      ['a', true, 'reject'],
      ['a', true, 'suspect'],
    ],
  )
  assert.equal(transaction.decisions.points, 0)
})

test('a failure that is worth something decides, one that is not is passed over', async () => {
  const fails = () => {
    throw new Error('x')
  }
  for (const run of [fails, async () => fails()]) {
    assert.equal(await who(asMail([[handler('mail', run, { onError: 'reject' })]])), 'p reject')
    assert.equal(await who(asMail([[handler('mail', run, { onError: 'pass' }), saying('b', defer('b'))]])), 'b defer')
    assert.equal(
      await who(asMail([[saying('b', defer('b')), handler('mail', run, { onError: 'reject' })]])),
      'p reject',
    )
    assert.equal(
      await who(asMail([[saying('b', reject('b')), handler('mail', run, { onError: 'defer' })]])),
      'b reject',
    )
  }
})

test('points belong to the connection, to the message, or to the one recipient', async () => {
  const give = [[saying('a', [suspect(2, 'x'), suspect(0.5, 'y')])], [saying('b', suspect(1, 'z'))]]
  const transaction = begin()
  const { session } = transaction
  await ask(give, callOf('connect', session), opinions)
  assert.equal(session.points, 3.5)
  await ask(give, new HookCall('helo', session, { helo: session.greet('h', true) }), opinions)
  assert.equal(session.points, 7)
  await ask(give, callOf('mail', transaction), opinions)
  assert.equal(transaction.decisions.points, 3.5)
  assert.equal(transaction.points, 10.5)
  const taken = { address: addressOf('b@x.test'), parameters: {}, route: { via: 'x' } }
  transaction.beginRecipient()
  const args = { recipient: taken.address, parameters: {}, recipientFacts: new FactStore() }
  await ask(give, new HookCall('rcpt', transaction, args), opinions)
  transaction.accept(taken)
  assert.equal(transaction.pointsOf(taken), 3.5)
  assert.equal(transaction.decisions.points, 3.5)
})

test('points for a name that the client no longer has count for nothing', async () => {
  const { session } = begin()
  session.greet('now', true)
  const call = new HookCall('helo', session, { helo: { name: 'before', extended: true } })
  assert.equal(await ask([[saying('a', suspect(2, 'x'))]], call, opinions), undefined)
  assert.equal(session.points, 0)
})

test('without a session or a transaction points are nobody’s', () => {
  const { scope } = ground()
  const of = (hook: HookName) => new HookCall(hook, { scope, lifetime: scope.lifetime }, NOTHING as never) // none of these reads its arguments
  for (const hook of ['connect', 'helo', 'mail'] as const)
    assert.equal(ask([[saying('a', suspect(2, 'x'))]], of(hook), opinions), undefined)
})

test('who reads a fact waits for those who may still provide it, and nobody else does', async () => {
  const transaction = begin()
  const { session } = transaction
  let finish = (): void => undefined
  session.delayed.begin(
    'helo',
    new Promise<void>((resolve) => {
      finish = resolve
    }),
  )
  const order: string[] = []
  const says = (plugin: string, awaits: Handler['awaits']) =>
    handler('mail', () => void order.push(plugin), { plugin, awaits })
  const decision = ask(
    [[says('waits', ['helo']), says('other', ['connect']), says('free', [])]],
    callOf('mail', transaction),
    opinions,
  )
  assert.deepEqual(order, ['other', 'free'])
  finish()
  await decision
  assert.deepEqual(order, ['other', 'free', 'waits'])
})
