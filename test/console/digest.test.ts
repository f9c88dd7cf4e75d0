/** A digest as its recipient sees it, and the page that a link leads to: without scripts, without requests to anybody, and usable by everybody. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { htmlOf } from '../digest/parse.ts'
import { linksOf, start } from '../digest/server.ts'
import { requires } from '../runner/requires.ts'
import { Chromium, findBarriers, PACKAGES, takePicture } from './browser.ts'

const skip = requires(...PACKAGES)
let chromium: Chromium
before(async () => {
  if (!skip) chromium = await Chromium.start()
})
after(() => chromium?.[Symbol.asyncDispose]())

const LOOK = { colorScheme: 'light' as const, viewport: { width: 720, height: 760 } }

test('the mail is read, a link asks, a button releases; hostile words come to nothing', { skip }, async (t) => {
  const it = await start(t)
  await it.send('[spam] Your invoice 4711', ['alice@example.com'], '', 'Billing <billing@shop.example>')
  await it.send('[spam] <img src=http://beacon.evil.example/x onerror=alert(1)>\u202egpj.exe', ['alice@example.com'])
  await it.send('[spam] Tickets for Friday', ['alice@example.com'], '', 'Concert hall <ann@example.test>')
  await it.run('digest', '--send', 'alice@example.com')
  const [digest = ''] = await it.mailbox('alice')
  {
    await using window = await chromium.open('about:blank', LOOK)
    const { page, requests, complaints } = window
    await page.setContent(htmlOf(digest))
    await page.getByRole('heading', { name: '3 messages for alice@example.com' }).waitFor()
    assert.equal(await page.getByRole('link', { name: 'Release' }).count(), 3)
    assert.deepEqual(await findBarriers(page), [])
    assert.deepEqual([requests.filter((one) => one !== 'about:blank'), complaints], [[], []])
    assert.equal(await page.locator('img, script').count(), 0)
    await takePicture(page, 'digest-mail')
  }
  const here = (link: string): string => `http://127.0.0.1:${it.ports.links}${new URL(link).pathname}`
  const [release = ''] = linksOf(digest).release
  await using window = await chromium.open(here(release), { ...LOOK, viewport: { width: 720, height: 420 } })
  const { page, requests, complaints } = window
  await page.getByRole('heading', { name: 'Release this message?' }).waitFor()
  assert.deepEqual(await findBarriers(page), [])
  assert.equal(await page.evaluate("getComputedStyle(document.querySelector('main')).borderRadius"), '10px', 'the policy lets our sheet through') // biome-ignore format: short
  await takePicture(page, 'digest-confirm')
  assert.equal((await it.mailbox('alice')).length, 1)
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Released' }).waitFor()
  assert.match((await it.mailbox('alice')).at(-1) ?? '', /The body of \[spam\]/)
  assert.deepEqual(complaints, [])
  assert.deepEqual(
    requests.filter((one) => !one.startsWith(`http://127.0.0.1:${it.ports.links}/`)),
    [],
  )
})
