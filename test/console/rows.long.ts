/** `npm run console:test -- rows`. Fifty thousand rows in one tab: what they leave in its memory, and how smooth it is meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { pourRows } from './rows.ts'
import { skip, stage } from './stage.ts'

const COUNT = 50_000
const MB = 1_048_576

test(`${COUNT} rows in one tab`, { skip, timeout: 600_000 }, async (context) => {
  await using window = await stage.chromium.open(`${stage.url}#now`)
  const { page } = window
  await page.getByText('Reply, or subject').waitFor()
  await pourRows(page, stage.server, COUNT / 2)
  const half = await heapOf(page)
  const frames = await pourRows(page, stage.server, COUNT / 2)
  const whole = await heapOf(page)
  const at = (share: number): string => (frames[Math.floor((frames.length - 1) * share)] ?? 0).toFixed(0)
  context.diagnostic(
    `${(whole / MB).toFixed(0)} MB of heap, ${((whole - half) / MB).toFixed(0)} MB of it since half of them; frames p50 ${at(0.5)} p95 ${at(0.95)} p99 ${at(0.99)} longest ${at(1)} ms`,
  )
  assert.ok(whole < 300 * MB, `${(whole / MB).toFixed(0)} MB`)
  assert.ok(whole - half < 32 * MB, 'what is forgotten is garbage')
  assert.ok(Number(at(0.95)) < 250, 'it draws while they come')
  // The made-up server knows nothing more of the row that was chosen.
  assert.deepEqual(
    window.complaints.filter((text) => !text.includes('404')),
    [],
  )
})

/** Octets, after a collection of garbage. */
async function heapOf(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  await session.detach()
  return usedSize
}
