/** What every `Lock` must do, the embedded one and those of plugins alike. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Lock } from '@postroad/plugin'
import { type Fixture, type MakeFixture, onFixture } from './store.ts'

/** Milliseconds: a machine that is full does not prolong a lock of half a second in time. */
const TTL = 2_000

/**
 * Registers the tests of the lock contract.
 *
 * @example lockContract('embedded', async () => ({ open, advance, close }))
 */
export function lockContract(name: string, make: MakeFixture<Lock>): void {
  const on = (use: (fixture: Fixture<Lock>) => Promise<void>) => () => onFixture(make, use)
  describe(`lock contract: ${name}`, () => {
    test('work runs with the lock, and its result is passed on', on(runs))
    test('while one works no other does, whatever its handle', on(excludes))
    test('many at once: one works', on(race))
    test('work that throws gives the lock back', on(throws))
    test('locks of other keys are free', on(keys))
    test('work that takes longer than the time keeps the lock', on(prolongs))
    test('whoever sets the wall clock, who works keeps the lock', on(steps))
  })
}

async function runs({ open }: Fixture<Lock>): Promise<void> {
  const lock = open()
  assert.equal(await lock.tryWith('a', TTL, async () => 'done'), 'done')
  assert.equal(await lock.tryWith('a', TTL, async () => 'again'), 'again')
}

async function excludes({ open }: Fixture<Lock>): Promise<void> {
  const [first, second] = [open(), open()]
  const result = await first.tryWith('a', TTL, async () => {
    assert.equal(await second.tryWith('a', TTL, async () => 'no'), undefined)
    assert.equal(await first.tryWith('a', TTL, async () => 'no'), undefined)
    return 'yes'
  })
  assert.equal(result, 'yes')
  assert.equal(await second.tryWith('a', TTL, async () => 'now'), 'now')
}

async function race({ open }: Fixture<Lock>): Promise<void> {
  const handles = [open(), open()]
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const all = Array.from({ length: 12 }, (_, i) => handles[i % 2]?.tryWith('a', TTL, () => gate.then(() => i)))
  const losers = all.map((attempt) => attempt?.then((result) => result === undefined))
  // The losers answer at once; only then may the winner go on.
  let answered = 0
  for (const loser of losers) void loser?.then((lost) => lost && ++answered === 11 && release())
  const results = await Promise.all(all)
  assert.equal(results.filter((result) => result !== undefined).length, 1)
}

async function throws({ open }: Fixture<Lock>): Promise<void> {
  const lock = open()
  await assert.rejects(
    lock.tryWith('a', TTL, () => Promise.reject(new Error('work failed'))),
    /work failed/,
  )
  assert.equal(await lock.tryWith('a', TTL, async () => 'free'), 'free')
}

async function keys({ open }: Fixture<Lock>): Promise<void> {
  const lock = open()
  assert.equal(await lock.tryWith('a', TTL, () => lock.tryWith('b', TTL, async () => 'both')), 'both')
}

async function steps({ open, advance, step }: Fixture<Lock>): Promise<void> {
  if (!step) return
  const [first, second] = [open(), open()]
  await first.tryWith('a', TTL, async (signal) => {
    for (const ms of [120_000, -3_600_000, TTL, -TTL]) {
      await step(ms)
      for (const lock of [first, second, open()])
        assert.equal(await lock.tryWith('a', TTL, async () => 'no'), undefined, `${ms} ms`)
      await advance(TTL / 2)
    }
    assert.equal(signal.aborted, false)
  })
  assert.equal(await second.tryWith('a', TTL, async () => 'now'), 'now')
}

async function prolongs({ open, advance }: Fixture<Lock>): Promise<void> {
  const [first, second] = [open(), open()]
  await first.tryWith('a', TTL, async (signal) => {
    for (let i = 0; i < 10; i++) {
      await advance(TTL / 5)
      assert.equal(await second.tryWith('a', TTL, async () => 'no'), undefined)
    }
    assert.equal(signal.aborted, false)
  })
}
