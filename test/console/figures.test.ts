/** Every figure of the overview is the server's: of its metrics, its queue and its status, over two workers, with mail of each kind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiAnswer } from '@postroad/admin-api'
import type { Page } from 'playwright-core'
import { requires } from '../runner/requires.ts'
import { buildPage, Chromium, findBarriers, PACKAGES } from './browser.ts'
import { type Gateway, startGateway } from './gateway/gateway.ts'

const skip = requires(...PACKAGES)
/** Mail of each kind. Greylisting knows nobody yet: a first attempt is put off, and the same again is taken. */
const MAIL = { taken: 9, waiting: 4, listed: 3, unknown: 2 } as const

test('each figure of the overview is that of metrics, queue and status', { skip, timeout: 240_000 }, async () => {
  buildPage()
  await using gateway = await startGateway(2)
  await sendAll(gateway)
  await using chromium = await Chromium.start()
  await using window = await chromium.open('about:blank')
  const { page } = window
  // Workers write their numbers now and then: the page is looked at until the last have come.
  const wanted = MAIL.taken + MAIL.waiting
  for (;;) {
    const { totals } = await ask<'summary'>(gateway, 'v1/summary?span=3600000')
    if (totals.accepted >= wanted && totals.refused >= MAIL.listed + MAIL.unknown && totals.deferred >= wanted) break
    await sleep(500)
  }
  await page.goto(`${gateway.web}#overview?span=3600000`)
  await page.locator('.volume rect').first().waitFor({ state: 'attached' })
  const metrics = parsed(await (await fetch(gateway.metrics)).text())
  const status = await ask<'status'>(gateway, 'v1/status')

  const volume = await namedNumbers(page, '.card:has(> h2:has-text("Volume")) .legend')
  assert.equal(volume.get('Accepted'), sumOf(metrics, 'postroad_messages_accepted_total'))
  assert.deepEqual([volume.get('Accepted'), volume.get('Deferred'), volume.get('Refused'), volume.get('Quarantined')], [wanted, wanted, MAIL.listed + MAIL.unknown, 0]) // biome-ignore format: one line

  const away = await barsOf(page, 'Turned away, by whose word')
  for (const plugin of ['greylist', 'dnsbl', 'recipients'])
    assert.equal(away.get(plugin), sumOf(metrics, 'postroad_refusals_total', `plugin="${plugin}"`), plugin)
  assert.deepEqual([...away.keys()].sort(), ['dnsbl', 'greylist', 'recipients'])

  // Those for nobody who listens wait; the others have been delivered, or are about to be.
  const waiting = Number(/^\d+/m.exec((await gateway.run('queue', 'stats')).split('\n')[1] ?? '')?.[0])
  assert.equal(waiting, MAIL.waiting)
  assert.equal(status.counts.waiting, waiting)
  const queue = page.locator('.card', { has: page.getByRole('heading', { name: 'Queue, by age' }) })
  assert.equal(await queue.locator('.figure b').innerText(), String(waiting))
  assert.equal((await barsOf(page, 'Queue, by age')).get('under 5 min'), waiting)
  assert.match(await queue.locator('.figure').innerText(), /oldest \d+ (?:s|min)/)

  // Nobody has begun TLS.
  const tls = page.locator('.card', { has: page.getByRole('heading', { name: 'How it came in' }) })
  assert.match(await tls.locator('.figure').innerText(), /0\.0 %/)
  assert.match(await tls.locator('.legend').innerText(), /in the clear\s*100\.0 %/)

  // Runs of plugins are transactions for the page, and calls for the metrics: of one recipient each they are as many.
  const { plugins } = await ask<'plugins'>(gateway, 'v1/plugins?span=3600000')
  const runs = new Map(plugins.map((one) => [one.name, one.runs]))
  assert.equal(runs.get('greylist'), sumOf(metrics, 'postroad_hook_seconds_count', 'plugin="greylist",hook="rcpt"'))
  assert.equal(runs.get('mime'), wanted)
  const ranges = await page.locator('.ranges th').allInnerTexts()
  for (const plugin of ['greylist', 'dnsbl', 'mime']) assert.ok(ranges.includes(plugin), `${plugin} in ${ranges}`)

  const sentence = await page.locator('#h-overview').innerText()
  const total = 2 * wanted + MAIL.listed + MAIL.unknown
  assert.equal(sentence, `Of ${total} transactions ${wanted} were accepted, ${MAIL.listed + MAIL.unknown} refused and ${wanted} refused for now; most often by greylist (${wanted}).`) // biome-ignore format: one line
  assert.deepEqual(await findBarriers(page), [])
  assert.deepEqual(window.complaints, [])
  // A page that is closed leaves nothing in the log.
  await page.goto('about:blank')
  const { items } = await ask<'logs'>(gateway, 'v1/logs?level=error')
  assert.deepEqual(items.map(({ text, fields }) => [text, fields]), []) // biome-ignore format: one line
})

async function sendAll(gateway: Gateway): Promise<void> {
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < MAIL.taken; n++) {
      const reply = await gateway.send({ subject: `taken ${n}`, from: `taken${n}@client.example` })
      assert.match(reply, round === 0 ? /^451 / : /^250 /)
    }
    for (let n = 0; n < MAIL.waiting; n++)
      await gateway.send({ from: `wait${n}@client.example`, to: ['x@dead.example'] })
    // As long as greylisting wants it.
    if (round === 0) await sleep(2_500)
  }
  for (let n = 0; n < MAIL.listed; n++)
    assert.match(await gateway.send({ remote: '203.0.113.66', from: `listed${n}@client.example` }), /^5/)
  for (let n = 0; n < MAIL.unknown; n++) assert.match(await gateway.send({ to: ['nobody@example.org'] }), /^550 /)
}

async function ask<K extends 'summary' | 'status' | 'plugins' | 'logs'>(
  gateway: Gateway,
  path: string,
): Promise<ApiAnswer<K>> {
  return (await (await fetch(gateway.web + path)).json()) as ApiAnswer<K> // its schema is held by other tests
}

type Sample = readonly [name: string, labels: string, value: number]

function parsed(text: string): readonly Sample[] {
  return text.split('\n').flatMap((line): readonly Sample[] => {
    const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    return name === '' ? [] : [[name, labels, Number(value)]]
  })
}

function sumOf(samples: readonly Sample[], wanted: string, label = ''): number {
  return samples.reduce(
    (sum, [name, labels, value]) => sum + (name === wanted && labels.includes(label) ? value : 0),
    0,
  )
}

/** `Accepted 70` of a legend. */
async function namedNumbers(page: Page, selector: string): Promise<ReadonlyMap<string, number>> {
  const text = await page.locator(selector).first().innerText()
  return new Map([...text.matchAll(/(\w+)\s+([\d,]+)/g)].map(([, word = '', count = '']) => [word, numberOf(count)]))
}

async function barsOf(page: Page, heading: string): Promise<ReadonlyMap<string, number>> {
  const rows = page.locator('.card', { has: page.getByRole('heading', { name: heading }) }).locator('tr')
  const all = await rows.evaluateAll(
    (list) =>
      list.map((row) =>
        [...(row as unknown as { cells: Iterable<{ textContent: string }> }).cells].map((cell) => cell.textContent),
      ), // rows of a table
  )
  return new Map(all.map((cells) => [cells[0] ?? '', numberOf(cells.at(-1) ?? '')]))
}

function numberOf(text: string): number {
  return Number(text.replaceAll(',', ''))
}
