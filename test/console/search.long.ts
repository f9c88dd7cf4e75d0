/** `npm run console:test -- search`. A million records: how long it takes until the answer is on the page, and what it costs the server that takes mail meanwhile. */
import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { needleTime, writeRecords } from '../admin/many-records.ts'
import { requires } from '../runner/requires.ts'
import { buildPage, Chromium, PACKAGES } from './browser.ts'
import { startRealServer } from './real-server.ts'
import { openWhy, questionsOf, search } from './search.ts'

const skip = requires(...PACKAGES)
const RECORDS = Number(process.env['POSTROAD_RECORDS'] ?? 1_000_000)
const MOST_MS = 300
const ROUNDS = 5
const MB = 1_048_576

test(`an answer out of ${RECORDS} records within ${MOST_MS} ms`, { skip, timeout: 1_200_000 }, async (context) => {
  buildPage()
  const now = Date.now()
  await using real = await startRealServer({
    fill: (folder) => writeRecords(folder, { count: RECORDS, now }),
  })
  await using chromium = await Chromium.start()
  await using window = await chromium.open(`${real.url}#why`)
  const { page } = window
  // A machine that others use stands still now and then; the best of some rounds counts.
  page.setDefaultTimeout(90_000)
  await openWhy(page, real.token)
  await page
    .locator('.hints')
    .getByText(`${RECORDS.toLocaleString('en-GB')} records`)
    .waitFor()
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  let most = before
  const slow: string[] = []
  for (const [kind, typed, answer] of questionsOf(needleTime(RECORDS, now))) {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    const all: { readonly seen: number; readonly server: number; readonly cpu: number }[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await search(page, `${typed} postroad`, 'none')
      const cpu = process.cpuUsage()
      delay.enable()
      const took = await search(page, typed, answer)
      delay.disable()
      const { user, system } = process.cpuUsage(cpu)
      all.push({ ...took, cpu: (user + system) / 1_000 })
      most = Math.max(most, process.memoryUsage().rss)
    }
    const best = (of: 'seen' | 'server' | 'cpu'): number => Math.min(...all.map((one) => one[of]))
    const text = `${kind}: on the page ${best('seen').toFixed(0)} ms, server ${best('server')} ms, CPU ${best('cpu').toFixed(0)} ms`
    context.diagnostic(
      `${text}, event loop late p50 ${(delay.percentile(50) / 1e6).toFixed(0)} ms, at most ${(delay.max / 1e6).toFixed(0)} ms`,
    )
    if (best('seen') > MOST_MS) slow.push(text)
  }
  context.diagnostic(`${Math.round((most - before) / MB)} MB more at most`)
  assert.deepEqual(slow, [])
  assert.ok(most - before < 256 * MB)
})
