/** All screens on a real server that has had a busy day, dark, light and on a phone: no barrier, no complaint, nothing wider than the window. The pictures of the documentation are these. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { requires } from '../runner/requires.ts'
import { buildPage, Chromium, findBarriers, PACKAGES, takePicture } from './browser.ts'
import { type BusyServer, startBusyServer } from './busy/busy.ts'

const skip = requires(...PACKAGES)
/** A picture wants a day that looks like one; what is tested needs some mail of each kind. `POSTROAD_LOOK=FOLDER` has pictures of all screens in all looks. */
const isWhole = process.env['POSTROAD_PICTURES'] !== undefined || process.env['POSTROAD_LOOK'] !== undefined
const MAILS = isWhole ? 1_200 : 200

/** How a screen is brought to where it has something to show. */
const SCREENS: readonly (readonly [name: string, prepare: (page: Page) => Promise<void>])[] = [
  ['overview', (page) => page.locator('.volume rect').first().waitFor({ state: 'attached' })],
  [
    'now',
    async (page) => {
      await page.locator('.scroll .tx').first().waitFor({ state: 'attached' })
      const refused = page.locator('.scroll .tx', { has: page.locator('.c.reject') })
      do await busy.send(13)
      while ((await refused.count()) < 3)
      await page.keyboard.press('Space')
      await refused.nth(1).click()
      await page.locator('.side .tree .op').first().waitFor()
    },
  ],
  [
    'why',
    async (page) => {
      await page.fill('[data-search]', 'newsletter@news.example greylist')
      await page.keyboard.press('Enter')
      await page.locator('.line .said').first().waitFor()
    },
  ],
  ['queue', (page) => page.locator('.queue tbody tr').first().waitFor()],
  // What an action would do; nothing is done.
  [
    'preview',
    async (page) => {
      await page.goto(`${busy.url}#queue`)
      await page.locator('.queue tbody tr').first().click()
      await page.getByRole('button', { name: 'Bounce…' }).click()
      await page.getByRole('heading', { name: /^This would bounce \d/ }).waitFor()
    },
  ],
  [
    'quarantine',
    async (page) => {
      await page.locator('.mails .mail').first().click()
      await page.locator('.reader .body').first().waitFor()
    },
  ],
  ['plugins', (page) => page.locator('.plugins tbody tr').first().waitFor()],
  ['doctor', (page) => page.locator('.checks li, .doctor .empty, .waiting').first().waitFor()],
  ['config', (page) => page.locator('.config tbody tr').first().waitFor()],
]

const LOOKS: readonly (readonly [name: string, options: BrowserContextOptions])[] = [
  ['dark', { colorScheme: 'dark' }],
  ['light', { colorScheme: 'light' }],
  ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true }],
  ['phone-dark', { colorScheme: 'dark', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true }],
]
/** Pictures of the documentation. */
const PICTURES = new Map([
  ['now dark', 'console-now'],
  ['overview light', 'console-overview'],
  ['why light', 'console-why'],
  ['preview light', 'console-queue'],
  ['quarantine phone', 'console-phone'],
])

let chromium: Chromium
let busy: BusyServer

before(async () => {
  if (skip) return
  buildPage()
  busy = await startBusyServer({ mails: MAILS })
  chromium = await Chromium.start()
})
after(async () => {
  await chromium?.[Symbol.asyncDispose]()
  await busy?.[Symbol.asyncDispose]()
})

for (const [look, options] of isWhole ? LOOKS : LOOKS.filter(([look]) => /^(?:dark|phone)$/.test(look)))
  test(`all screens of a busy server, ${look}`, { skip, timeout: 240_000 }, async () => {
    await using window = await chromium.open('about:blank', options)
    const { page, requests, complaints } = window
    for (const [name, prepare] of SCREENS) {
      await page.goto(`${busy.url}#${name}`)
      await prepare(page)
      await page.waitForTimeout(300)
      const folder = process.env['POSTROAD_LOOK']
      if (folder) await page.screenshot({ path: `${folder}/${name}-${look}.png`, animations: 'disabled' })
      assert.deepEqual(await findBarriers(page), [], name)
      assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, `${name} is wider than the window`) // biome-ignore format: short
      const picture = PICTURES.get(`${name} ${look}`)
      if (picture !== undefined) await takePicture(page, picture)
    }
    assert.deepEqual(complaints, [])
    assert.deepEqual(
      requests.filter((one) => !one.startsWith(busy.url) && one !== 'about:blank'),
      [],
    )
  })
