/** Which ends may wait for something to be written together with. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reply } from '@postroad/mail'
import { makeBench, OK, overriding, rest } from '../../../../test/contracts/queue/engine-bench.ts'
import { memoryStore } from '../../../../test/contracts/queue/messages.ts'

test('an end may wait when nothing is queued behind it, and may not while another message waits for its place', async () => {
  const inner = memoryStore()
  const said: unknown[] = []
  const store = overriding(inner, {
    record(end) {
      said.push(end.canWait)
      return inner.record(end)
    },
  })
  const answers: ((reply: Reply) => void)[] = []
  const { engine, send } = makeBench(() => new Promise<Reply>((resolve) => answers.push(resolve)), { store, maxActive: 1 }) // biome-ignore format: short
  engine.start()
  await send()
  await send()
  await rest()
  answers.shift()?.(OK)
  await rest()
  assert.deepEqual(said, [false])
  answers.shift()?.(OK)
  await rest()
  assert.deepEqual(said, [false, true])
})
