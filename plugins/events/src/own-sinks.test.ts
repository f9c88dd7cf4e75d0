import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { functionSink } from './own-sinks.ts'

const EVENT = { id: 'evt_1', payload: '{"id":"evt_1","type":"delivered","timestamp":"","data":{"to":[]}}' }
const never = new AbortController().signal

test('a function that throws at once, rejects, or never ends has failed, and nothing of it comes later', async (t) => {
  const unheard: unknown[] = []
  const hear = (error: unknown): void => void unheard.push(error)
  process.on('unhandledRejection', hear)
  t.after(() => process.off('unhandledRejection', hear))
  const why = async (deliver: Parameters<typeof functionSink>[0]) => {
    const outcome = await functionSink(deliver, 20).deliver([EVENT], never)
    return outcome.kind === 'failed' ? outcome.why : outcome.kind
  }
  const broken = (): never => {
    throw new Error('away')
  }
  assert.equal(await why(broken), 'away')
  assert.equal(await why(async () => broken()), 'away')
  assert.equal(await why(() => new Promise(() => {})), 'it took too long')
  assert.equal(await why(() => sleep(60).then(broken)), 'it took too long')
  assert.equal(await why(() => {}), 'ok')
  const cut = AbortSignal.abort()
  assert.equal((await functionSink(() => new Promise(() => {}), 60_000).deliver([EVENT], cut)).kind, 'failed')
  await sleep(100)
  assert.deepEqual(unheard, [])
})
