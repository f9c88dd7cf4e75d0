/** What a handler may read and set, and what a call notes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { accept, type DeliveryContext, defineFact, reject } from '@postroad/plugin'
import { addressOf, ground, handler, NOW, wire } from '../fixture.test.ts'
import { FactStore } from '../session/fact-store.ts'
import { SessionState } from '../session/session.ts'
import { Transaction } from '../session/transaction.ts'
import { HookCall, NOTHING } from './call.ts'
import { DeliveryRunContext, RunContext } from './context.ts'

const A = addressOf('a@x.test')
const OVER = new Error('over')

function begin() {
  const made = ground()
  const session = new SessionState(made.scope, wire())
  const transaction = new Transaction(session, addressOf('from@client.test'), { size: 9 })
  return { ...made, session, transaction }
}

test('a context has what session, transaction and arguments have', () => {
  const { session, transaction, scope } = begin()
  session.greet('h', true)
  session.addPoints('connect', 1)
  session.addPoints('helo', 2)
  transaction.decisions.addPoints(4)
  const empty = new RunContext(
    new HookCall('mail', transaction, NOTHING),
    handler('mail', () => undefined),
  )
  assert.deepEqual(
    [empty.session, empty.helo, empty.envelope, empty.parameters, empty.points],
    [session.view, session.helo, transaction.envelope, { size: 9 }, 7],
  )
  assert.equal(empty.now(), NOW)
  assert.equal(empty.log, scope.log)
  const { recipient, recipients, route, message, deliveries, reason, receipt, attempt, verb, argument, hook, plugin, refusal } = empty
  const none = [recipient, recipients, route, message, deliveries, reason, receipt, attempt, verb, argument, hook, plugin, refusal]
  assert.deepEqual(none, Array(13).fill(undefined))

  const args = {
    helo: { name: 'i', extended: false },
    recipient: A,
    parameters: { notify: [] },
    route: { via: 'x' },
    message: messageFromBytes(Buffer.from('\r\n')),
    deliveries: [],
    reason: 'r',
    receipt: { id: '1' },
    attempt: { mechanism: 'PLAIN' },
    verb: 'V',
    argument: 'arg',
    refusedAt: 'rcpt',
    refusedBy: 'q',
    refusal: reject('no'),
  }
  // `as`: no hook has all of them, and the context reads each from wherever it is.
  const full = new RunContext(
    new HookCall('mail', transaction, args as never),
    handler('mail', () => undefined),
  )
  const { refusedAt, refusedBy, ...same } = args
  assert.equal(full.hook, refusedAt)
  assert.equal(full.plugin, refusedBy)
  for (const [name, value] of Object.entries(same)) assert.equal(full[name as keyof RunContext], value, name)
})

test('without a session there is nothing of one', () => {
  const { scope } = ground()
  const context = new RunContext(
    new HookCall('data', { scope, lifetime: scope.lifetime }, NOTHING),
    handler('data', () => undefined),
  )
  assert.deepEqual(
    [context.session, context.helo, context.envelope, context.parameters, context.points],
    [undefined, undefined, undefined, undefined, 0],
  )
})

test('a signal fires when the run is over, also for who asks late', () => {
  const make = () => {
    const { session } = begin()
    return {
      session,
      context: new RunContext(
        new HookCall('mail', session, NOTHING),
        handler('mail', () => undefined),
      ),
    }
  }
  for (const end of ['end', 'abort'] as const) {
    const early = make().context
    const { signal } = early
    assert.equal(early.signal, signal)
    assert.equal(signal.aborted, false)
    early[end](OVER)
    assert.equal(signal.reason, OVER)
    const late = make().context
    late[end](OVER)
    assert.equal(late.signal.reason, OVER)
  }
  const { session, context } = make()
  session.lifetime.end(OVER)
  assert.equal(context.signal.reason, OVER)
})

const facts = {
  session: defineFact<string, 'session'>('of-session', 'session'),
  transaction: defineFact<string>('of-transaction'),
  recipient: defineFact<string, 'recipient'>('of-recipient', 'recipient'),
}
const provides = new Set(Object.values(facts).map(({ name }) => name))
const sets = handler('rcpt', () => undefined, { provides })

test('a fact is kept where it belongs, and read from there', () => {
  const { session, transaction } = begin()
  const recipientFacts = new FactStore()
  const call = new HookCall('rcpt', transaction, { recipient: A, parameters: {}, recipientFacts })
  const context = new RunContext(call, sets)
  for (const [scope, fact] of Object.entries(facts)) {
    assert.equal(context.find(fact), undefined)
    assert.throws(() => context.get(fact), { message: `Fact "${fact.name}" is not there: declare after: [fact], or use find` })
    context.set(fact, scope)
    assert.equal(context.find(fact), scope)
    assert.equal(context.get(fact), scope)
  }
  assert.deepEqual(
    [session.facts, transaction.facts, recipientFacts].map((store) => store.toJSON()),
    [{ 'of-session': 'session' }, { 'of-transaction': 'transaction' }, { 'of-recipient': 'recipient' }],
  )
  session.greet('another', true)
  assert.equal(context.find(facts.session), 'session')
})

test('a fact is not set after the run, nor undeclared, nor where there is nothing it could belong to', () => {
  const { session, scope } = begin()
  const call = new HookCall('mail', session, NOTHING)
  const over = new RunContext(call, sets)
  over.end(OVER)
  assert.throws(() => over.set(facts.session, 'x'), { message: 'Fact "of-session" was set after the run was over: over' })
  const undeclared = new RunContext(
    call,
    handler('mail', () => undefined),
  )
  assert.throws(() => undeclared.set(facts.session, 'x'), { message: 'p.mail sets "of-session" without declaring it: provides: [fact]' })
  assert.throws(() => new RunContext(call, sets).set(facts.recipient, 'x'), {
    message: 'Fact "of-recipient" belongs to a recipient, and there is none at rcpt',
  })
  const nobody = new RunContext(new HookCall('data', { scope, lifetime: scope.lifetime }, NOTHING), sets)
  assert.throws(() => nobody.set(facts.session, 'x'), /belongs to a session/)
  assert.equal(nobody.find(facts.session), undefined)
})

test('what was found out of a name goes with it, and comes too late for another', () => {
  const { session } = begin()
  const context = new RunContext(new HookCall('helo', session, { helo: session.greet('h', true) }), sets)
  context.set(facts.session, 'x')
  assert.equal(context.find(facts.session), 'x')
  session.greet('another', true)
  assert.equal(context.find(facts.session), undefined)
  context.set(facts.session, 'late')
  assert.equal(context.find(facts.session), undefined)
})

test('a delivery is its own subject', () => {
  const { scope } = ground()
  const subject = {
    id: 'q1',
    envelope: { from: A },
    queuedAt: 5,
    recipients: [A],
    route: { via: 'x' },
    attempt: 2,
    reply: { code: 250, text: 'ok' },
    class: 'x',
    nextAttemptAt: 9,
  } as unknown as DeliveryContext // as much of it as is read
  const of = (delivery: DeliveryContext) =>
    new DeliveryRunContext(
      new HookCall('delivery', { scope, lifetime: scope.lifetime }, { delivery }),
      handler('delivery', () => undefined),
      delivery,
    )
  const context = of(subject)
  for (const name of ['id', 'envelope', 'queuedAt', 'recipients', 'route', 'attempt', 'reply', 'class', 'nextAttemptAt'] as const)
    assert.equal(context[name], (subject as unknown as Record<string, unknown>)[name], name)
  const bare = of({ id: 'q1' } as DeliveryContext) // before anything was answered
  assert.deepEqual([bare.reply, bare.class, bare.nextAttemptAt], [undefined, undefined, undefined])
})

test('what is said, and the time it takes, is the message’s, or else the session’s', () => {
  const { session, transaction } = begin()
  const one = handler('rcpt', () => undefined, { plugin: 'q', index: 1 })
  const of = (caller: SessionState | Transaction) =>
    new HookCall('rcpt', caller, { recipient: A, parameters: {}, recipientFacts: new FactStore() })
  of(transaction).note(one, accept())
  of(transaction).spent(one, 2)
  const entry = { plugin: 'q', hook: 'rcpt', shadow: false, outcome: accept(), recipient: 'a@x.test' }
  assert.deepEqual(transaction.decisions.entries, [entry])
  assert.deepEqual(transaction.decisions.times(), { q: 2 })
  of(session).note(one, accept())
  of(session).spent(one, 3)
  assert.deepEqual(session.decisions.entries, [entry])
  assert.deepEqual(session.decisions.times(), { q: 3 })
})

test('what is said of a name the client no longer has is not noted', () => {
  const { session } = begin()
  const helo = session.greet('h', true)
  const call = new HookCall('helo', session, { helo })
  assert.equal(call.isStale, false)
  session.greet('another', true)
  assert.equal(call.isStale, true)
  call.note(
    handler('helo', () => undefined),
    accept(),
  )
  assert.equal(session.decisions.entries.length, 0)
  assert.equal(new HookCall('mail', session, NOTHING).isStale, false)
})
