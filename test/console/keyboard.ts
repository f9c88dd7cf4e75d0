/** Everything by keys alone, as somebody works who has no mouse or wants none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skip, stage } from './stage.ts'

test('from a refusal among the rows to its reason, and back', { skip }, async () => {
  await using window = await stage.chromium.open(stage.url)
  const { page } = window
  await page.locator('.scroll .tx').first().waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('5xx dnsbl')
  await page.keyboard.press('Escape')
  await page.keyboard.press('j')
  await page.locator('.side .headline').getByText('Refused at RCPT by dnsbl').waitFor()
  const id = await page.locator('.tx[aria-selected=true]').getAttribute('data-id')
  assert.ok(id)
  await page.keyboard.press('Enter')
  await page.locator('.story h2').getByText('dnsbl').waitFor()
  assert.ok(page.url().endsWith(`#why?id=${id}`))
  await page.goBack()
  await page.locator(`.tx[data-id="${id}"][aria-selected=true]`).waitFor()
  await page.keyboard.press('Escape')
  await page.locator('.side').waitFor({ state: 'detached' })
})

test('rows do not run away: who has scrolled or paused keeps what is in view, and new ones are counted', {
  skip,
}, async () => {
  await using window = await stage.chromium.open(`${stage.url}#now`)
  const { page } = window
  await page.locator('.scroll .tx').first().waitFor()
  await page.keyboard.press('Space')
  const first = await page.locator('.scroll .tx[aria-rowindex="2"]').getAttribute('data-id')
  stage.server.emit(7)
  await page.getByText('7 new ↑').waitFor()
  assert.equal(await page.locator('.scroll .tx[aria-rowindex="2"]').getAttribute('data-id'), first)
  await page.keyboard.press('Space')
  await page.locator(`.scroll .tx[aria-rowindex="9"][data-id="${first}"]`).waitFor()
  for (let n = 0; n < 60; n += 1) await page.keyboard.press('j')
  const chosen = await page.locator('.tx[aria-selected=true]').getAttribute('data-id')
  stage.server.emit(5)
  await page.getByText('5 new ↑').waitFor()
  assert.equal(await page.locator('.tx[aria-selected=true]').getAttribute('data-id'), chosen)
  await page.keyboard.press('g')
  await page.getByText('5 new ↑').waitFor({ state: 'detached' })
})

test('under load only the rows in view are drawn, and the page keeps answering', { skip }, async () => {
  await using window = await stage.chromium.open(`${stage.url}#now`)
  const { page } = window
  await page.locator('.scroll .tx').first().waitFor()
  stage.server.state.rate = 400
  await page.waitForTimeout(4_000)
  stage.server.state.rate = 0
  assert.ok((await page.locator('.scroll .tx').count()) < 60)
  await page.keyboard.press('?')
  await page.getByRole('heading', { name: 'Keys' }).waitFor()
  assert.deepEqual(window.complaints, [])
})

test('queue: choose, hold with a preview, leave it by Escape; nothing was done', { skip }, async () => {
  await using window = await stage.chromium.open(`${stage.url}#overview`)
  const { page } = window
  await page.locator('.volume').waitFor()
  await page.keyboard.press('4')
  await page.locator('.queue tr[aria-selected=true]').waitFor()
  await page.keyboard.press('j')
  await page.locator('.queue tr[data-site="mx:mx1.example.org"][aria-selected=true]').waitFor()
  const before = stage.server.done.length
  await page.keyboard.press('h')
  await page.getByText('This would hold').waitFor()
  await page.keyboard.press('Escape')
  await page.locator('dialog').waitFor({ state: 'detached' })
  assert.equal(
    stage.server.done.slice(before).every(({ body }) => (body as { dryRun?: boolean }).dryRun),
    true,
  )
})

test('quarantine: the next one, release, delete after a question', { skip }, async () => {
  await using window = await stage.chromium.open(`${stage.url}#quarantine`)
  const { page } = window
  await page.locator('.mail[aria-selected=true]').waitFor()
  await page.keyboard.press('j')
  await page.locator('#kept-k1[aria-selected=true]').waitFor()
  await page.keyboard.press('r')
  await page.getByText('Released to alice@example.com.').waitFor()
  assert.equal(stage.server.done.at(-1)?.path, '/v1/quarantine/k1/release')
  await page.keyboard.press('d')
  await page.getByRole('heading', { name: 'Delete this message?' }).waitFor()
  await page.keyboard.press('Escape')
  assert.equal(
    stage.server.done.some(({ path }) => path.endsWith('/delete')),
    false,
  )
})

test('keys that come faster than the page draws are neither lost nor taken for others', { skip }, async () => {
  await using window = await stage.chromium.open(`${stage.url}#overview`)
  const { page } = window
  await page.locator('.volume').waitFor()
  // One task each, as the browser hands keys over, with nothing between them: no frame is drawn, and nothing is answered yet.
  const press = (...keys: string[]): Promise<unknown> =>
    page.evaluate(`new Promise((resolve) => {
      const rest = ${JSON.stringify(keys)}
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => {
        const key = rest.shift()
        if (key === undefined) return resolve()
        document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
        port2.postMessage(0)
      }
      port2.postMessage(0)
    })`)
  // Two down, before the server has said what there is; what acts on a message waits until one is there.
  await press('5', 'j', 'j', 'r')
  await page.locator('#kept-k2[aria-selected=true]').waitFor()
  const done = stage.server.done.length
  await press('j', 'r')
  await page.getByText('Released to alice@example.com.').waitFor()
  assert.deepEqual(
    stage.server.done.slice(done).map(({ path }) => path),
    ['/v1/quarantine/k3/release'],
  )
  // The question is open before the next key: nothing below it is meant by that.
  await press('d', 'j', 'Escape')
  await page.getByRole('heading', { name: 'Delete this message?' }).waitFor()
  await page.locator('#kept-k4[aria-selected=true]').waitFor()
  await page.keyboard.press('Escape')
  await press('4', 'j')
  await page.locator('.queue tr[data-site="mx:mx1.example.org"][aria-selected=true]').waitFor()
})

test('Tab reaches every control, and each shows that it has the focus', { skip }, async () => {
  await using window = await stage.chromium.open(`${stage.url}#plugins`)
  const { page } = window
  await page.locator('.plugins tbody tr').first().waitFor()
  const seen = new Set<string>()
  for (let n = 0; n < 50; n += 1) {
    await page.keyboard.press('Tab')
    const now = await page.evaluate(
      "(() => { const e = document.activeElement; const s = getComputedStyle(e); return e === document.body ? '' : (e.getAttribute('aria-label') || e.textContent).trim() + '|' + (s.outlineStyle !== 'none') })()",
    )
    // After the last one the browser's own window has the focus once.
    if (now === '') continue
    assert.match(String(now), /\|true$/)
    seen.add(String(now).split('|')[0] ?? '')
  }
  for (const word of ['Skip to the screen', 'Doctor', 'Keys', '7 d', 'Hooks and their waves'])
    assert.ok(
      [...seen].some((one) => one.includes(word)),
      `${word} of ${[...seen].join('; ')}`,
    )
})
