import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RootDatabase } from 'lmdb'
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
        canWait: false,
        since: performance.now(),
        patience: () => 30_000,
      })
    })
  await assert.rejects(write(), /it cannot be closed/)
  await assert.rejects(write(), /it cannot be closed/)
  assert.deepEqual([tries, await writer.end()], [2, true])
})

/** A writer over a file that notes what each of its transactions was of. */
function noting(): {
  readonly writer: Writer
  readonly transactions: string[][]
  add(name: string, canWait: boolean): Promise<unknown>
} {
  const transactions: string[][] = []
  const transaction = async (action: () => unknown): Promise<unknown> => {
    transactions.push([])
    return action()
  }
  const writer = new Writer({
    path: 'data.mdb',
    root: async () => ({ transaction }) as unknown as RootDatabase, // nothing else of it is used
    failed: async () => false,
    mayWrite: () => true,
    wrote: () => {},
    tell: () => {},
  })
  const add = (name: string, canWait: boolean): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const run = (): unknown => transactions.at(-1)?.push(name)
      const since = performance.now()
      writer.add({ run, resolve, reject, isAtomic: false, makesRoom: false, canWait, since, patience: () => 30_000 })
    })
  return { writer, transactions, add }
}

test('what can wait shares the transaction of what comes next, and is written when nothing comes', async () => {
  const { transactions, add } = noting()
  await Promise.all([add('end', true), add('message', false)])
  assert.deepEqual(transactions, [['end', 'message']])
  await add('another end', true)
  assert.deepEqual(transactions, [['end', 'message'], ['another end']])
})

test('what can wait and comes during a transaction waits for the next', async () => {
  const { transactions, add } = noting()
  let end: Promise<unknown> | undefined
  await add('message', false).then(() => {
    end = add('end', true)
    return add('next message', false)
  })
  await end
  assert.deepEqual(transactions, [['message'], ['end', 'next message']])
})

test('who ends does not leave behind what could wait', async () => {
  const { writer, transactions, add } = noting()
  const end = add('end', true)
  assert.equal(await writer.end(), true)
  assert.deepEqual(transactions, [['end']])
  await end
})
