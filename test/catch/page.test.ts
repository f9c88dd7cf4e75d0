/** The page in Debian's Chromium: mail as it comes, by hand and by keys, hostile mail, dark and light, on a phone. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { buildPage, Chromium, findBarriers, PACKAGES, takePicture, type Window } from '../console/browser.ts'
import { hostileMails } from '../console/hostile.ts'
import { deliver } from '../console/real-server.ts'
import { requires } from '../runner/requires.ts'
import { type Stage, stage } from './stage.ts'

const skip = requires(...PACKAGES)
let chromium: Chromium
before(async () => {
  if (skip) return
  buildPage()
  chromium = await Chromium.start()
})
after(() => chromium?.[Symbol.asyncDispose]())

const WELCOME = {
  subject: 'Welcome to the shop, Bob',
  text: 'Confirm your address: https://shop.test/confirm?token=8d1f',
  html: `<style>.card { font-family: sans-serif; max-width: 560px; margin: 24px auto; padding: 32px; border-radius: 12px; background: #eef4ff; color: #1b2738 }
    .go { display: inline-block; padding: 12px 20px; border-radius: 8px; background: #1457b3; color: #fff; text-decoration: none }</style>
    <div class="card"><h1>Welcome, Bob</h1><p>One step is left: confirm that this address is yours.</p>
    <p><a class="go" href="https://shop.test/confirm?token=8d1f">Confirm my address</a></p>
    <p><img src="cid:logo@shop" width="16" height="16" alt="logo"> The Shop <img src="http://tracker.test/p.png" alt=""></p></div>`,
  attachments: [
    { filename: 'terms.pdf', content: Buffer.alloc(48_200), contentType: 'application/pdf' },
    {
      filename: 'logo.png',
      cid: 'logo@shop',
      content: Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
        'base64',
      ),
    },
  ],
}

/** What left the origin of the page. */
function strays({ requests }: Window, it: Stage): readonly string[] {
  return requests.filter((url) => !url.startsWith(it.url) && !url.startsWith('data:'))
}

test('mail is there as it comes; it is read as HTML, text, fields and source; keys and search do the rest', {
  skip,
}, async () => {
  await using it = await stage({ filters: {} })
  await using window = await chromium.open(it.url)
  const { page } = window
  await page.getByText('Nothing was caught yet.').waitFor()
  assert.deepEqual(await findBarriers(page), [])
  for (const [from, subject] of [
    ['billing@shop.test', 'Your invoice of November'],
    ['"Grace Hopper" <grace@navy.test>', 'Re: the bug in relay 70'],
    ['alerts@ops.test', 'Disk of db-2 is 91 % full'],
    ['no-reply@forum.test', 'Ann has answered you'],
  ] as const)
    await it.send({ from, subject, text: `${subject}: this is what it says.` })
  await it.send({ ...WELCOME, from: '"The Shop" <hello@shop.test>' })
  const option = page.getByRole('option')
  await option.filter({ hasText: 'Welcome to the shop' }).waitFor()
  await page.getByText('5 messages, 5 unread').waitFor()

  await page.keyboard.press('j')
  await page.getByRole('heading', { name: 'Welcome to the shop, Bob' }).waitFor()
  const frame = page.frameLocator('iframe')
  await frame.getByRole('heading', { name: 'Welcome, Bob' }).waitFor()
  // The picture of the message itself is shown; the one from elsewhere was not asked for.
  assert.equal(
    await frame
      .locator('img[alt=logo]')
      .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
    1,
  )
  await page.getByText('5 messages, 4 unread').waitFor()
  assert.deepEqual(await findBarriers(page), [])
  await takePicture(page, 'catch')
  assert.deepEqual(strays(window, it), [])

  await page.keyboard.press('2')
  await page.locator('.body', { hasText: 'https://shop.test/confirm?token=8d1f' }).waitFor()
  await page.keyboard.press('3')
  await page.locator('.fields dt', { hasText: 'MIME-Version' }).waitFor()
  await page.keyboard.press('4')
  await page.locator('pre.source', { hasText: 'Content-Type: multipart/' }).waitFor()
  await page.keyboard.press('5')
  await page.getByText('SPF, DKIM and DMARC were not looked at.').waitFor()
  await page.getByRole('heading', { name: 'What a filter would say' }).waitFor()
  await page.locator('.fields dd', { hasText: 'shown as Confirm my address' }).waitFor()
  assert.deepEqual(await findBarriers(page), [])
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: /terms\.pdf/ }).click(),
  ])
  assert.equal(download.suggestedFilename(), 'terms.pdf')

  await page.keyboard.press('u')
  await page.getByText('5 messages, 5 unread').waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('from:navy')
  await page.getByText('1 of 5 messages').waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('j')
  await page.getByRole('heading', { name: 'Re: the bug in relay 70' }).waitFor()
  await page.keyboard.press('d')
  await page.getByText('Nothing has “from:navy”.').waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await page.getByText('4 messages, 4 unread').waitFor()
  await page.keyboard.press('D')
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('Nothing was caught yet.').waitFor()
  assert.deepEqual(
    window.complaints.filter((text) => !text.includes('tracker.test')),
    [],
  )
})

test('what would come from elsewhere is asked for only when the switch says so', { skip }, async () => {
  await using it = await stage()
  await it.send(WELCOME)
  await using window = await chromium.open(`${it.url}#id=latest`)
  const { page } = window
  await page.frameLocator('iframe').getByRole('heading').waitFor()
  assert.deepEqual(strays(window, it), [])
  await page.route('http://tracker.test/**', (route) => route.abort())
  await Promise.all([
    page.waitForRequest('http://tracker.test/p.png'),
    page.getByLabel('load pictures and sheets from elsewhere').check(),
  ])
})

test('hostile mail: nothing runs, nothing leaves, the page stays the page', { skip }, async (t) => {
  await using it = await stage()
  // What the browser wants to ask for is one thing; that nothing arrives is the other.
  let hits = 0
  const elsewhere = createServer((_, answer) => {
    hits++
    answer.end()
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  t.after(() => elsewhere.close())
  const address = elsewhere.address()
  assert.ok(address !== null && typeof address === 'object')
  const here = `http://127.0.0.1:${address.port}`
  const mails = [
    ...hostileMails().map((mail) => mail.replaceAll('http://beacon.evil.example', here)),
    // What no reading of a sheet finds, and only the policy keeps in.
    `Subject: escapes\nContent-Type: text/html\n\n<style>p{background:u\\72l(${here}/css.png)} @\\69mport "${here}/a.css";</style><p>x</p>`,
  ]
  for (const mail of mails) assert.match(await deliver(it.smtp, mail), /^250 /)
  await using window = await chromium.open(it.url)
  const { page } = window
  await page.getByText(`${mails.length} messages, ${mails.length} unread`).waitFor()
  for (let n = 0; n < mails.length; n++) {
    await page.keyboard.press('j')
    await page.locator('.reader .seg').first().waitFor()
    const isHtml = await page.locator('iframe').count()
    if (isHtml > 0) await page.frameLocator('iframe').locator('body').waitFor({ state: 'attached' })
    for (const key of ['2', '3']) await page.keyboard.press(key)
  }
  assert.equal(hits, 0)
  // Wanted, and kept in by the policy.
  assert.deepEqual(
    strays(window, it).filter((url) => !url.endsWith('/css.png')),
    [],
  )
  assert.deepEqual(
    window.complaints.filter((text) => /alert|dialog|broken/.test(text) && !/refused|blocked|violates/i.test(text)),
    [],
  )
  assert.match(await page.title(), /Postroad catch/)
  assert.equal(page.url().startsWith(it.url), true)
})

test('on a phone the message covers the list; light has no barriers either; what goes and comes again is said', {
  skip,
}, async () => {
  await using it = await stage()
  await it.send(WELCOME)
  await using window = await chromium.open(it.url, { viewport: { width: 390, height: 844 }, colorScheme: 'light' })
  const { page } = window
  await page.getByRole('option').first().click()
  await page.frameLocator('iframe').getByRole('heading').waitFor()
  assert.equal(await page.getByRole('listbox').isVisible(), false)
  assert.deepEqual(await findBarriers(page), [])
  const isWide = await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')
  assert.equal(isWide, false, 'nothing stands out at the side')
  await page.getByRole('button', { name: '← Messages' }).click()
  await page.getByRole('listbox').waitFor()
  await it.running.close()
  await page.getByText('The server does not answer since').waitFor()
})
