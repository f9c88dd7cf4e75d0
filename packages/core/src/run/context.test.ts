/** What a handler may read and set, and what a call notes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { accept, type DeliveryResultContext, defineFact, type HookName, reject } from '@postroad/plugin'
import { addressOf, ground, handler, NOW, wire } from '../fixture.test.ts'
import type { Handler } from '../plan/handler.ts'
import { FactStore } from '../session/fact-store.ts'
import { SessionState } from '../session/session.ts'
import { Transaction } from '../session/transaction.ts'
import { HookCall, NOTHING } from './call.ts'
import { contextOf, RunContext } from './context.ts'

const A = addressOf('a@x.test')
const OVER = new Error('over')

function begin() {
  const made = ground()
  const session = new SessionState(made.scope, wire())
  const transaction = new Transaction(session, addressOf('from@client.test'), { size: 9 })
  return { ...made, session, transaction }
}

const quiet = <K extends HookName>(hook: K, more: Partial<Handler> = {}) => handler(hook, () => undefined, more)

/** Names of what a handler may read. */
function fieldsOf(context: object): readonly string[] {
  const names = new Set<string>()
  for (let at = context; at !== Object.prototype; at = Object.getPrototypeOf(at))
    for (const name of Object.getOwnPropertyNames(at)) names.add(name)
  return [...names].filter((name) => !['constructor', 'call', 'fate', 'handler', 'toJSON'].includes(name)).sort()
}

const BASE = ['log', 'now', 'signal']
const OF_SESSION = [...BASE, 'find', 'get', 'session', 'set']
const OF_TRANSACTION = [...OF_SESSION, 'envelope', 'helo']
const OF_RECIPIENT = [...OF_TRANSACTION, 'parameters', 'recipient']
const OF_MESSAGE = [...OF_TRANSACTION, 'message', 'points']
const OF_COMMAND = [...OF_SESSION, 'argument', 'verb']
const OF_DELIVERY = [...BASE, 'attempt', 'envelope', 'id', 'queuedAt', 'recipients', 'route']
const FIELDS: Readonly<Record<HookName, readonly string[]>> = {
  connect: OF_SESSION,
  helo: [...OF_SESSION, 'helo'],
  auth: [...OF_SESSION, 'attempt'],
  mail: [...OF_TRANSACTION, 'parameters'],
  rcpt: OF_RECIPIENT,
  route: OF_RECIPIENT,
  nexthop: [...OF_RECIPIENT, 'route'],
  data: OF_TRANSACTION,
  receive: OF_TRANSACTION,
  message: OF_MESSAGE,
  rewrite: OF_MESSAGE,
  quarantine: [...OF_MESSAGE, 'deliveries', 'reason'],
  queue: [...OF_MESSAGE, 'deliveries'],
  accepted: [...OF_MESSAGE, 'deliveries', 'receipt'],
  verify: OF_COMMAND,
  expand: OF_COMMAND,
  help: OF_COMMAND,
  unknown: OF_COMMAND,
  refused: [...OF_SESSION, 'envelope', 'hook', 'plugin', 'recipient', 'refusal'],
  judged: [...OF_MESSAGE, 'outcome', 'queueId'],
  closed: [...OF_SESSION, 'reason'],
  delivery: OF_DELIVERY,
  tls: [
    ...BASE,
    ...['address', 'canonical', 'canonicalDomain', 'domain', 'host', 'isAddressSecure', 'isRequired', 'note', 'port'],
  ],
  delivered: [...OF_DELIVERY, 'class', 'host', 'reply', 'tookMs'],
  deferred: [...OF_DELIVERY, 'class', 'host', 'nextAttemptAt', 'reply', 'tookMs'],
  bounced: [...OF_DELIVERY, 'class', 'host', 'reply', 'tookMs'],
}

test('a context has the fields of its hook, and no others; printed it shows nothing of the engine', () => {
  const { transaction } = begin()
  assert.equal(JSON.stringify(contextOf(new HookCall('mail', transaction, NOTHING), quiet('mail'))), '{"hook":"mail"}')
  for (const [hook, fields] of Object.entries(FIELDS) as [HookName, readonly string[]][])
    assert.deepEqual(
      fieldsOf(contextOf(new HookCall(hook, transaction, NOTHING as never), quiet(hook))),
      [...fields].sort(),
      hook,
    )
})

test('a context has what session, transaction and arguments have', () => {
  const { session, transaction, scope } = begin()
  const helo = session.greet('h', true)
  session.addPoints('connect', 1)
  session.addPoints('helo', 2)
  transaction.decisions.addPoints(4)
  const mail = contextOf(new HookCall('mail', transaction, NOTHING), quiet('mail'))
  assert.deepEqual(
    [mail.session, mail.helo, mail.envelope, mail.parameters],
    [session.view, helo, transaction.envelope, { size: 9 }],
  )
  assert.equal(mail.now(), NOW)
  assert.equal(mail.log, scope.log)
  const message = messageFromBytes(Buffer.from('\r\n'))
  assert.equal(contextOf(new HookCall('message', transaction, { message }), quiet('message')).points, 7)
  const args = {
    helo: { name: 'i', extended: false },
    recipient: A,
    parameters: { notify: [] },
    route: { via: 'x' },
    message,
    deliveries: [],
    reason: 'r',
    receipt: { id: '1' },
    attempt: { mechanism: 'PLAIN' },
    verb: 'V',
    argument: 'arg',
    refusal: reject('no'),
    refusedAt: 'rcpt',
    refusedBy: 'q',
    outcome: 'pass',
    queueId: '4F00',
  }
  // `as`: no hook has all of them, and each context reads those of its hook.
  const of = <K extends HookName>(hook: K) =>
    contextOf(new HookCall(hook, transaction as never, args as never), quiet(hook))
  const contexts: readonly object[] = [
    of('helo'),
    of('auth'),
    of('nexthop'),
    of('quarantine'),
    of('accepted'),
    of('help'),
    of('refused'),
    of('judged'),
  ]
  const { refusedAt: hook, refusedBy: plugin, ...same } = args
  for (const [name, value] of Object.entries({ ...same, hook, plugin })) {
    const having = contexts
      .filter((context) => name in context)
      .map((context) => (context as Record<string, unknown>)[name])
    assert.ok(having.includes(value), name)
  }
})

test('what is refused outside of a transaction has no envelope', () => {
  const { session, transaction } = begin()
  const args = { refusedAt: 'helo', refusedBy: 'p', refusal: reject('no') } as const
  assert.equal(contextOf(new HookCall('refused', session, args), quiet('refused')).envelope, undefined)
  assert.equal(contextOf(new HookCall('refused', transaction, args), quiet('refused')).envelope, transaction.envelope)
})

test('a signal fires when the run is over, also for who asks late', () => {
  const make = () => {
    const { session } = begin()
    return { session, context: contextOf(new HookCall('connect', session, NOTHING), quiet('connect')) }
  }
  for (const end of ['end', 'abort'] as const) {
    const early = make()
    const { signal } = early.context
    assert.equal(early.context.signal, signal)
    assert.equal(signal.aborted, false)
    RunContext[end](early.context, OVER)
    assert.equal(signal.reason, OVER)
    const late = make()
    RunContext[end](late.context, OVER)
    assert.equal(late.context.signal.reason, OVER)
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
  const context = contextOf(call, sets)
  for (const [scope, fact] of Object.entries(facts)) {
    assert.equal(context.find(fact), undefined)
    assert.throws(() => context.get(fact), {
      message: `Fact "${fact.name}" is not there: declare after: [fact], or use find`,
    })
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
  const { session, transaction } = begin()
  const call = new HookCall('mail', transaction, NOTHING)
  const over = contextOf(call, sets)
  RunContext.end(over, OVER)
  assert.throws(() => over.set(facts.session, 'x'), {
    message: 'Fact "of-session" was set after the run was over: over',
  })
  const undeclared = contextOf(call, quiet('mail'))
  assert.throws(() => undeclared.set(facts.session, 'x'), {
    message: 'p.mail sets "of-session" without declaring it: provides: [fact]',
  })
  assert.throws(() => contextOf(call, sets).set(facts.recipient as never, 'x'), {
    message: 'Fact "of-recipient" belongs to a recipient, and there is none at rcpt',
  })
  // `as` here and below: the types say so before, and a plugin may have none.
  const early = contextOf(new HookCall('connect', session, NOTHING), sets)
  assert.throws(() => early.set(facts.transaction as never, 'x'), /belongs to a transaction/)
  assert.equal(early.find(facts.transaction), undefined)
})

test('what was found out of a name goes with it, and comes too late for another', () => {
  const { session } = begin()
  const context = contextOf(new HookCall('helo', session, { helo: session.greet('h', true) }), sets)
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
    host: 'mx.test',
    tookMs: 7,
    nextAttemptAt: 9,
  } as unknown as DeliveryResultContext // as much of it as is read
  const context = contextOf(
    new HookCall('deferred', { scope, lifetime: scope.lifetime }, { delivery: subject }),
    quiet('deferred'),
  )
  for (const name of [
    'id',
    'envelope',
    'queuedAt',
    'recipients',
    'route',
    'attempt',
    'reply',
    'class',
    'host',
    'tookMs',
    'nextAttemptAt',
  ] as const)
    assert.equal(context[name], (subject as unknown as Record<string, unknown>)[name], name)
})

test('what is said, and the time it takes, is the message’s, or else the session’s', () => {
  const { session, transaction } = begin()
  const one = handler('rcpt', () => undefined, { plugin: 'q', index: 1 })
  const rcpt = new HookCall('rcpt', transaction, { recipient: A, parameters: {}, recipientFacts: new FactStore() })
  rcpt.note(one, accept())
  rcpt.spent(one, 2)
  const entry = { plugin: 'q', hook: 'rcpt', shadow: false, outcome: accept(), recipient: 'a@x.test' }
  assert.deepEqual(transaction.decisions.entries, [entry])
  assert.deepEqual(transaction.decisions.times(), { q: 2 })
  const connect = new HookCall('connect', session, NOTHING)
  connect.note(one, accept())
  connect.spent(one, 3)
  assert.deepEqual(session.decisions.entries, [{ ...entry, hook: 'connect', recipient: undefined }])
  assert.deepEqual(session.decisions.times(), { q: 3 })
})

test('what is said of a name the client no longer has is not noted', () => {
  const { session, transaction } = begin()
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
  assert.equal(new HookCall('mail', transaction, NOTHING).isStale, false)
})
