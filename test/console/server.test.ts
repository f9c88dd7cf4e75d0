/** The page on a real Postroad: mail comes over SMTP, the page shows it and acts on it, and hostile mail stays text. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { requires } from '../runner/requires.ts'
import { buildPage, Chromium, findBarriers, PACKAGES } from './browser.ts'
import { hostileMails } from './hostile.ts'
import { deliver, deliverMany, type RealServer, startRealServer } from './real-server.ts'

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

async function logIn(page: Page): Promise<void> {
  await page.getByText('Who are you?').waitFor()
  await page.getByLabel('Token').fill(real.token)
  await page.keyboard.press('Enter')
  await page.locator('.tabs a').first().waitFor()
}

test('a token typed once becomes a cookie that no script can read, and the page shows what there is', {
  skip,
}, async () => {
  await using window = await chromium.open(`${real.url}#queue`)
  const { page } = window
  await logIn(page)
  await page.getByText('Nothing waits.').waitFor()
  assert.equal(await page.evaluate('document.cookie'), '')
  assert.equal(String(await page.evaluate('JSON.stringify(localStorage)')).includes('prt_'), false)
  const [cookie] = await page.context().cookies()
  assert.deepEqual([cookie?.httpOnly, cookie?.sameSite], [true, 'Strict'])
  await page.reload()
  await page.getByText('Nothing waits.').waitFor()
})

test('mail that is sent is in the queue, and every attempt can be looked at', { skip }, async () => {
  assert.match(await deliver(real.smtp, 'Subject: Hello\n\nHi', 'bob@b.test'), /^250 /)
  await using window = await chromium.open(`${real.url}#queue`)
  const { page } = window
  await logIn(page)
  await page.locator('.queue tbody tr').first().waitFor()
  await page.locator('.sample .plainbtn').first().click()
  await page.getByText('From ann@example.test').waitFor()
  assert.deepEqual(await findBarriers(page), [])
  await page.keyboard.press('Escape')
  assert.deepEqual(
    window.complaints.filter((text) => !text.includes('401')),
    [],
  )
})

test('a transaction appears while it happens, and is found again with the reason of its refusal', {
  skip,
}, async () => {
  await using window = await chromium.open(`${real.url}#now`)
  const { page } = window
  await logIn(page)
  await page.getByText('Reply, or subject').waitFor()
  await page.waitForTimeout(1_000)
  assert.match(await deliver(real.smtp, 'Subject: live\n\nHi', 'nobody@a.test'), /^550 5\.1\.1/)
  assert.match(await deliver(real.smtp, 'Subject: a living letter\n\nHi', 'bob@b.test'), /^250 /)
  await page.locator('.tx').getByText('a living letter').waitFor()
  const refused = page.locator('.tx', { hasText: 'No such user here' })
  await refused.waitFor()
  await refused.click()
  await page.locator('.side .headline').getByText('550 5.1.1').waitFor()
  await page.locator('.side .op', { hasText: 'rules' }).locator('.c.reject').first().waitFor()
  const id = await refused.getAttribute('data-id')
  await page.keyboard.press('Enter')
  await page.locator('.story h2').getByText('550 5.1.1').waitFor()
  await page.goto(`${real.url}#why?q=${id}`)
  await page.locator('.story h2').getByText('550 5.1.1').waitFor()
  assert.deepEqual(await findBarriers(page), [])
})

test('overview, plugins and configuration of a real server have no barrier and draw what it knows', {
  skip,
}, async () => {
  assert.match(await deliver(real.smtp, 'Subject: one to count\n\nHi', 'bob@b.test'), /^250 /)
  await using window = await chromium.open(`${real.url}#overview`)
  const { page } = window
  await logIn(page)
  for (const [screen, shows] of [
    ['overview', '.volume rect'],
    ['plugins', '.plugins tbody tr'],
    ['config', '.config tbody tr'],
    ['doctor', '.checks li'],
  ] as const) {
    await page.goto(`${real.url}#${screen}`)
    await page.locator(shows).first().waitFor({ state: 'attached' })
    assert.deepEqual(await findBarriers(page), [], screen)
  }
})

test('10,000 messages are held and released: a preview, the number typed, a job that ends', {
  skip,
  timeout: 500_000,
}, async () => {
  const count = 10_000
  await deliverMany(real.smtp, count, (n) => `r${n}@many.test`)
  await using window = await chromium.open(`${real.url}#queue?find=${encodeURIComponent('domain:many.test')}`)
  const { page } = window
  await logIn(page)
  const act = async (button: string, word: string, done: string): Promise<void> => {
    await page.getByRole('button', { name: button }).click()
    await page.getByRole('heading', { name: `This would ${word} 10,000 messages.` }).waitFor({ timeout: 60_000 })
    const typed = page.getByLabel('Type 10000 to go on')
    if ((await typed.count()) > 0) await typed.fill('10000')
    await page.getByRole('button', { name: new RegExp(`^${done} 10,000`) }).click()
    await page.locator('.jobs li[data-state=done]').getByText('10,000 deliveries changed').first().waitFor({ timeout: 180_000 }) // biome-ignore format: short
    await page.reload()
    await page.locator('.tabs a').first().waitFor()
  }
  await act('Hold…', 'hold', 'Hold')
  await page.getByRole('definition').filter({ hasText: /^10,000$/ }).first().waitFor({ timeout: 60_000 }) // biome-ignore format: short
  await act('Release held…', 'release', 'Release')
})

test('hostile mail stays text: nothing runs, nothing is asked for outside, no field is taken for markup', {
  skip,
  timeout: 500_000,
}, async () => {
  const mails = hostileMails()
  for (const mail of mails) assert.match(await deliver(real.smtp, mail), /^250 /)
  await using window = await chromium.open(`${real.url}#quarantine`)
  const { page, requests, complaints } = window
  await logIn(page)
  await page
    .locator('.mails .mail')
    .nth(mails.length - 1)
    .waitFor()
  const title = await page.title()
  for (let n = 0; n < mails.length; n += 1) {
    if (n > 0) await page.keyboard.press('j')
    await page.locator('.reader .body').first().waitFor()
    await page.getByRole('button', { name: 'HTML in a cage' }).click()
    await page.locator('.cage, .reader p.body').filter({ hasNotText: /^$/ }).or(page.locator('.cage')).first().waitFor()
    if ((await page.locator('.cage').count()) > 0)
      await page.frameLocator('.cage').locator('body').waitFor({ state: 'attached' })
    await page.getByRole('button', { name: 'Fields' }).click()
    await page.locator('.kv.body dt').first().waitFor()
    await page.locator('body').click({ position: { x: 2, y: 2 } })
  }
  await page.waitForTimeout(500)
  assert.equal(await page.title(), title)
  assert.deepEqual(
    requests.filter((one) => !one.startsWith(real.url) && one !== 'about:blank'),
    [],
  )
  assert.deepEqual(
    complaints.filter((text) => /dialog|alert|broken|evil/.test(text)),
    [],
  )
  assert.equal(
    await page.locator('.mails script, .reader img, .reader script, .mails img, .reader a[href*=evil]').count(),
    0,
  )
  assert.ok((await page.getByText('U+202E').count()) > 0)
})

test('a mail is released from the quarantine by a key, and arrives', { skip }, async () => {
  assert.match(await deliver(real.smtp, 'Subject: [spam] but good\n\nA good one'), /^250 /)
  await using window = await chromium.open(`${real.url}#quarantine`)
  const { page } = window
  await logIn(page)
  await page.locator('.mail[aria-selected=true]').getByText('[spam] but good').waitFor()
  await page.locator('.reader .body').getByText('A good one').waitFor()
  await page.keyboard.press('r')
  await page.getByText('Released to alice@a.test.').waitFor()
  assert.match(real.released.at(-1) ?? '', /A good one/)
  await page.locator('.mail').getByText('[spam] but good').waitFor({ state: 'detached' })
})
