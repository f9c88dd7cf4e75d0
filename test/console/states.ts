/** States that are not the good one: new, gone, in part, not allowed, not known. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { findBarriers } from './browser.ts'
import { FixtureServer } from './fixture-server.ts'
import { skip, stage } from './stage.ts'

/** A server that this test may change. */
async function fresh(t: TestContext): Promise<{ readonly server: FixtureServer; readonly url: string }> {
  const server = new FixtureServer()
  t.after(() => server[Symbol.asyncDispose]())
  return { server, url: await server.listen() }
}

test('a server that has just been started says on each screen what would be there', { skip }, async (t) => {
  const { server, url } = await fresh(t)
  server.state.isNew = true
  const words: Readonly<Record<string, string>> = {
    overview: 'No mail in this span.',
    now: 'No mail yet. Send the first one:',
    why: 'Ask about a mail.',
    queue: 'Nothing waits.',
    quarantine: 'Nothing is in quarantine.',
  }
  await using window = await stage.chromium.open('about:blank')
  for (const [screen, text] of Object.entries(words)) {
    await window.page.goto(`${url}#${screen}`)
    await window.page.getByText(text).waitFor()
    assert.deepEqual(await findBarriers(window.page), [])
    assert.deepEqual(window.complaints, [])
  }
})

test('what is not found is said with what to ask next', { skip }, async (t) => {
  const { url } = await fresh(t)
  await using window = await stage.chromium.open(`${url}#why?q=nobody-has-this`)
  await window.page.getByText('No record of nobody-has-this in the last 14 d.').waitFor()
  await window.page.getByText('the id at the end of our reply is enough').waitFor()
})

test('three of four workers: the head says so', { skip }, async (t) => {
  const { server, url } = await fresh(t)
  server.state.answered = 3
  await using window = await stage.chromium.open(`${url}#overview`)
  await window.page.getByText('3 of 4 workers').waitFor()
  assert.deepEqual(await findBarriers(window.page), [])
})

test('a server that is gone is said in one line, what was known stays, and it comes back by itself', {
  skip,
}, async (t) => {
  const { url } = await fresh(t)
  await using window = await stage.chromium.open(`${url}#queue`)
  const { page } = window
  await page.locator('.queue tbody tr').first().waitFor()
  await page.route('**/v1/**', (route: { abort(): Promise<void> }) => route.abort())
  await page.getByText('The server does not answer since').waitFor({ timeout: 30_000 })
  await page.getByText('no answer').waitFor()
  assert.equal(await page.locator('.queue tbody tr').count(), 7)
  assert.deepEqual(await findBarriers(page), [])
  await page.unroute('**/v1/**')
  await page.getByText('The server does not answer since').waitFor({ state: 'detached', timeout: 30_000 })
})

test('who may only read sees no button that would do something, and no content of mails', { skip }, async (t) => {
  const { server, url } = await fresh(t)
  server.state.role = 'read'
  await using window = await stage.chromium.open(`${url}#queue`)
  const { page } = window
  await page.locator('.queue tbody tr').first().waitFor()
  assert.equal(await page.getByRole('toolbar').count(), 0)
  await page.keyboard.press('r')
  await page.keyboard.press('d')
  assert.equal(await page.locator('dialog').count(), 0)
  await page.keyboard.press('5')
  await page.getByText('What is written in it is for the role operate.').waitFor()
  assert.equal(await page.getByRole('button', { name: /Release|Delete/ }).count(), 0)
  assert.deepEqual(server.done, [])
  assert.equal(
    server.asked.some((path) => path.endsWith('/text')),
    false,
  )
})

test('a token becomes a session; a wrong one is said and not kept in the form', { skip }, async (t) => {
  const { server, url } = await fresh(t)
  server.state.token = 'prt_right'
  await using window = await stage.chromium.open(url)
  const { page } = window
  await page.getByText('Who are you?').waitFor()
  assert.deepEqual(await findBarriers(page), [])
  await page.keyboard.type('prt_wrong')
  await page.keyboard.press('Enter')
  await page.getByText('This token is not known').waitFor()
  assert.equal(await page.getByLabel('Token').inputValue(), '')
  await page.keyboard.type('prt_right')
  await page.keyboard.press('Enter')
  await page.locator('.scroll .tx').first().waitFor()
  assert.equal(await page.evaluate('document.cookie + JSON.stringify(localStorage)'), '{"theme":""}')
})

test('a link with a ticket logs in, and the ticket does not stay in the address', { skip }, async (t) => {
  const { server, url } = await fresh(t)
  server.state.token = 'one-time'
  await using window = await stage.chromium.open(`${url}#ticket=one-time`)
  await window.page.locator('.scroll .tx').first().waitFor()
  assert.equal(new URL(window.page.url()).hash, '#now')
})

test('a token that has been revoked leads back to the form', { skip }, async (t) => {
  const { server, url } = await fresh(t)
  await using window = await stage.chromium.open(`${url}#overview`)
  await window.page.locator('.volume').waitFor()
  server.state.token = 'another'
  await window.page.keyboard.press('4')
  await window.page.getByText('Who are you?').waitFor()
})

test('a stream of events that is refused is said on Now in the words of the server, and comes by itself when there is room', {
  skip,
}, async (t) => {
  const { server, url } = await fresh(t)
  server.state.isFull = true
  await using window = await stage.chromium.open(`${url}#now`)
  const { page } = window
  await page.getByText('200 readers of events are as many as this server has at once').waitFor()
  await page.locator('#pause').getByText('No events').waitFor()
  assert.deepEqual(await findBarriers(page), [])
  server.state.isFull = false
  await page.locator('#pause').getByText('Live').waitFor()
  assert.equal(await page.locator('.trouble').count(), 0)
})
