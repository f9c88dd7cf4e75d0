/** What every `Limiter` must do, the embedded one and those of plugins alike. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Limiter, Rate } from '@postroad/plugin'
import { type Fixture, type MakeFixture, onFixture } from './store.ts'

/** A {@link Limiter} that may keep what it counts to itself for a while, until `flush`. */
export type ContractLimiter = Limiter & { flush?(): Promise<void> }

const FOUR_A_SECOND: Rate = { amount: 4, perMs: 1_000 }
const HOUR = 3_600_000

/**
 * Registers the tests of the limiter contract.
 *
 * @example limiterContract('embedded', async () => ({ open, advance, close }))
 */
export function limiterContract(name: string, make: MakeFixture<ContractLimiter>): void {
  const on = (use: (fixture: Fixture<ContractLimiter>) => Promise<void>) => () => onFixture(make, use)
  describe(`limiter contract: ${name}`, () => {
    test('a bucket gives what it holds, then says when to come back', on(empties))
    test('a bucket refills with time, up to its burst and no further', on(refills))
    test('a cost takes several units, or none when there are too few', on(costs))
    test('a cost above the burst is never allowed, and the wait says so', on(neverEnough))
    test('a burst of its own limits what may come at once', on(burst))
    test('peek looks and takes nothing', on(peeks))
    test('what is given back can be taken again, and no bucket gets fuller than full', on(givesBack))
    test('what is given back after an exchange is there for all', on(givesBackToAll))
    test('keys do not touch each other', on(keys))
    test('reset makes a bucket full and frees its slots', on(resets))
    test('what was taken is known after a restart', on(survives))
    test('what one handle took the other knows after an exchange', on(shared))
    test('acquire gives so many slots at once, of all handles together', on(slots))
    test('many at once never get more slots than there are', on(race))
    test('a slot that is never released is free after its time', on(expires))
    test('releasing twice frees one slot', on(releaseTwice))
    test('whoever sets the wall clock, a bucket refills with the time that passes', on(steps))
    test('whoever sets the wall clock, a slot lasts as long as it was asked for', on(stepsOfSlots))
    test('an aborted signal rejects and takes nothing', on(aborted))
  })
}

async function drain(limiter: Limiter, key: string, rate: Rate): Promise<number> {
  for (let taken = 0; taken < 1_000; taken++) if (!(await limiter.take(key, rate)).ok) return taken
  return 1_000
}

async function empties({ open }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  for (const remaining of [3, 2, 1, 0])
    assert.deepEqual(await limiter.take('a', FOUR_A_SECOND), { ok: true, remaining, retryAfterMs: 0 })
  const refused = await limiter.take('a', FOUR_A_SECOND)
  assert.equal(refused.ok, false)
  assert.equal(refused.remaining, 0)
  assert.ok(
    refused.retryAfterMs > 150 && refused.retryAfterMs <= 250,
    `a quarter of a second, not ${refused.retryAfterMs} ms`,
  )
}

async function refills({ open, advance }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  assert.equal(await drain(limiter, 'a', FOUR_A_SECOND), 4)
  await advance(300)
  assert.equal(await drain(limiter, 'a', FOUR_A_SECOND), 1)
  await advance(3_000)
  assert.equal(await drain(limiter, 'a', FOUR_A_SECOND), 4)
}

async function costs({ open }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  assert.equal((await limiter.take('a', FOUR_A_SECOND, 3)).remaining, 1)
  assert.equal((await limiter.take('a', FOUR_A_SECOND, 2)).ok, false)
  assert.equal((await limiter.take('a', FOUR_A_SECOND, 0)).ok, true)
  assert.equal((await limiter.take('a', FOUR_A_SECOND, 1)).ok, true)
}

async function neverEnough({ open }: Fixture<ContractLimiter>): Promise<void> {
  const refused = await open().take('a', FOUR_A_SECOND, 5)
  assert.deepEqual(refused, { ok: false, remaining: 4, retryAfterMs: Number.POSITIVE_INFINITY })
}

async function burst({ open, advance }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  const rate: Rate = { amount: 4, perMs: 1_000, burst: 2 }
  assert.equal(await drain(limiter, 'a', rate), 2)
  await advance(2_000)
  assert.equal(await drain(limiter, 'a', rate), 2)
}

async function peeks({ open }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  for (let i = 0; i < 3; i++)
    assert.deepEqual(await limiter.peek('a', FOUR_A_SECOND), { ok: true, remaining: 4, retryAfterMs: 0 })
  await drain(limiter, 'a', FOUR_A_SECOND)
  assert.equal((await limiter.peek('a', FOUR_A_SECOND)).ok, false)
}

async function givesBack({ open }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  assert.equal(await drain(limiter, 'a', FOUR_A_SECOND), 4)
  await limiter.giveBack('a', FOUR_A_SECOND, 3)
  assert.equal(await drain(limiter, 'a', FOUR_A_SECOND), 3)
  await limiter.giveBack('a', FOUR_A_SECOND, 40)
  await limiter.giveBack('b', FOUR_A_SECOND)
  assert.deepEqual([await drain(limiter, 'a', FOUR_A_SECOND), await drain(limiter, 'b', FOUR_A_SECOND)], [4, 4])
}

async function givesBackToAll({ open, advance }: Fixture<ContractLimiter>): Promise<void> {
  const [first, second] = [open(), open()]
  const rate: Rate = { amount: 4, perMs: 3_600_000 }
  for (const cost of [3, 4]) {
    const key = `back ${cost}`
    assert.equal(await drain(first, key, rate), 4)
    await first.flush?.()
    await first.giveBack(key, rate, cost)
    await first.flush?.()
    await advance(1_100)
    assert.equal(await drain(second, key, rate), cost)
  }
}

async function keys({ open }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  assert.equal(await drain(limiter, 'a', FOUR_A_SECOND), 4)
  assert.equal(await drain(limiter, '__proto__', FOUR_A_SECOND), 4)
  assert.ok(await limiter.acquire('a', 1, 60_000))
  assert.ok(await limiter.acquire('b', 1, 60_000))
}

async function resets({ open }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  await drain(limiter, 'a', FOUR_A_SECOND)
  await limiter.acquire('a', 1, 60_000)
  await limiter.reset('a')
  assert.equal((await limiter.peek('a', FOUR_A_SECOND)).remaining, 4)
  assert.ok(await limiter.acquire('a', 1, 60_000))
}

async function survives({ open }: Fixture<ContractLimiter>): Promise<void> {
  const rate: Rate = { amount: 4, perMs: 3_600_000 }
  const first = open()
  await drain(first, 'a', rate)
  await first.close?.()
  const second = open()
  assert.equal((await second.take('a', rate)).ok, false)
}

async function shared({ open, advance }: Fixture<ContractLimiter>): Promise<void> {
  const rate: Rate = { amount: 10, perMs: 3_600_000 }
  const [first, second] = [open(), open()]
  for (let i = 0; i < 3; i++) await first.take('a', rate)
  for (let i = 0; i < 4; i++) await second.take('a', rate)
  await first.flush?.()
  await second.flush?.()
  await advance(1_100)
  assert.equal((await first.peek('a', rate)).remaining, 3)
  assert.equal((await second.peek('a', rate)).remaining, 3)
}

async function slots({ open }: Fixture<ContractLimiter>): Promise<void> {
  const [first, second] = [open(), open()]
  const held = await first.acquire('a', 2, 60_000)
  assert.ok(held)
  assert.ok(await second.acquire('a', 2, 60_000))
  assert.equal(await first.acquire('a', 2, 60_000), undefined)
  assert.equal(await second.acquire('a', 2, 60_000), undefined)
  await held.release()
  assert.ok(await second.acquire('a', 2, 60_000))
}

async function race({ open }: Fixture<ContractLimiter>): Promise<void> {
  const handles = [open(), open()]
  const got = await Promise.all(Array.from({ length: 30 }, (_, i) => handles[i % 2]?.acquire('a', 7, 60_000)))
  assert.equal(got.filter((slot) => slot !== undefined).length, 7)
}

async function expires({ open, advance }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  assert.ok(await limiter.acquire('a', 1, 300))
  assert.equal(await limiter.acquire('a', 1, 300), undefined)
  await advance(400)
  assert.ok(await limiter.acquire('a', 1, 300))
}

async function releaseTwice({ open }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  const held = await limiter.acquire('a', 2, 60_000)
  await limiter.acquire('a', 2, 60_000)
  await held?.release()
  await held?.release()
  assert.ok(await limiter.acquire('a', 2, 60_000))
  assert.equal(await limiter.acquire('a', 2, 60_000), undefined)
}

async function steps({ open, advance, step }: Fixture<ContractLimiter>): Promise<void> {
  if (!step) return
  const rate: Rate = { amount: 4, perMs: 8_000 }
  for (const ms of [-HOUR, HOUR, -900]) {
    const limiter = open()
    await limiter.reset('a')
    assert.equal(await drain(limiter, 'a', rate), 4)
    await limiter.flush?.()
    await step(ms)
    const other = open()
    assert.deepEqual([await drain(limiter, 'a', rate), await drain(other, 'a', rate)], [0, 0], `${ms} ms`)
    await advance(2_100)
    assert.equal(await drain(limiter, 'a', rate), 1, `${ms} ms`)
    await advance(8_100)
    assert.equal(await drain(other, 'a', rate), 4, `${ms} ms`)
  }
}

async function stepsOfSlots({ open, advance, step }: Fixture<ContractLimiter>): Promise<void> {
  if (!step) return
  for (const ms of [-HOUR, HOUR, -900]) {
    const [limiter, other] = [open(), open()]
    await limiter.reset('a')
    assert.ok(await limiter.acquire('a', 1, 2_000))
    await step(ms)
    for (const each of [limiter, other, open()]) assert.equal(await each.acquire('a', 1, 2_000), undefined, `${ms} ms`)
    await advance(2_100)
    assert.ok(await other.acquire('a', 1, 2_000), `${ms} ms`)
    await advance(2_100)
  }
}

async function aborted({ open }: Fixture<ContractLimiter>): Promise<void> {
  const limiter = open()
  const signal = AbortSignal.abort()
  await assert.rejects(limiter.take('a', FOUR_A_SECOND, 1, signal))
  await assert.rejects(limiter.peek('a', FOUR_A_SECOND, signal))
  await assert.rejects(limiter.acquire('a', 1, 60_000, signal))
  await assert.rejects(limiter.reset('a', signal))
  assert.equal((await limiter.peek('a', FOUR_A_SECOND)).remaining, 4)
}
