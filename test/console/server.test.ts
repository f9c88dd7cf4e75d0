/** The page on a real Postroad: mail comes over SMTP, the page shows it and acts on it, and hostile mail stays text. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { SmtpClient } from '../failure/smtp-client.ts'
import { requires } from '../runner/requires.ts'
import { buildPage, Chromium, findBarriers, PACKAGES, type Window } from './browser.ts'
import { holdAndRelease, readHostile } from './heavy.ts'
import { hostileMails } from './hostile.ts'
import { deliver, type RealServer, startRealServer } from './real-server.ts'

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

async function openLoggedIn(fragment: string): Promise<Window> {
  const window = await chromium.open(`${real.url}${fragment}`)
  await logIn(window.page)
  return window
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

test('a connection that is open is traced from its row: both directions and hooks, until it is ended', {
  skip,
}, async () => {
  await using window = await chromium.open(`${real.url}#now`)
  const { page } = window
  await logIn(page)
  await page.getByText('Reply, or subject').waitFor()
  const client = await SmtpClient.connect(real.smtp)
  await client.reply()
  await client.send('EHLO traced.test')
  await client.send('MAIL FROM:<traced@example.test>')
  const row = page.locator('.tx', { hasText: 'traced' })
  await row.waitFor()
  await row.click()
  await page.getByRole('button', { name: 'Trace' }).click()
  await page.getByText('Listening.').waitFor()
  await client.send('RCPT TO:<nobody@a.test>')
  const trace = page.getByRole('region', { name: /^Trace of/ })
  await trace.getByText('RCPT TO:<nobody@a.test>').waitFor()
  await trace.getByText(/^550 5\.1\.1 No such user here/).waitFor()
  await trace.getByText(/^rcpt: rules reject/).waitFor()
  assert.deepEqual(await findBarriers(page), [])
  await page.getByRole('button', { name: 'End trace' }).click()
  await trace.waitFor({ state: 'detached' })
  await client.quit()
  assert.deepEqual(
    window.complaints.filter((text) => !text.includes('401')),
    [],
  )
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

test('500 messages are held and released: a preview, the number typed, a job that ends', { skip }, async () => {
  await holdAndRelease(await openLoggedIn('#queue?find=domain%3Amany.test'), real, 500)
})

test('hostile mail stays text: nothing runs, nothing is asked for outside, no field is taken for markup', {
  skip,
}, async () => {
  const mails = hostileMails()
  // A script, one of an attribute, sheets, a form, links that run, and attachments; all of them are in `server.long.ts`.
  await readHostile(
    [0, 2, 3, 8, 9, mails.length - 1].map((n) => mails[n] ?? ''),
    { real, open: () => openLoggedIn('#quarantine') },
  )
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
