import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Environment } from './environment.ts'

async function openTwo(t: TestContext): Promise<[Environment, Environment]> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-environment-'))
  const [first, second] = [0, 1].map(() => new Environment(folder, { isDurable: false, isBinary: true }, false))
  assert.ok(first && second)
  t.after(async () => {
    await first.close()
    await second.close()
    await rm(folder, { recursive: true })
  })
  return [first, second]
}

/** Takes every place among the readers, each for a state of the file of its own. @throws {Error} `MDB_READERS_FULL` */
function fill({ root }: Environment): void {
  for (let count = 0; count < 200; count++) {
    root.transactionSync(() => void root.put('count', Buffer.from(String(count))))
    root.resetReadTxn()
    root.useReadTransaction()
  }
}

test('a table of readers that others have filled is no panic', async (t) => {
  const [environment, other] = await openTwo(t)
  assert.throws(() => fill(other), /MDB_READERS_FULL/)
  const root = environment.root as unknown as { _commitReadTxn(): void }
  const commit = root._commitReadTxn
  // Whoever gives up its place may not get it back.
  root._commitReadTxn = () => {
    commit.call(root)
    assert.throws(() => fill(other), /MDB_READERS_FULL/)
  }
  assert.equal(environment.isBroken(), false)
})

test('who writes is told whether another has written since its last transaction', async (t) => {
  const [environment, other] = await openTwo(t)
  /** What it was told in a transaction of its own that writes. */
  const write = (one: Environment): Promise<boolean> =>
    one.root.transaction(() => {
      assert.ok(one.mayWrite())
      one.root.put('count', Buffer.from('1'))
      return one.othersWrote
    })
  assert.equal(await write(environment), false)
  assert.equal(await write(environment), false)
  await write(other)
  assert.equal(await write(environment), true)
  assert.equal(await write(environment), false)
})
