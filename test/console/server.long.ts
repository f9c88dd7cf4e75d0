/** The real server at full length: 10,000 messages are held and released, and every hostile mail is read. */
import { after, before, test } from 'node:test'
import { requires } from '../runner/requires.ts'
import { buildPage, Chromium, PACKAGES, type Window } from './browser.ts'
import { holdAndRelease, readHostile } from './heavy.ts'
import { hostileMails } from './hostile.ts'
import { type RealServer, startRealServer } from './real-server.ts'

const skip = requires(...PACKAGES)
let chromium: Chromium
let real: RealServer

before(async () => {
  if (skip) return
  buildPage()
  real = await startRealServer()
  chromium = await Chromium.start()
})
after(async () => {
  await chromium?.[Symbol.asyncDispose]()
  await real?.[Symbol.asyncDispose]()
})

async function openLoggedIn(fragment: string): Promise<Window> {
  const window = await chromium.open(`${real.url}${fragment}`)
  const { page } = window
  await page.getByText('Who are you?').waitFor()
  await page.getByLabel('Token').fill(real.token)
  await page.keyboard.press('Enter')
  await page.locator('.tabs a').first().waitFor()
  return window
}

test('10,000 messages are held and released', { skip, timeout: 500_000 }, async () => {
  await holdAndRelease(await openLoggedIn('#queue?find=domain%3Amany.test'), real, 10_000)
})

test('every hostile mail stays text', { skip, timeout: 500_000 }, async () => {
  await readHostile(hostileMails(), { real, open: () => openLoggedIn('#quarantine') })
})
