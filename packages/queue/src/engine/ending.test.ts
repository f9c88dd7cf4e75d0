import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reply } from '@postroad/mail'
import {
  type Answer,
  type Bench,
  type FakeTime,
  makeBench,
  OK,
  overriding,
} from '../../../../test/contracts/queue/engine-bench.ts'
import { memoryStore } from '../../../../test/contracts/queue/messages.ts'

/** Carries nothing until it is told to stop, and then stays for an answer that takes this long; `Infinity`: until it is cut. */
function staying(time: () => FakeTime, answerMs: number): Answer {
  return ({ signal, unanswered }) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        unanswered?.stay(() => resolve({ code: 451, text: 'cut' }))
        if (Number.isFinite(answerMs)) time().after(answerMs, () => resolve(OK))
      })
    })
}

test('RFC 1047: closing waits longer for what has sent its final dot, and beats meanwhile; in the end it is cut', async () => {
  for (const [answerMs, told, endsBy] of [
    [60_000, ['delivered rcpt@example.com 250'], 66_000],
    [Number.POSITIVE_INFINITY, ['deferred rcpt@example.com 451'], 92_000],
  ] as const) {
    let beats = 0
    const inner = memoryStore()
    const store = overriding(inner, {
      beat(now) {
        beats++
        return inner.beat(now)
      },
    })
    const bench: Bench = makeBench(
      staying(() => bench.time, answerMs),
      { store, answerGraceMs: 90_000, attemptMs: 3_600_000 },
    )
    bench.engine.start()
    await bench.send()
    const before = beats
    let isClosed = false
    const closed = bench.engine.close(5_000).then(() => (isClosed = true))
    await bench.time.pass(59_000)
    assert.deepEqual([isClosed, bench.told, beats - before], [false, [], 11])
    await bench.time.pass(endsBy - 59_000)
    await closed
    assert.deepEqual(bench.told, told)
  }
})

test('closing after a reload cuts nothing, until the server stops', async () => {
  const stop = new AbortController()
  const answers: ((reply: Reply) => void)[] = []
  const carry: Answer = ({ signal }) =>
    new Promise((resolve) => {
      answers.push(resolve)
      signal.addEventListener('abort', () => resolve({ code: 451, text: 'aborted' }))
    })
  const { engine, send, time, told } = makeBench(carry, { attemptMs: 3_600_000 })
  engine.start()
  await send()
  await send()
  let isClosed = false
  const closed = engine.close(5_000, stop.signal).then(() => (isClosed = true))
  await time.pass(300_000)
  assert.deepEqual([isClosed, told], [false, []])
  answers[0]?.(OK)
  await time.pass(300_000)
  assert.deepEqual([isClosed, told], [false, ['delivered rcpt@example.com 250']])
  stop.abort()
  await time.pass(6_000)
  await closed
  assert.equal(told[1], 'deferred rcpt@example.com 451')
})
