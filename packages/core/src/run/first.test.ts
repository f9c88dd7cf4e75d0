/** In turn until one answers: *first*, *fold*, and *tell*, which asks nobody. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageFromBytes } from '@postroad/message'
import { type Message, reject } from '@postroad/plugin'
import { ground, handler, wire } from '../fixture.test.ts'
import type { Handler } from '../plan/handler.ts'
import { SessionState } from '../session/session.ts'
import { Transaction } from '../session/transaction.ts'
import { HookCall, NOTHING } from './call.ts'
import { route as asRoute } from './check.ts'
import { first } from './first.ts'
import { fold } from './fold.ts'
import { Failure } from './guard.ts'
import { tell } from './tell.ts'

const fails = (): never => {
  throw new Error('x')
}
const begin = () => new SessionState(ground().scope, wire())
const via = (plugin: string, answer: unknown, more: Partial<Handler> = {}) =>
  handler('route', () => answer, { plugin, ...more })
const run = (handlers: readonly Handler[], session = begin()) =>
  first(handlers.map(once), new HookCall('connect', session, NOTHING), asRoute)

/** A handler that throws when it is asked again: a turn without end would hold up all tests. */
function once(one: Handler): Handler {
  let asked = 0
  return { ...one, run: (context) => (asked++ > 0 ? fails() : one.run(context)) }
}

test('nobody is asked twice', async () => {
  for (const answer of [undefined, Promise.resolve(undefined)]) {
    const asked: string[] = []
    const notes = (plugin: string) => {
      const run = () => {
        asked.push(plugin)
        return answer
      }
      return handler('route', run, { plugin })
    }
    assert.equal(await run([notes('a'), notes('b'), notes('c')]), undefined)
    assert.deepEqual(asked, ['a', 'b', 'c'])
  }
})

test('the first answer counts, and the others are not asked', async () => {
  const never = handler('route', () => assert.fail('it is not its turn'))
  const expected = { plugin: 'b', value: { via: 'x' } }
  assert.deepEqual(run([via('a', undefined), via('b', { via: 'x' }), never]), expected)
  assert.deepEqual(await run([via('a', Promise.resolve(undefined)), via('b', { via: 'x' }), never]), expected)
  assert.deepEqual(await run([via('a', undefined), via('b', Promise.resolve({ via: 'x' })), never]), expected)
  assert.equal(run([via('a', undefined), via('b', undefined)]), undefined)
  assert.equal(run([]), undefined)
})

test('a refusal is an answer', () => {
  assert.deepEqual(run([via('a', reject('no')), via('b', { via: 'x' })]), { plugin: 'a', value: { ...reject('no') } })
})

test('an answer in the shadow is noted, and the next one is asked', async () => {
  for (const answer of [{ via: 's' }, Promise.resolve({ via: 's' })]) {
    const session = begin()
    const said = await run([via('a', answer, { shadow: true }), via('b', { via: 'x' })], session)
    assert.deepEqual(said, { plugin: 'b', value: { via: 'x' } })
    assert.deepEqual(
      session.decisions.entries.map(({ plugin, outcome }) => [plugin, outcome]),
      [['a', { kind: 'answer', reason: 'not obeyed' }]],
    )
  }
})

test('a failure that is worth something ends the turn, one that is not passes it on', async () => {
  for (const one of [fails, async () => fails()]) {
    const ended = await run([handler('route', one), via('b', { via: 'x' })])
    assert.equal(ended?.plugin, 'p')
    assert.equal(ended?.value instanceof Failure && ended.value.refusal?.code, 451)
    assert.deepEqual(await run([handler('route', one, { onError: 'pass' }), via('b', { via: 'x' })]), {
      plugin: 'b',
      value: { via: 'x' },
    })
  }
})

test('whose facts are still being found out is asked when they are there', async () => {
  const session = begin()
  let finish = (): void => undefined
  session.delayed.begin(
    'connect',
    new Promise<void>((resolve) => {
      finish = resolve
    }),
  )
  let asked = false
  const says = () => {
    asked = true
    return { via: 'x' }
  }
  const waits = handler('route', says, { awaits: ['connect'] })
  assert.deepEqual(run([via('a', { via: 'a' }, { awaits: ['helo'] })], session), { plugin: 'a', value: { via: 'a' } })
  assert.deepEqual(run([via('a', { via: 'a' })], session), { plugin: 'a', value: { via: 'a' } })
  const answer = run([waits], session)
  assert.equal(asked, false)
  finish()
  assert.deepEqual(await answer, { plugin: 'p', value: { via: 'x' } })
})

const original = messageFromBytes(Buffer.from('Subject: x\r\n\r\nx\r\n'))
const rewrite = (run: (message: Message) => unknown, more: Partial<Handler> = {}): Handler<'rewrite'> => ({
  ...handler('rewrite', fails, more),
  run: ({ message }) => run(message),
})
const folded = (...handlers: readonly Handler<'rewrite'>[]) =>
  fold(
    handlers,
    new HookCall('rewrite', new Transaction(begin(), undefined, {}), { message: original }),
    async () => undefined,
  )
const fields = async (result: Promise<Message | Failure>) =>
  [...((await result) as Message).headers].map(({ name }) => name)

test('each gets what the one before made of the message', async () => {
  const add = (name: string, more?: Partial<Handler>) => rewrite((message) => message.withHeader(name, '1'), more)
  const addLater = (name: string) => rewrite(async (message) => message.withHeader(name, '1'))
  assert.deepEqual(await fields(folded(add('A'), addLater('B'), add('C'))), ['C', 'B', 'A', 'Subject'])
  assert.deepEqual(
    await fields(
      folded(
        add('A'),
        add('B', { shadow: true }),
        rewrite(() => undefined),
      ),
    ),
    ['A', 'Subject'],
  )
  assert.equal(await folded(rewrite(() => undefined)), original)
})

test('a failure leaves the message as it was, or ends it', async () => {
  const add = rewrite((message) => message.withHeader('A', '1'))
  assert.deepEqual(await fields(folded(add, rewrite(fails, { onError: 'pass' }))), ['A', 'Subject'])
  const failed = await folded(
    rewrite(fails),
    rewrite(() => assert.fail('it is over')),
  )
  assert.ok(failed instanceof Failure && failed.refusal?.code === 451)
})

test('all are told, whatever they do; a promise only when somebody goes on', async () => {
  const heard: string[] = []
  const hears = (plugin: string) => handler('closed', () => void heard.push(plugin), { plugin })
  const call = new HookCall('connect', begin(), NOTHING)
  assert.equal(tell([[hears('a'), handler('closed', fails)], [hears('b')]], call), undefined)
  assert.deepEqual(heard, ['a', 'b'])
  let done = false
  const goesOn = handler('closed', async () => {
    await null
    done = true
  })
  await tell([[goesOn, hears('c')]], call)
  assert.ok(done)
  assert.deepEqual(heard, ['a', 'b', 'c'])
})
