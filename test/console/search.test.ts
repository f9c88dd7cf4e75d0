/** Why, over records of a week that several workers have kept: found by everything a person may know, with as many looked at as there are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needleTime, writeRecords } from '../admin/many-records.ts'
import { requires } from '../runner/requires.ts'
import { buildPage, Chromium, PACKAGES } from './browser.ts'
import { startRealServer } from './real-server.ts'
import { openWhy, questionsOf, search } from './search.ts'

const skip = requires(...PACKAGES)
const RECORDS = 12_345

test(`a mail among ${RECORDS} records is found by all that may be known of it`, {
  skip,
  timeout: 240_000,
}, async () => {
  buildPage()
  const now = Date.now()
  await using real = await startRealServer({
    fill: (folder) => writeRecords(folder, { count: RECORDS, now }),
  })
  await using chromium = await Chromium.start()
  await using window = await chromium.open(`${real.url}#why`)
  const { page } = window
  await openWhy(page, real.token)
  await page.locator('.hints').getByText('12,345 records').waitFor()
  for (const [, typed, answer] of questionsOf(needleTime(RECORDS, now))) await search(page, typed, { expected: answer })
  // More than one page, and each mail once.
  await page.getByRole('searchbox').fill('mx7.test')
  await page.getByRole('searchbox').press('Enter')
  // On a busy machine an answer may come before it has fifty.
  const found = page.locator('.hints').getByText(/^\d+ and more found/)
  await found.waitFor()
  const first = Number.parseInt(await found.innerText(), 10)
  await page.getByRole('button', { name: 'show older ones' }).click()
  for (;;) {
    const rows = await page.locator('.found li').count()
    if (rows > first) break
    await page.waitForTimeout(20)
  }
  const ids = await page.locator('.found li a').evaluateAll((links) => links.map((one) => String(one)))
  assert.equal(new Set(ids).size, ids.length, 'each mail once')
})
