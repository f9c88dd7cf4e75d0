/** The short form of `npm run crash -- --events N`: servers that tell a program what becomes of mail are killed under load. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requires } from '../runner/requires.ts'
import { randomOf } from './events/campaign.ts'
import { runWorld } from './events/world.ts'

const skip = { lmdb: false, redis: requires('redis-server') } as const

for (const store of ['lmdb', 'redis'] as const)
  test(`${store}: every accepted, delivered and bounced event arrives, one id each, none invented, in the order of its message`, {
    skip: skip[store],
  }, async (t) => {
    const options = {
      store,
      kills: 3,
      clients: 3,
      batch: store === 'lmdb' ? 50 : 1,
      lifeMs: 2_500,
      random: randomOf(7),
    }
    const { acknowledged, events, again, faults } = await runWorld(options)
    t.diagnostic(`${acknowledged} recipients acknowledged, ${events} events, ${again} told again`)
    assert.deepEqual(faults, [])
    assert.ok(acknowledged > 0)
  })

/** Of each way to be wrong, what has to be said of it. */
const FAULTS = {
  loses: /^LOST (delivered|bounced)/,
  doubles: /^TWO IDS/,
  invents: /^INVENTED/,
  turns: /^ORDER/,
} as const

test('servers that lose, double, invent or turn events are found out', async () => {
  const found = Object.entries(FAULTS).map(async ([broken, fault]) => {
    const short = { kills: 1, clients: 3, batch: 1, lifeMs: 20_000, patienceMs: 2_000, random: () => 0.5 }
    const { acknowledged, faults } = await runWorld({ store: 'lmdb', ...short, broken: broken as keyof typeof FAULTS })
    assert.ok(acknowledged > 0)
    assert.ok(
      faults.some((each) => fault.test(each)),
      `${broken}: ${faults.join('\n')}`,
    )
  })
  await Promise.all(found)
})
