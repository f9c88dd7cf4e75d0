/** What a real spamd makes of mail, and what becomes of mail that it could not look at. All of it: `npm run interop -- spamassassin`. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { spamassassin } from '@postroad/spamassassin'
import { findProgram } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { GTUBE, ordinary } from './gtube.ts'
import { offer, startScannerServer } from './scanner-server.ts'
import { startSpamd } from './spamd.ts'

const skip = requires('spamassassin', 'spamd', 'spamc')

test('GTUBE is spam and ham is ham, to spamd, to spamc and to us; a spamd that is killed lets nothing pass', {
  skip,
}, async () => {
  await using spamd = await startSpamd()
  const at = `127.0.0.1:${spamd.port}`
  await using server = await startScannerServer(spamassassin({ at, trust: 'verdict' }))
  const { port } = server
  assert.match(await offer(port, ordinary(GTUBE)), /^550 5\.7\.1 The message looks like spam/)
  const ham = ordinary('See you on Monday.', { 'X-Spam-Status': 'No, score=-99', 'X-Spam-Flag': 'NO' })
  assert.match(await offer(port, ham), /^250 /)
  const [taken = { text: '' }] = server.taken
  assert.match(taken.text, /^X-Spam-Status: No, score=-?\d/m)
  assert.doesNotMatch(taken.text, /score=-99|X-Spam-Flag/)
  const [spamFact, hamFact] = server.lines().map(({ facts }) => (facts as Record<string, unknown>)['spamassassin'])
  assert.deepEqual(
    [(spamFact as { result: string }).result, (spamFact as { symbols: string[] }).symbols.includes('GTUBE')],
    ['spam', true],
  )
  assert.equal((hamFact as { result: string }).result, 'ham')
  // spamc says the same, and exits 1 for spam.
  const spamc = spawnSync(findProgram('spamc') ?? '', ['-d', '127.0.0.1', '-p', `${spamd.port}`, '-c'], {
    input: ordinary(GTUBE),
    encoding: 'utf8',
  })
  assert.deepEqual([spamc.status, /^1000|^9\d\d/.test(spamc.stdout)], [1, true], spamc.stdout)
  assert.match(await offer(port, ordinary(GTUBE), { halfway: () => spamd.kill() }), /^451 4\.3\.0/)
  assert.equal(server.taken.length, 1)
})
