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
    othersWrote: () => false,
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

/** A writer over a file that notes what each of its transactions was of; `during` runs in each, which begins when there is a `lock`. */
function noting(
  during: () => void = () => {},
  { lock = async () => {}, hasSiblings = false }: { lock?: () => Promise<void>; hasSiblings?: boolean } = {},
): {
  readonly writer: Writer
  readonly transactions: string[][]
  add(name: string, canWait: boolean): Promise<unknown>
} {
  const transactions: string[][] = []
  const transaction = async (action: () => unknown): Promise<unknown> => {
    await lock()
    transactions.push([])
    const result = action()
    during()
    return result
  }
  const writer = new Writer({
    path: 'data.mdb',
    root: async () => ({ transaction }) as unknown as RootDatabase, // nothing else of it is used
    failed: async () => false,
    mayWrite: () => true,
    othersWrote: () => hasSiblings,
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

/** Time for everything that waits for no timer. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

test('what can wait shares the transaction of what comes next, and is written by itself when nothing comes', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { transactions, add } = noting()
  const end = add('end', true)
  await turns()
  assert.deepEqual(transactions, [])
  await Promise.all([end, add('message', false)])
  assert.deepEqual(transactions, [['end', 'message']])
  const another = add('another end', true)
  await turns()
  assert.equal(transactions.length, 1)
  t.mock.timers.tick(3)
  await another
  assert.deepEqual(transactions.slice(1), [['another end']])
})

test('what can wait and comes while others are written begins no transaction either', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let end: Promise<unknown> | undefined
  const { transactions, add } = noting(() => (end ??= add('end', true)))
  await add('message', false)
  await turns()
  assert.deepEqual(transactions, [['message']])
  await Promise.all([end, add('next message', false)])
  assert.deepEqual(transactions, [['message'], ['end', 'next message']])
})

test('who ends leaves nothing behind that could wait, also not what came while others were written', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let late: Promise<unknown> | undefined
  const { writer, transactions, add } = noting(() => (late ??= add('late end', true)))
  const end = add('end', true)
  assert.equal(await writer.end(), true)
  assert.deepEqual(transactions, [['end'], ['late end']])
  await Promise.all([end, late])
})

test('what comes while another process has the lock shares the transaction, and the next waits a moment for company', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 1_000
  t.mock.method(performance, 'now', () => now)
  const locks: (() => void)[] = []
  const { transactions, add } = noting(undefined, {
    lock: () => new Promise((resolve) => locks.push(resolve)),
    hasSiblings: true,
  })
  const first = add('first', false)
  await turns()
  assert.equal(locks.length, 1)
  const second = add('second', false)
  await turns()
  now += 5
  locks.pop()?.()
  await Promise.all([first, second])
  assert.deepEqual(transactions, [['first', 'second']])
  const third = add('third', false)
  await turns()
  assert.equal(locks.length, 0)
  const fourth = add('fourth', false)
  t.mock.timers.tick(3)
  await turns()
  locks.pop()?.()
  await Promise.all([third, fourth])
  assert.deepEqual(transactions.at(-1), ['third', 'fourth'])
})

for (const [who, hasSiblings, waited] of [
  ['one process alone', false, 5],
  ['a process that found the lock free', true, 0],
] as const)
  test(`of ${who} what comes after a transaction was asked for is of the next, which waits for nobody`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let now = 1_000
    t.mock.method(performance, 'now', () => now)
    const locks: (() => void)[] = []
    const { transactions, add } = noting(undefined, {
      lock: () => new Promise((resolve) => locks.push(resolve)),
      hasSiblings,
    })
    const first = add('first', false)
    await turns()
    const second = add('second', false)
    now += waited
    locks.pop()?.()
    await first
    await turns()
    locks.pop()?.()
    await second
    assert.deepEqual(transactions, [['first'], ['second']])
  })
