import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FakeClock, fakeClock, memoryLimiter, memoryStore } from '@postroad/testing'
import { Guard } from './guard.ts'

const MIN = 60_000
const FAILURES = {
  byAddress: { amount: 10, perMs: 24 * 60 * MIN },
  byUser: { amount: 20, perMs: 15 * MIN },
  beyond: { amount: 4, perMs: MIN },
}
const OFFICE = '203.0.113.1'
/** Longer than any answer is held. */
const LONG = 20_000

/** A site of these users, whose password is `right`; `nodes` guards share what they count. */
function site(users: readonly string[], { nodes = 1, failures = FAILURES } = {}) {
  const clock = fakeClock()
  const deps = { limiter: memoryLimiter(clock), store: memoryStore(clock), prefix: 'auth', failures, clock }
  const guards = Array.from({ length: nodes }, () => new Guard(deps))
  const looked: string[] = []
  const { signal } = new AbortController()
  /** The outcome, and how many milliseconds it took. */
  const attempt = async (user: string, password: string, { address = OFFICE, node = 0 } = {}) => {
    const begun = clock.now()
    const outcome = await guards[node]?.judge(
      { address, user, password, exists: () => users.includes(user) },
      signal,
      async () => {
        looked.push(user)
        return users.includes(user) && password === 'right' ? { name: user } : undefined
      },
    )
    return [typeof outcome === 'object' ? 'right' : (outcome ?? 'wrong'), clock.now() - begun] as const
  }
  return { clock, looked, attempt, guards }
}

async function inTime<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let isOver = false
  void work.finally(() => (isOver = true)).catch(() => undefined)
  for (let at = 0; at < LONG && !isOver; at += 500) await clock.advance(500)
  return work
}

const people = (count: number) => Array.from({ length: count }, (_, at) => `user${at}`)

test('after ten wrong passwords behind an address a right one of somebody else, who was never there, gets in at once', async () => {
  const { attempt } = site([...people(10), 'alice', 'bob'])
  for (const user of people(10)) assert.deepEqual(await attempt(user, 'guess'), ['wrong', 0])
  assert.deepEqual(await attempt('alice', 'right'), ['right', 0])
  assert.deepEqual(await attempt('alice', 'right'), ['right', 0], 'and is at home there now')
  assert.deepEqual(await attempt('bob', 'right'), ['right', 0], 'right ones use nothing up')
})

test('names that do not exist are never looked at there, and take no turn from those that do', async () => {
  const { clock, attempt, looked } = site(['alice'])
  for (const user of people(10)) await attempt(user, 'guess')
  const sprayed = Array.from({ length: 500 }, (_, at) => attempt(`nobody${at}`, 'guess'))
  assert.deepEqual(await attempt('alice', 'right'), ['right', 0])
  assert.deepEqual(new Set((await inTime(clock, Promise.all(sprayed))).map(String)), new Set(['later,15000']))
  assert.equal(looked.length, 11)
})

test('one password against all users of a site stays at so many a minute, and who comes then waits for a turn', async () => {
  const users = people(1_000)
  const { clock, attempt, looked } = site([...users, 'alice', 'bob'])
  await attempt('bob', 'right')
  looked.length = 0
  const spray = async (part: readonly string[]) => {
    const answers = await inTime(clock, Promise.all(part.map((user) => attempt(user, 'Summer2026'))))
    return new Set(answers.map(String))
  }
  await spray(users.slice(0, 10))
  const began = clock.now()
  for (let at = 10; at < 1_000; at += 110)
    assert.deepEqual(await spray(users.slice(at, at + 110)), new Set(['later,15000']), 'looked at or not')
  const minutes = (clock.now() - began) / MIN
  assert.ok(looked.length <= 10 + 4 + 4 * minutes, `${looked.length} were looked at in ${minutes} minutes`)
  assert.ok(looked.length >= 10 + 4, `${looked.length}`)
  assert.deepEqual(await attempt('bob', 'right'), ['right', 0], 'who is known there is not held')
  const [outcome, took] = await inTime(clock, attempt('alice', 'right'))
  assert.equal(outcome, 'right')
  assert.ok(took <= 15_000, `${took}`)
})

test('of one user three are looked at there; a right one among many wrong ones of others is not the price', async () => {
  const { clock, attempt, looked } = site(['alice', 'bob'], {
    failures: { ...FAILURES, beyond: { amount: 100, perMs: MIN } },
  })
  for (let at = 0; at < 10; at++) await attempt('alice', `guess${at}`)
  for (let at = 10; at < 20; at++) await inTime(clock, attempt('alice', `guess${at}`))
  assert.equal(looked.length, 13)
  assert.deepEqual(await attempt('bob', 'right'), ['right', 0])
  assert.equal((await inTime(clock, attempt('alice', 'right')))[0], 'later')
  assert.deepEqual(
    await attempt('alice', 'right', { address: '198.51.100.1' }),
    ['right', 0],
    'elsewhere nobody is locked',
  )
})

test('what was found wrong there is not told by trying it again', async () => {
  const { clock, attempt, looked } = site([...people(10), 'alice'])
  for (const user of people(10)) await attempt(user, 'guess')
  assert.deepEqual(await inTime(clock, attempt('alice', 'guess')), ['later', 15_000])
  assert.deepEqual(await inTime(clock, attempt('alice', 'guess')), ['later', 15_000])
  assert.equal(looked.length, 11, 'it is looked at once')
})

test('a mail program that comes with many connections at once gets in with all', async () => {
  const { clock, attempt } = site([...people(10), 'alice'])
  for (const user of people(10)) await attempt(user, 'guess')
  const all = await inTime(clock, Promise.all(Array.from({ length: 12 }, () => attempt('alice', 'right'))))
  assert.deepEqual(new Set(all.map(String)), new Set(['right,0']))
})

test('nodes that share what they count have one limit', async () => {
  const { clock, attempt, looked } = site([...people(200), 'alice'], { nodes: 2 })
  const all = people(200).map((user, at) => attempt(user, 'guess', { node: at % 2 }))
  await inTime(clock, Promise.all(all))
  assert.ok(looked.length <= 10 + 4 + 1, `${looked.length}`)
  assert.equal((await inTime(clock, attempt('alice', 'right', { node: 1 })))[0], 'right')
  assert.deepEqual(await attempt('alice', 'right', { node: 0 }), ['right', 0])
})

test('unlocking an address lets it fail again as any other', async () => {
  const { clock, attempt, guards } = site([...people(40)])
  await inTime(clock, Promise.all(people(30).map((user) => attempt(user, 'guess'))))
  await guards[0]?.unlock(OFFICE)
  assert.deepEqual(await attempt('user31', 'guess'), ['wrong', 0])
})

test('while nobody can say, nothing is counted, and who hangs up leaves the line', async () => {
  const clock = fakeClock()
  const deps = { limiter: memoryLimiter(clock), store: memoryStore(clock), prefix: 'auth', failures: FAILURES, clock }
  const guard = new Guard(deps)
  const { signal } = new AbortController()
  const wrong = (user: string, gone = signal) =>
    guard.judge({ address: OFFICE, user, password: 'x' }, gone, async () => undefined)
  for (const user of people(10)) await wrong(user)
  const away = () =>
    guard.judge(
      { address: OFFICE, user: 'alice', exists: () => Promise.reject(new Error('away')) },
      signal,
      async () => ({}),
    )
  for (let at = 0; at < 10; at++) await assert.rejects(away(), /away/)
  const right = () => guard.judge({ address: OFFICE, user: 'alice' }, signal, async () => ({ name: 'alice' }))
  const leaving = new AbortController()
  const left = Array.from({ length: 8 }, (_, at) => wrong(`other${at}`, leaving.signal))
  await clock.advance(100)
  leaving.abort(new Error('gone'))
  for (const one of await Promise.allSettled(left)) assert.equal(one.status, 'rejected')
  assert.deepEqual(await inTime(clock, right()), { name: 'alice' })
})
