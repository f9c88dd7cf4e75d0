/** The embedded services between real processes. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Clock } from '@postroad/plugin'
import { systemClock } from '../../packages/embedded/src/service/clock.ts'
import { embeddedLimiter, embeddedStore } from './services.ts'

const PROCESSES = 3
const ROUNDS = 60

test('three processes on one folder: every increment counts, the lock excludes, slots are exact', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  const workers = Array.from({ length: PROCESSES }, () => worker(folder, ROUNDS))
  const codes = await Promise.all(workers.map(async (child) => (await once(child, 'exit'))[0]))
  assert.deepEqual(codes, [0, 0, 0])
  const store = embeddedStore(folder)
  assert.equal(await store.get('counter'), String(PROCESSES * ROUNDS))
  assert.equal(await store.get('guarded'), String(PROCESSES * ROUNDS))
  // A worker that ends gives its slots back, so another may get them: ten for each at most, ten at least in all.
  const places = Number(await store.get('places'))
  assert.ok(places >= 10 && places <= PROCESSES * 10, `${places} places`)
  await store.close()
  await rm(folder, { recursive: true })
})

test('a process that is killed leaves what it wrote, and nothing that blocks others', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  const store = embeddedStore(folder)
  const child = worker(folder, 1_000_000)
  while (Number((await store.get('counter')) ?? 0) < 5) await store.set('waiting', '')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const counted = Number(await store.get('counter'))
  assert.equal(await store.increment('counter'), counted + 1)
  const later: Clock = { ...systemClock(), monotonic: () => (systemClock().monotonic?.() ?? 0) + 20_000 }
  const limiter = embeddedLimiter(folder, later)
  assert.ok(await limiter.acquire('places', 10, 60_000), 'the slots of the dead are free after 15 seconds')
  await limiter.close()
  await store.close()
  await rm(folder, { recursive: true })
})

function worker(folder: string, rounds: number) {
  const script = join(import.meta.dirname, 'worker.ts')
  return spawn(process.execPath, ['--conditions=@postroad/source', script, folder, String(rounds)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
