/** The six screens, dark, light and on a phone: no barrier, no complaint of the browser, nothing wider than the window, nothing from elsewhere. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { findBarriers, type Window } from './browser.ts'
import { skip, stage } from './stage.ts'

/** How a screen is brought to where it has something to show, and what it shows then. */
const SCREENS: readonly (readonly [name: string, shows: string, prepare?: (page: Page) => Promise<void>])[] = [
  ['overview', '.volume rect'],
  [
    'now',
    '.side .tree',
    async (page) => {
      await page.locator('.scroll .tx').first().waitFor()
      for (let n = 0; n < 6; n += 1) await page.keyboard.press('j')
    },
  ],
  [
    'why',
    '.story h2 b',
    async (page) => {
      await page.fill('[data-search]', 'greylist newsletter')
      await page.keyboard.press('Enter')
      await page.locator('.line .said').first().waitFor()
    },
  ],
  ['queue', '.queue tbody tr >> nth=6'],
  ['quarantine', '.mails .mail >> nth=6', async (page) => page.locator('.mails .mail').first().click()],
  ['plugins', '.plugins tbody tr >> nth=14'],
  ['doctor', '.checks li >> nth=2'],
]
const LOOKS = [
  ['dark', { colorScheme: 'dark' as const }],
  ['light', { colorScheme: 'light' as const }],
  ['phone', { colorScheme: 'light' as const, viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true }], // biome-ignore format: short
] as const
/** A window a look, for all screens: one goes from one to the next as people do. */
const windows = new Map<string, Window>()
after(() => Promise.all([...windows.values()].map((window) => window[Symbol.asyncDispose]())))

async function windowOf(look: string, options: BrowserContextOptions): Promise<Window> {
  const window = windows.get(look) ?? (await stage.chromium.open('about:blank', options))
  windows.set(look, window)
  return window
}

for (const [look, options] of LOOKS)
  for (const [name, shows, prepare] of SCREENS)
    test(`${name}, ${look}: it is there, axe finds nothing serious, nothing sticks out, nothing is loaded from elsewhere`, {
      skip,
    }, async () => {
      const { page, requests, complaints } = await windowOf(look, options)
      await page.goto(`${stage.url}#${name}`)
      await prepare?.(page)
      await page.locator(shows).first().waitFor({ state: 'attached' })
      await page.waitForTimeout(100)
      assert.deepEqual(await findBarriers(page), [])
      assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, 'wider than the window') // biome-ignore format: short
      assert.deepEqual(complaints, [])
      assert.deepEqual(
        requests.filter((one) => !one.startsWith(stage.url) && one !== 'about:blank'),
        [],
      )
    })

test('an action on the queue says what it would do, and wants the number typed, before it does it', {
  skip,
}, async () => {
  await using window = await stage.chromium.open(`${stage.url}#queue`, { colorScheme: 'light' })
  const { page } = window
  await page.getByRole('button', { name: 'Bounce…' }).click()
  await page.getByText('This would bounce 1,752 messages.').waitFor()
  await page.getByRole('combobox').selectOption('14400000')
  await page.getByText('This would bounce 1,204 messages.').waitFor()
  assert.deepEqual(await findBarriers(page), [])
  const go = page.getByRole('button', { name: /^Bounce 1,204/ })
  assert.equal(await go.isDisabled(), true)
  await page.getByLabel('Type 1204 to go on').fill('1203')
  assert.equal(await go.isDisabled(), true)
  await page.getByLabel('Type 1204 to go on').fill('1204')
  await go.click()
  await page.getByText('Job 81 bounces 1,204 messages.').waitFor()
  const last = stage.server.done.at(-1)
  assert.deepEqual(last, {
    path: '/v1/queue/actions',
    body: { action: 'bounce', filter: { site: 'mx:mail.example.net', olderMs: 14_400_000 }, token: 't' },
  })
})
