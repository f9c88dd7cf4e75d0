/** The short form of `npm run crash -- --kills N`: real servers killed at random moments, and servers that are broken on purpose found out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requires } from '../runner/requires.ts'
import { campaign } from './kill/campaign.ts'
import type { Defect } from './kill/fixture.ts'
import { faultsOf, sumOf } from './kill/verdict.ts'

const skip = requires('gcc', 'libc6-dev')
const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 0)
/** Found by what is lost, by the log, and by the octets; all of them in the long form. */
const DEFECTS: readonly Defect[] = ROUNDS > 0 ? ['drops', 'early', 'forgets', 'damages', 'hangs'] : ['drops']
const FOUND: { readonly [name in Defect]: RegExp } = {
  drops: /^LOST /,
  early: /^LOST /,
  forgets: /^TWICE .* though it was written down/,
  damages: /^DAMAGED /,
  hangs: /^HANG no (letter|answer)/,
}

test('real servers are killed while they start, take mail and stop: nothing acknowledged is lost', {
  skip,
}, async (t) => {
  const results = await campaign({ kills: Math.max(8, ROUNDS), seed: 12, sideBySide: 2, lives: 3, patienceMs: 60_000 })
  const { kills, acknowledged, again, longestGap } = sumOf(results)
  t.diagnostic(
    `${kills} kills, ${acknowledged} acknowledged, ${again.killed} arrived again, at most ${longestGap} ms before the kill`,
  )
  assert.deepEqual(results.flatMap(faultsOf), [])
  assert.ok(acknowledged > 0)
})

for (const defect of DEFECTS) {
  test(`a server that ${defect} is found out`, { skip }, async () => {
    // Some lives to be killed, and the last one, which is not broken.
    const lives = defect === 'forgets' || defect === 'damages' ? 4 : 1
    const scenario = defect === 'hangs' ? 'commands' : 'load'
    const common = { kills: 1, seed: 5, workers: 1, sideBySide: 1, patienceMs: 20_000, keepsNothing: true } as const
    const results = await campaign({ ...common, scenario, lives, defect })
    assert.ok(
      results.flatMap(faultsOf).some((each) => FOUND[defect].test(each)),
      JSON.stringify(results),
    )
  })
}
