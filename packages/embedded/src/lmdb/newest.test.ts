/** A process that opens the file while another commits: see {@link NewestTransaction}. What it does is done here by hand; test/crash/openers.test.ts has real ones. */
import assert from 'node:assert/strict'
import { openSync, readSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type LmdbFile, openLmdb } from './file.ts'
import { LOCK_TRANSACTION } from './shape.ts'

const MODES = [true, false]

async function makeFile(t: TestContext, isDurable: boolean): Promise<{ file: LmdbFile; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-newest-'))
  const file = await openLmdb({ folder, isDurable, isBinary: false })
  t.after(async () => {
    await file.close()
    await rm(folder, { recursive: true, force: true })
  })
  await file.prepare(['words'])
  return { file, folder }
}

/** Counts from what is there, and resolves to the sum. */
function increment(file: LmdbFile): Promise<number> {
  return file.write(() => {
    const sum = (file.table('words').get('sum') ?? 0) + 1
    file.table('words').putSync('sum', sum)
    file.table('words').putSync(`word ${sum % 50}`, 'x'.repeat(500))
    return sum
  })
}

for (const isDurable of MODES)
  test(`${isDurable ? 'a queue' : 'a service'}: a commit that an opening process has forgotten is found by the next write`, async (t) => {
    const { file, folder } = await makeFile(t, isDurable)
    // Of both meta pages: an even and an odd number of commits is forgotten.
    for (const forgotten of [1, 2, 1, 3]) {
      const before = await increment(file)
      rollBack(folder, forgotten)
      assert.equal(await increment(file), before + 1)
    }
    file.refresh()
    assert.equal(file.table('words').get('sum'), 8)
  })

/** What the store of an opening process does: it names an earlier transaction as the newest. */
function rollBack(folder: string, transactions: number): void {
  // It stays open until the process ends: closing it would give up the locks.
  const lock = openSync(join(folder, 'lock.mdb'), 'r+')
  const number = new BigUint64Array(1)
  readSync(lock, number, 0, 8, LOCK_TRANSACTION)
  number[0] = (number[0] ?? 0n) - BigInt(transactions)
  writeSync(lock, number, 0, 8, LOCK_TRANSACTION)
}
