/** Many rows come into one tab: what is kept and drawn is bounded, and the page still answers. */
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import type { FixtureServer } from './fixture-server.ts'

/** Rows that the page keeps. */
const KEPT = 10_000
/** Rows that are drawn at most: those in view, and some beside them. */
const DRAWN = 80
const BATCH = 500

/** Lets them come, and looks at the page again and again. Resolves to milliseconds between its frames, longest last. */
export async function pourRows(page: Page, server: FixtureServer, count: number): Promise<readonly number[]> {
  await page.evaluate(
    'globalThis.frames = []; { let last = performance.now(); (function next(now) { frames.push(now - last); last = now; requestAnimationFrame(next) })(last) }',
  )
  for (let sent = 0; sent < count; sent += BATCH) {
    server.emitEnds(BATCH)
    assert.ok((await page.locator('.tx').count()) <= DRAWN)
  }
  await page.getByText(`the last ${KEPT.toLocaleString('en-US')}`).waitFor({ timeout: 120_000 })
  assert.ok((await page.locator('.tx').count()) <= DRAWN)
  // It answers, at both ends of the list.
  await page.keyboard.press('j')
  await page.locator('.tx[aria-selected=true]').waitFor()
  await page.keyboard.press('G')
  await page.locator(`.tx[aria-rowindex="${KEPT + 1}"][aria-selected=true]`).waitFor()
  const frames = (await page.evaluate('frames')) as number[]
  return frames.sort((one, other) => one - other)
}
