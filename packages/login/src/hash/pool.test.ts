import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { scryptSync } from 'node:crypto'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import { HashesBusy, type HashLimits, HashPool } from './pool.ts'
import { type HashWork, memoryOf } from './work.ts'

const MIB = 1_048_576
/** Some 20 ms of work that takes 4 MiB. */
const WORK: HashWork = { password: 'secret', salt: Buffer.from('salt'), length: 32, cost: { ln: 12, r: 8, p: 1 } }

async function on(limits: Partial<HashLimits>, body: (pool: HashPool) => Promise<void>): Promise<void> {
  const pool = new HashPool({ atOnce: 1, waiting: 10, memory: 256 * MIB, ...limits })
  await body(pool).finally(() => pool.close())
}

test('a hash is the same from a thread, and what scrypt refuses is an error of the one who asked', () =>
  on({}, async (pool) => {
    const hash = await pool.hash({ ...WORK, cost: { ln: 4, r: 8, p: 1 } })
    assert.deepEqual(Buffer.from(hash), scryptSync('secret', 'salt', 32, { N: 16, r: 8, p: 1 }))
    await assert.rejects(pool.hash({ ...WORK, cost: { ln: 0, r: 8, p: 1 } }))
    assert.equal((await pool.hash(WORK)).length, 32)
  }))

test('only so many run at once, so many wait, and the next is refused and counted', () =>
  on({ atOnce: 2, waiting: 3 }, async (pool) => {
    const taken = Array.from({ length: 5 }, () => pool.hash(WORK))
    assert.deepEqual(pool.counts, { running: 2, waiting: 3, refused: 0 })
    await assert.rejects(pool.hash(WORK), HashesBusy)
    assert.equal((await Promise.all(taken)).length, 5)
    assert.deepEqual(pool.counts, { running: 0, waiting: 0, refused: 1 })
    await pool.hash(WORK)
  }))

test('where nobody may wait one is still taken when a thread is free', () =>
  on({ waiting: 0 }, async (pool) => {
    const taken = pool.hash(WORK)
    await assert.rejects(pool.hash(WORK), HashesBusy)
    await taken
    await pool.hash(WORK)
  }))

test('who gives up leaves the line; what runs is finished, or guesses would cost nothing', () =>
  on({}, async (pool) => {
    const [gone, other] = [new AbortController(), new AbortController()]
    const running = pool.hash(WORK, gone.signal)
    const waiting = Array.from({ length: 3 }, () => pool.hash(WORK, gone.signal))
    const stays = pool.hash(WORK, other.signal)
    gone.abort(new Error('gone'))
    for (const one of waiting) await assert.rejects(one, /gone/)
    assert.equal(pool.counts.waiting, 1)
    await Promise.all([running, stays])
    await assert.rejects(pool.hash(WORK, gone.signal), /gone/)
  }))

test('hashes at once take no more memory than there is; one that needs more runs alone', () =>
  on({ atOnce: 8, memory: 8 * MIB + 1024 * 2 }, async (pool) => {
    assert.equal(memoryOf(WORK), 4 * MIB + 1024)
    const small = Array.from({ length: 4 }, () => pool.hash(WORK))
    assert.equal(pool.counts.running, 2)
    const big = pool.hash({ ...WORK, cost: { ln: 14, r: 8, p: 1 } })
    const after = pool.hash(WORK)
    await Promise.race(small)
    await big
    assert.ok(pool.counts.running <= 1)
    await Promise.all([...small, after])
  }))

test('a thread that dies is replaced, and only its own work fails', () =>
  on({}, async (pool) => {
    const threads: Worker[] = []
    const see = (thread: Worker) => threads.push(thread)
    process.on('worker', see)
    await pool.hash(WORK)
    const ended = once(threads[0] as Worker, 'exit')
    void threads[0]?.terminate()
    const lost = pool.hash(WORK)
    const next = pool.hash(WORK)
    await assert.rejects(lost, /ended/)
    await next
    await ended
    assert.equal(threads.length, 2)
    process.off('worker', see)
  }))

test('what waits when the server closes hears so, and nothing is taken afterwards', async () => {
  const pool = new HashPool({ atOnce: 1, waiting: 10, memory: MIB })
  const taken = [pool.hash(WORK), pool.hash(WORK)].map((one) => assert.rejects(one, /ended/))
  await pool.close()
  await Promise.all(taken)
  await assert.rejects(pool.hash(WORK), /ended/)
})

test('the threads that files are read on stay free', () =>
  on({ waiting: 100 }, async (pool) => {
    let done = 0
    const given = new AbortController()
    const all = Array.from({ length: 80 }, () =>
      pool.hash({ ...WORK, cost: { ln: 15, r: 8, p: 3 } }, given.signal).then(() => done++),
    )
    for (let i = 0; i < 10; i++) await stat(import.meta.filename)
    assert.ok(done < 40, `${done} of 80 hashes were done before a file was looked at ten times`)
    given.abort()
    await Promise.allSettled(all)
  }))

/** Whether everybody may get at a file. */
function isPublic(file: string): boolean {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder))
    if ((statSync(folder).mode & 1) === 0) return false
  return true
}

const isRoot = process.getuid?.() === 0
const skip =
  isRoot &&
  ![process.execPath, import.meta.filename].every(isPublic) &&
  'root has every right, and nobody else may be here'

test('a process that has a low priority already, and no right to raise it, checks passwords all the same', {
  skip,
}, async () => {
  const script = `import { setPriority } from 'node:os'
import { HashPool } from ${JSON.stringify(new URL('./pool.ts', import.meta.url).href)}
setPriority(15)
const pool = new HashPool({ atOnce: 1, waiting: 1, memory: 1e9 })
const hash = await pool.hash({ password: 'x', salt: Buffer.from('salt'), length: 32, cost: { ln: 4, r: 8, p: 1 } })
process.stdout.write(String(hash.length))
await pool.close()`
  const uid = isRoot ? { uid: 65_534 } : {}
  const child = promisify(execFile)(
    process.execPath,
    ['--conditions=@postroad/source', '--input-type=module', '-e', script],
    uid,
  )
  assert.equal((await child).stdout, '32')
})
