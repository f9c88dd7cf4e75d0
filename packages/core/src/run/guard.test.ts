import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { defer, type HookName, type Logger } from '@postroad/plugin'
import type { Handler } from '../plan/handler.ts'
import { Lifetime } from '../session/lifetime.ts'
import type { Scope } from '../session/scope.ts'
import { after } from './after.ts'
import { HookCall, NOTHING } from './call.ts'
import type { RunContext } from './context.ts'
import { Failure, invoke } from './guard.ts'

const TIMEOUT = 1_000
const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
// `as`: of a scope the guard knows no more than this.
const scope = { timed: false, lifetime: new Lifetime(), now: () => 0, logFor: () => silent } as unknown as Scope

function handler(hook: HookName, run: (context: RunContext) => unknown, more: Partial<Handler> = {}): Handler {
  return {
    plugin: 'p',
    ownName: 'p',
    hook,
    run,
    after: [],
    before: [],
    provides: new Set(),
    timeout: TIMEOUT,
    shadow: false,
    onError: 'defer',
    when: undefined,
    awaits: [],
    mechanisms: [],
    supports: [],
    carries: undefined,
    ways: undefined,
    observes: false,
    points: true,
    index: 0,
    asynchronous: undefined,
    ...more,
  }
}

/** What comes of a handler of that hook; whatever it answers is an answer. */
function run(one: Handler, lifetime = scope.lifetime): unknown {
  // `as`: the guard reads no argument of these hooks.
  return invoke(one, new HookCall(one.hook, { scope, lifetime }, NOTHING as never), (answer) => answer)
}

/** Says what it has done when it is told to stop. */
async function lastWord({ signal }: RunContext): Promise<unknown> {
  await once(signal, 'abort')
  return { id: 'stored' }
}

for (const hook of ['queue', 'quarantine'] as const) {
  test(`a late handler of ${hook} is told to stop, and its last word counts`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const result = run(handler(hook, lastWord))
    t.mock.timers.tick(TIMEOUT)
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

test('a failure is worth what the operator says, and nothing in the shadow', () => {
  const fails = (): never => {
    throw new Error('no')
  }
  const worth = (more: Partial<Handler>): number | undefined => (run(handler('mail', fails, more)) as Failure).refusal?.code
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
