import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { type BaseContext, type DeliveryContext, defer, type HookName } from '@postroad/plugin'
import { type Ground, ground, handler, wire } from '../fixture.test.ts'
import type { AnyHandler, Handler } from '../plan/handler.ts'
import { Lifetime } from '../session/lifetime.ts'
import { SessionState } from '../session/session.ts'
import { after } from './after.ts'
import { HookCall, NOTHING } from './call.ts'
import { attributeEveryRun, Failure, guarded, type HookRun, invoke, runningHandler } from './guard.ts'

const TIMEOUT = 1_000
const { scope } = ground({}, { timed: false })

/** What comes of a handler of that hook; whatever it answers is an answer. */
function run(one: Handler, lifetime = scope.lifetime): unknown {
  // `as`: the guard reads no argument of these hooks.
  return invoke(one, new HookCall(one.hook, { scope, lifetime }, NOTHING as never), (answer) => answer)
}

/** Says what it has done when it is told to stop. */
async function lastWord({ signal }: BaseContext): Promise<unknown> {
  await once(signal, 'abort')
  return { id: 'stored' }
}

for (const hook of ['queue', 'quarantine'] as const) {
  test(`a late handler of ${hook} is told to stop, and its last word counts`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const result = run(handler(hook, lastWord))
    t.mock.timers.tick(TIMEOUT)
    await new Promise((resolve) => setImmediate(resolve))
    t.mock.timers.tick(TIMEOUT) // who was not told has failed by now
    assert.deepEqual(await result, { id: 'stored' })
  })

  test(`a late handler of ${hook} that says nothing has failed after as long again`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const result = run(handler(hook, () => new Promise(() => undefined)))
    t.mock.timers.tick(TIMEOUT)
    t.mock.timers.tick(TIMEOUT)
    assert.equal(((await result) as Failure).refusal?.code, 451)
  })
}

test('a late handler of another hook has no last word', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const result = run(handler('mail', lastWord))
  t.mock.timers.tick(TIMEOUT)
  assert.ok((await result) instanceof Failure)
})

test('a delivery has a context of its own', () => {
  const delivery = { id: 'q1', queuedAt: 5 } as DeliveryContext // as much of it as is read
  const call = new HookCall('delivery', { scope, lifetime: scope.lifetime }, { delivery })
  const reads = ({ id, queuedAt }: DeliveryContext) => `${id} ${queuedAt}`
  assert.equal(
    invoke(handler('delivery', reads), call, (answer) => answer),
    'q1 5',
  )
})

test('a failure is worth what the operator says, and nothing in the shadow', () => {
  const fails = (): never => {
    throw new Error('no')
  }
  const worth = (more: Partial<Handler>): number | undefined =>
    (run(handler('mail', fails, more)) as Failure).refusal?.code
  assert.deepEqual(
    (['defer', 'reject', 'disconnect', 'pass'] as const).map((onError) => worth({ onError })),
    [451, 554, 421, undefined],
  )
  assert.equal(worth({ shadow: true }), undefined)
})

test('who answers at once costs no promise, and is known to do so', () => {
  const quick = handler('mail', () => 'now')
  assert.equal(run(quick), 'now')
  assert.equal(quick.asynchronous, false)
})

test('who has answered with a promise once is attributed from then on', async () => {
  const answers: unknown[] = ['now', Promise.resolve('later'), 'now']
  const changes = handler('mail', () => answers.shift())
  assert.equal(run(changes), 'now')
  assert.equal(await run(changes), 'later')
  assert.equal(run(changes), 'now')
  assert.equal(changes.asynchronous, true)
})

test('the end of what it runs for ends a run, and is worth nothing', async () => {
  const lifetime = new Lifetime()
  const result = run(
    handler('mail', () => new Promise(() => undefined)),
    lifetime,
  )
  lifetime.end(new Error('gone'))
  assert.equal(((await result) as Failure).refusal, undefined)
})

test('a handler whose condition does not hold does not run', () => {
  assert.equal(run(handler('mail', () => defer('no'), { when: () => false })), undefined)
})

test('after goes on at once with what is there, and later with what is not', async () => {
  const join = (value: string, a: string, b: string): string => value + a + b
  assert.equal(after('x', join, 'a', 'b'), 'xab')
  assert.equal(await after(Promise.resolve('x'), join, 'a', 'b'), 'xab')
})

const never = () => new Promise(() => undefined)
const fails = (): never => {
  throw new Error('no')
}

/** As `run`, for a session whose log and notes are looked at. */
function runFor(one: Handler, made: Ground = ground()) {
  const session = new SessionState(made.scope, wire())
  // `as`: as above.
  const answer = invoke(one, new HookCall(one.hook, session, NOTHING as never), (said) =>
    said === 'bad' ? fails() : said,
  )
  return { answer, session, logged: made.logged, noted: () => session.decisions.entries.map(({ outcome }) => outcome) }
}

test('a failure is logged and noted, with its reason and whose it is', async () => {
  for (const one of [fails, async () => fails(), () => 'bad', async () => 'bad']) {
    const { answer, session, logged, noted } = runFor(handler('mail', one, { onError: 'reject' }))
    assert.equal(((await answer) as Failure).refusal?.code, 554)
    const [[level, text, { error, ...fields }] = assert.fail()] = logged
    assert.deepEqual(
      [level, text, fields],
      ['error', 'plugin failed', { hook: 'mail', session: session.id, onError: 'reject' }],
    )
    assert.equal((error as Error).message, 'no')
    assert.deepEqual(noted(), [{ kind: 'error', reason: 'no' }])
    assert.equal(logged.length, 1)
  }
})

test('who is late is noted as such', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { answer, noted } = runFor(handler('mail', never))
  t.mock.timers.tick(TIMEOUT - 1)
  assert.deepEqual(noted(), [])
  t.mock.timers.tick(1)
  assert.equal(((await answer) as Failure).refusal?.code, 451)
  assert.deepEqual(noted(), [{ kind: 'late', reason: 'no answer within 1000 ms' }])
})

test('the last word has as long as the answer had, and five seconds at most', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { answer, noted } = runFor(handler('queue', never, { timeout: 60_000 }))
  t.mock.timers.tick(60_000)
  t.mock.timers.tick(4_999)
  assert.deepEqual(noted(), [])
  t.mock.timers.tick(1)
  assert.ok((await answer) instanceof Failure)
  assert.deepEqual(noted(), [{ kind: 'late', reason: 'no answer within 60000 ms' }])
})

type Settling = ReturnType<typeof settling>

function settling() {
  let resolve: (value: unknown) => void = () => undefined
  let reject: (cause: unknown) => void = () => undefined
  const promise = new Promise<unknown>((...both) => {
    ;[resolve, reject] = both
  })
  return { promise, resolve, reject }
}

/** What is logged of an answer that comes after the run was over. */
async function afterwards(t: TestContext, hook: 'mail' | 'queue', settle: (answer: Settling) => void) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const given = settling()
  const { answer, logged } = runFor(handler(hook, () => given.promise))
  t.mock.timers.tick(TIMEOUT)
  t.mock.timers.tick(TIMEOUT)
  await answer
  settle(given)
  await given.promise.catch(() => undefined)
  t.mock.timers.reset()
  return logged.slice(1).map(([level, text]) => `${level}: ${text}`)
}

test('an answer that comes too late is logged: of a receipt loudly, of nothing not at all', async (t) => {
  const receipt = 'error: a receipt came after the client was told to try again: a duplicate is possible'
  assert.deepEqual(await afterwards(t, 'queue', ({ resolve }) => resolve({ id: '1' })), [receipt])
  assert.deepEqual(await afterwards(t, 'mail', ({ resolve }) => resolve('x')), [
    'warn: an answer came after the run was over',
  ])
  assert.deepEqual(await afterwards(t, 'queue', ({ resolve }) => resolve(undefined)), [])
  assert.deepEqual(await afterwards(t, 'mail', ({ reject }) => reject(new Error('x'))), [
    'debug: a run that was over failed',
  ])
  assert.deepEqual(await afterwards(t, 'mail', ({ reject }) => reject(undefined)), [])
})

test('once what it runs for has ended, nothing is worth anything, nor logged', async () => {
  const lifetime = new Lifetime()
  lifetime.end(new Error('gone'))
  const made = ground({}, { lifetime })
  const call = (one: Handler) =>
    invoke(one, new HookCall<HookName>('mail', { scope: made.scope, lifetime }, NOTHING), (said) => said)
  assert.equal(((await call(handler('mail', never))) as Failure).refusal, undefined)
  assert.ok(call(handler('mail', fails)) instanceof Failure)
  assert.deepEqual(made.logged, [])
})

test('a thenable that throws has failed; one that is none of the language’s is waited for', async () => {
  // biome-ignore-start lint/suspicious/noThenProperty: what handlers answer may be anything
  const throws = { then: fails }
  const settles = { then: (resolve: (value: string) => void) => resolve('x') }
  // biome-ignore-end lint/suspicious/noThenProperty: as above
  assert.ok((await run(handler('mail', () => throws))) instanceof Failure)
  assert.equal(await run(handler('mail', () => settles)), 'x')
})

test('the signal of a run fires when it is over, however it ended', async () => {
  const signals: AbortSignal[] = []
  const keep = (answer: () => unknown) => (context: BaseContext) => {
    signals.push(context.signal)
    return answer()
  }
  run(handler('mail', keep(fails)))
  await run(
    handler(
      'mail',
      keep(async () => 'x'),
    ),
  )
  await run(
    handler(
      'mail',
      keep(async () => fails()),
    ),
  )
  assert.deepEqual(
    signals.map(({ reason }) => (reason as Error).message),
    ['the run is over', 'the run is over', 'the run is over'],
  )
})

test('time is counted by plugin where somebody reads it', async () => {
  const quick = runFor(handler('mail', () => 'x'))
  const slow = runFor(handler('mail', async () => 'x'))
  await slow.answer
  for (const { session } of [quick, slow]) {
    const ms = session.decisions.times()?.['p'] ?? assert.fail('nothing was counted')
    assert.ok(ms >= 0 && ms < 10_000, `${ms}`)
  }
  for (const one of [() => 'x', async () => 'x']) {
    const { answer, session } = runFor(handler('mail', one), ground({}, { timed: false }))
    await answer
    assert.equal(session.decisions.times(), undefined)
  }
})

test('a part of a plugin comes to nothing but its failure', async () => {
  const call = () => new HookCall<HookName>('receive', { scope, lifetime: new Lifetime() }, NOTHING)
  const part = () => ({
    handler: handler('receive', () => assert.fail('it is not the handler that runs')),
    call: call(),
  })
  const heard: string[] = []
  assert.equal(
    guarded(part(), (said: string) => heard.push(said), 'now'),
    undefined,
  )
  assert.equal(await guarded(part(), async (said: string) => heard.push(said), 'later'), undefined)
  assert.deepEqual(heard, ['now', 'later'])
  assert.ok(guarded(part(), fails, undefined) instanceof Failure)
})

test('every run can be traced, from the call to what the answer is taken for', async () => {
  const seen: string[] = []
  const note = (event: string) => (message: unknown) => {
    const { plugin, hook, shadow, asynchronous, result, error } = message as HookRun // what the guard publishes
    seen.push([event, plugin, hook, shadow, asynchronous, result, (error as Error | undefined)?.message].join(' '))
  }
  const subscribers = {
    start: note('start'),
    end: note('end'),
    asyncStart: () => undefined,
    asyncEnd: note('asyncEnd'),
    error: note('error'),
  }
  const channel = tracingChannel('postroad:hook')
  const traced = async (one: Handler) => {
    channel.subscribe(subscribers)
    await runFor(one).answer
    channel.unsubscribe(subscribers)
    return seen.splice(0)
  }
  assert.deepEqual(await traced(handler('mail', () => 'x')), [
    'start p mail false false  ',
    'end p mail false false x ',
  ])
  assert.deepEqual(await traced(handler('mail', async () => 'x', { shadow: true })), [
    'start p mail true false  ',
    'end p mail true true  ',
    'asyncEnd p mail true true x ',
  ])
  assert.deepEqual(await traced(handler('mail', fails)), [
    'start p mail false false  ',
    'error p mail false false  no',
    'end p mail false false  no',
  ])
  assert.deepEqual(await traced(handler('mail', async () => fails())), [
    'start p mail false false  ',
    'end p mail false true  ',
    'error p mail false true  no',
    'asyncEnd p mail false true  no',
  ])
  assert.deepEqual(await traced(handler('mail', () => 'x', { when: () => false })), [])
})

test('a run is attributed until its handler is known to answer at once, and then only when all are', () => {
  const seen: (AnyHandler | undefined)[] = []
  const quick = handler('mail', () => void seen.push(runningHandler.getStore()))
  run(quick)
  run(quick)
  assert.deepEqual(seen, [quick, undefined])
  attributeEveryRun()
  run(quick)
  assert.equal(seen[2], quick)
})
