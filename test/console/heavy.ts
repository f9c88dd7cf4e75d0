/** What is done in both lengths: a little of it in `npm test`, all of it in `npm run console:test`. */
import assert from 'node:assert/strict'
import type { Window } from './browser.ts'
import { deliver, deliverMany, type RealServer } from './real-server.ts'

/** So many messages for many.test are held and released; the window shows the queue's search for that domain. */
export async function holdAndRelease(window: Window, real: RealServer, count: number): Promise<void> {
  await using opened = window
  const { page } = opened
  const words = new Intl.NumberFormat('en').format(count)
  await deliverMany(real.smtp, count, (n) => `r${n}@many.test`)
  const act = async (button: string, word: string, done: string): Promise<void> => {
    await page.getByRole('button', { name: button }).click()
    await page.getByRole('heading', { name: `This would ${word} ${words} messages.` }).waitFor({ timeout: 60_000 })
    const typed = page.getByLabel(`Type ${count} to go on`)
    if ((await typed.count()) > 0) await typed.fill(String(count))
    await page.getByRole('button', { name: new RegExp(`^${done} ${words}`) }).click()
    await page.locator('.jobs li[data-state=done]').getByText(`${words} deliveries changed`).first().waitFor({ timeout: 180_000 }) // biome-ignore format: short
    await page.reload()
    await page.locator('.tabs a').first().waitFor()
  }
  await act('Hold…', 'hold', 'Hold')
  await page.getByRole('definition').filter({ hasText: new RegExp(`^${words}$`) }).first().waitFor({ timeout: 60_000 }) // biome-ignore format: short
  await act('Release held…', 'release', 'Release')
}

/** Each is quarantined, chosen by a key, and looked at in all three views; nothing of any comes to life. */
export async function readHostile(
  mails: readonly string[],
  { real, open }: { readonly real: RealServer; open(): Promise<Window> },
): Promise<void> {
  for (const mail of mails) assert.match(await deliver(real.smtp, mail), /^250 /)
  await using window = await open()
  const { page, requests, complaints } = window
  const rows = page.locator('.mails .mail')
  await rows.nth(mails.length - 1).waitFor()
  const title = await page.title()
  for (let n = 0; n < mails.length; n += 1) {
    if (n > 0) await page.keyboard.press('j')
    await rows.nth(n).and(page.locator('[aria-selected=true]')).waitFor()
    await page.locator('.reader .body').first().waitFor()
    await page.getByRole('button', { name: 'HTML in a cage' }).click()
    await page.locator('.cage, .reader p.body').filter({ hasNotText: /^$/ }).or(page.locator('.cage')).first().waitFor()
    if ((await page.locator('.cage').count()) > 0)
      await page.frameLocator('.cage').locator('body').waitFor({ state: 'attached' })
    await page.getByRole('button', { name: 'Fields' }).click()
    await page.locator('.kv.body dt').first().waitFor()
    await page.locator('body').click({ position: { x: 2, y: 2 } })
  }
  await page.waitForTimeout(300)
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
}
