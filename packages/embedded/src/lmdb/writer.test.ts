import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Writer } from './writer.ts'

test('when what sees to a failure fails too, nobody waits for ever, and the next are tried', async () => {
  let tries = 0
  const writer = new Writer({
    path: 'data.mdb',
    root: async () => {
      tries++
      throw new Error('EIO')
    },
    failed: async () => {
      throw new Error('it cannot be closed')
    },
    mayWrite: () => true,
    wrote: () => {},
    tell: () => {},
  })
  const write = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      writer.add({
        run: () => {},
        resolve,
        reject,
        isAtomic: false,
        makesRoom: false,
        since: performance.now(),
        patience: () => 30_000,
      })
    })
  await assert.rejects(write(), /it cannot be closed/)
  await assert.rejects(write(), /it cannot be closed/)
  assert.deepEqual([tries, await writer.end()], [2, true])
})
