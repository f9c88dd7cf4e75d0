/** kill -9 at every step: nothing acknowledged is lost, nothing arrives twice but where the next hop's answer was lost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STEPS } from './steps.ts'
import { pause, type Verdict, World } from './world.ts'

/** Of all sizes: in the database, and as files. */
const SIZES = [200, 4_096, 20_000, 300_000]
/** More at once than a destination holds, so that some are given back to the store however fast the machine is. */
const BURST = 40
/** So many messages under way are enough: a busy machine is not to be given work for minutes. */
const WAITING = BURST
const LIMIT_MS = 120_000
const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 3)

for (const point of STEPS) {
  test(`killed at ${point}: nothing acknowledged is lost`, async (t) => {
    const world = await World.make()
    t.after(() => world.dispose())
    for (const nth of [1, 4, 15]) {
      const victim = await world.start({ point, nth })
      const before = world.unseen
      for (const end = performance.now() + LIMIT_MS; world.isAlive(victim) && performance.now() < end; await pause(50))
        if (world.unseen - before < WAITING) load(world, victim, BURST)
      assert.ok(!world.isAlive(victim), 'the point was reached')
    }
    check(await recovered(world))
  })
}

test(`killed at random under load, ${ROUNDS} times: nothing acknowledged is lost`, async (t) => {
  const world = await World.make()
  t.after(() => world.dispose())
  for (let round = 0; round < ROUNDS; round++) {
    const victim = await world.start()
    for (const end = Date.now() + 20 + Math.random() * 200; Date.now() < end; await pause(2)) load(world, victim, 4)
    await world.kill(victim)
  }
  const verdict = await recovered(world)
  t.diagnostic(
    `${verdict.sent} sent, ${verdict.acknowledged} acknowledged, ${verdict.duplicates} duplicates, ${verdict.kills} kills`,
  )
  check(verdict)
  assert.ok(verdict.acknowledged > 0)
})

test('one of two processes on one queue is killed: the other takes its mail over, and goes on with its own', async (t) => {
  const world = await World.make()
  t.after(() => world.dispose())
  const survivor = await world.start()
  for (let round = 0; round < ROUNDS; round++) {
    const victim = await world.start()
    for (let turn = 0; turn < 20; turn++) {
      load(world, victim, 2)
      load(world, survivor, 2)
      await pause(5)
    }
    await world.kill(victim)
  }
  assert.ok(await world.drain(survivor), 'the survivor has delivered everything')
  await world.stop(survivor)
  check(world.verdict())
})

function load(world: World, worker: number, messages: number): void {
  for (let count = 0; count < messages; count++) {
    const size = SIZES[count % SIZES.length] ?? 200
    const recipients = count % 3 === 0 ? ['a@one.test', 'b@one.test', 'c@two.test'] : ['a@one.test']
    world.send(worker, size, recipients)
  }
}

async function recovered(world: World): Promise<Verdict> {
  const last = await world.start()
  assert.ok(await world.drain(last), `everything that was queued is delivered: ${world.problems.join('; ')}`)
  await world.stop(last)
  return world.verdict()
}

function check({ lost, damaged, unexplained, problems }: Verdict): void {
  assert.deepEqual({ lost, damaged, unexplained, problems }, { lost: [], damaged: [], unexplained: [], problems: [] })
}
