import assert from 'node:assert/strict'
import { test } from 'node:test'
import { warmUp } from './warm-up.ts'

/** A target whose compiler takes this many microseconds of 100 for a message of each step; the last goes on. */
function target(compiler: readonly number[]) {
  const steps: number[] = []
  const time = { all: 0, compiler: 0 }
  return {
    steps,
    time: () => ({ ...time }),
    async send(messages: number) {
      // The first is what is not looked at.
      const us = compiler[Math.min(steps.length - 1, compiler.length - 1)] ?? 90
      steps.push(messages)
      time.all += messages * 100
      time.compiler += messages * us
      return messages
    },
  }
}

test('a target is warm when the compiler was done twice in a row', async () => {
  const calm = target([3, 4])
  assert.equal(await warmUp({ least: 3_000, limitMs: 60_000, ...calm }), 5_000)
  assert.deepEqual(calm.steps, [3_000, 1_000, 1_000])
  const again = target([20, 4, 18, 4, 3])
  assert.equal(await warmUp({ least: 3_000, limitMs: 60_000, ...again }), 8_000)
})

test('what never comes to rest is not warmed for ever, nor longer than it may be', async (t) => {
  assert.equal(await warmUp({ least: 3_000, limitMs: 60_000, ...target([20]) }), 15_000)
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const slow = target([20])
  const send = (messages: number) => {
    now += 10_000
    return slow.send(messages)
  }
  assert.equal(await warmUp({ ...slow, least: 3_000, limitMs: 35_000, send }), 6_000)
})
