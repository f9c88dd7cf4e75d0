/** On a real Postroad: filters are taught, a mail is tried again, tokens are made and revoked, and the log is read, without leaving the page. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { junk } from '@postroad/junk'
import { definePlugin, desk, type HostOperator, LearningDesk } from '@postroad/plugin'
import { requires } from '../runner/requires.ts'
import { buildPage, Chromium, findBarriers, PACKAGES, type Window } from './browser.ts'
import { deliver, type RealServer, startRealServer } from './real-server.ts'

const skip = requires(...PACKAGES)
let chromium: Chromium
let real: RealServer
const lessons: (readonly [string, string | undefined])[] = []

/** Learns, and warns of what it has seen in words that would be markup elsewhere. */
const apprentice = definePlugin({
  name: 'apprentice',
  setup: ({ log }) => ({
    message: ({ message }) => {
      log.warn({ subject: message.subject, password: 'hunter2' }, 'this one is <b>odd</b>')
    },
    desks: [
      desk(LearningDesk, {
        async learn(message, { as }) {
          lessons.push([as, message.subject])
          return 'learned'
        },
      }),
    ],
  }),
})
const operator: HostOperator = {
  rehearse: async (octets, { from }) => {
    if (!Buffer.from(octets).includes('Subject: ')) throw new Error('the octets did not come')
    const reply = '550 5.7.1 Not that one'
    const opinions = [{ plugin: 'rules', hook: 'message', kind: 'reject', status: '5.7.1', text: 'Not that one' }]
    const record = {
      event: 'transaction',
      id: 'try.1',
      time: new Date().toISOString(),
      remote: '192.0.2.1',
      from,
      to: ['alice@a.test'],
      size: octets.length,
      opinions,
      reply,
    }
    return { steps: [{ command: '.', reply }], record }
  },
}

before(async () => {
  if (skip) return
  buildPage()
  real = await startRealServer({
    operator,
    more: (app) => void app.use(apprentice()).use(junk({ budget: '1 in 2000' })),
  })
  chromium = await Chromium.start()
})
after(async () => {
  await chromium?.[Symbol.asyncDispose]()
  await real?.[Symbol.asyncDispose]()
})

async function open(fragment: string, token: string, options: Parameters<Chromium['open']>[1] = {}): Promise<Window> {
  const window = await chromium.open(`${real.url}${fragment}`, options)
  await window.page.getByLabel('Token').fill(token)
  await window.page.keyboard.press('Enter')
  await window.page.locator('.tabs a').first().waitFor()
  return window
}

/** Lessons that the junk filter has, as spam and as ham. */
async function learned(): Promise<readonly [number, number]> {
  const answer = await fetch(`${real.url}v1/junk/stats`, { headers: { authorization: `Bearer ${real.token}` } })
  const { spam, ham } = (await answer.json()) as { readonly spam: number; readonly ham: number } // its own tests hold it
  return [spam, ham]
}

test('a mail of the quarantine is taught to filters, and tried with the rules of today', { skip }, async () => {
  assert.match(await deliver(real.smtp, 'Subject: [spam] teach me\n\nbuy'), /^250 /)
  await using window = await open('#quarantine', real.token)
  const { page } = window
  await page.getByRole('button', { name: 'It is spam' }).click()
  await page.getByText('apprentice: learned').waitFor()
  await page.getByText('junk: learned').waitFor()
  assert.deepEqual(lessons, [['spam', '[spam] teach me']])
  assert.deepEqual(await learned(), [1, 0])
  // A second thought takes the first one back.
  await page.getByRole('button', { name: 'It is not' }).click()
  for (;;) {
    const [spam, ham] = await learned()
    if (spam === 0 && ham === 1) break
    await page.waitForTimeout(20)
  }
  assert.deepEqual(lessons.at(-1), ['ham', '[spam] teach me'])
  await page.getByRole('link', { name: 'Why?' }).click()
  await page.getByRole('button', { name: 'Try it with the present rules' }).click()
  await page.locator('.cmp tr', { hasText: 'Now' }).getByText('550 5.7.1').waitFor()
  await page.locator('.cmp tr', { hasText: 'Then' }).getByText('250 2').waitFor()
  assert.deepEqual(await findBarriers(page), [])
  assert.deepEqual(
    window.complaints.filter((text) => !text.includes('401')),
    [],
  )
})

test('a token is made, shown once, works, and is revoked; who may not has no part of it', { skip }, async () => {
  await using window = await open('#config', real.adminToken)
  const { page } = window
  await page.getByRole('button', { name: 'New token…' }).click()
  await page.getByLabel('Name, as it will stand in the log').fill('ann')
  await page.getByLabel('May').selectOption('operate')
  assert.deepEqual(await findBarriers(page), [])
  await page.getByRole('button', { name: 'Make it' }).click()
  const secret = (await page.locator('.secret').textContent()) ?? ''
  assert.match(secret, /^prt_[\w-]{43}$/)
  assert.deepEqual(await findBarriers(page), [])
  await page.getByRole('button', { name: 'Done' }).click()
  await page
    .locator('.tokens li', { hasText: 'ann' })
    .getByText(/^operate, made today, until /)
    .waitFor()
  assert.equal((await page.content()).includes(secret), false)
  assert.deepEqual(await findBarriers(page), [])
  await page.getByRole('button', { name: 'Revoke ann' }).click()
  await page.getByRole('button', { name: 'Revoke', exact: true }).click()
  await page.getByText('The token ann is worth nothing any more.').waitFor()
  await page.locator('.tokens li').waitFor({ state: 'detached' })
  await using other = await open('#config', real.token)
  await other.page.locator('.config tbody tr').first().waitFor()
  assert.equal(await other.page.getByRole('heading', { name: 'Tokens' }).count(), 0)
})

test('doctor shows what the log has warned of, as text, without secrets', { skip }, async () => {
  await deliver(real.smtp, 'Subject: <img src=x onerror=alert(1)>\n\nx', 'bob@b.test')
  await using window = await open('#doctor', real.token)
  const { page } = window
  await page.getByText('this one is <b>odd</b>').first().waitFor()
  const shown = (await page.locator('main').textContent()) ?? ''
  assert.ok(shown.includes('<img src=x onerror=alert(1)>'), shown)
  assert.ok(!shown.includes('hunter2'))
  assert.deepEqual(await findBarriers(page), [])
})
