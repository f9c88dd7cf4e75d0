/**
 * The power goes. A worker's writes are recorded below it (a preloaded library in C), then replayed up to a random moment with what
 * was not durable lost, kept or torn. LMDB's own pages and the content files are both in it. Simulated is the page cache, not a drive that
 * lies about its sync.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { openLmdbStore } from '@postroad/embedded'
import { readAll } from '@postroad/mail'
import { requires } from '../runner/requires.ts'
import { afterPowerCut, promisesOf, type readRecord } from './disk.ts'
import { octetsOf } from './power-worker.ts'
import { recordWork } from './recording.ts'

const CUTS = Number(process.env['CRASH_ROUNDS'] ?? 1.5) * 30
const skip = requires('gcc', 'libc6-dev')

let folder = ''
let steps: ReturnType<typeof readRecord> = []

before(async () => {
  if (skip !== false) return
  folder = await mkdtemp(join(tmpdir(), 'postroad-power-'))
  steps = await recordWork(folder, 'power-worker.ts', '120')
})

test(`after a power cut at any of ${CUTS} moments everything promised is there, whole, and the queue goes on`, {
  skip,
}, async (t) => {
  t.after(() => rm(folder, { recursive: true, force: true }))
  assert.ok(promisesOf(steps).length > 200 && steps.length > 500, `${steps.length} steps recorded`)
  let checked = 0
  for (let cut = 0; cut < CUTS; cut++) {
    const seen = steps.slice(0, Math.ceil((steps.length * (cut + Math.random())) / CUTS))
    const at = join(folder, `cut-${cut}`)
    afterPowerCut(seen, at, { survival: [0, 0.5, 1][cut % 3] ?? 0, random: Math.random })
    checked += await check(at, promisesOf(seen))
    await rm(at, { recursive: true, force: true })
  }
  t.diagnostic(`${checked} promises kept over ${CUTS} cuts in ${steps.length} steps`)
})

/** How many messages had to be there. */
async function check(at: string, promises: readonly { word: string; id: string }[]): Promise<number> {
  const store = await openLmdbStore({ folder: at, inlineLimit: 8_192, minFreeBytes: 0 })
  try {
    const of = (word: string) => new Set(promises.filter((each) => each.word === word).map(({ id }) => id))
    const [added, ending, ended] = [of('added'), of('ending'), of('ended')]
    const there = new Set<string>()
    for await (const { message } of store.list()) {
      there.add(message.id)
      // A message that nobody was promised may be there, and then is whole too.
      assert.deepEqual(await readAll(store.content(message)), octetsOf(message.id, message.size))
    }
    for (const id of added) if (!ending.has(id)) assert.ok(there.has(id), `${id} was acknowledged and is gone`)
    for (const id of ended) assert.ok(!there.has(id), `${id} had ended and is back`)
    assert.equal((await store.stats()).corrupt, 0)
    await store.beat(Date.now())
    const { leases } = await store.claimDue({ now: Date.now(), limit: 10_000, gate: () => 'take' })
    assert.equal(new Set(leases.map(({ message }) => message.id)).size, there.size, 'everything is due again')
    return added.size - ending.size
  } finally {
    await store.close()
  }
}
