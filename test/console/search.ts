/** Searches on the page, by everything that a person may know of a mail. */
import type { Page } from 'playwright-core'
import { NEEDLE } from '../admin/many-records.ts'

/** What is typed, by kind, and what is the answer: that mail, many, or none. */
export type Question = readonly [kind: string, typed: string, answer: 'needle' | 'many' | 'none']

/** @param at when the needle was; the page has the time of UTC */
export function questionsOf(at: number): readonly Question[] {
  const minute = new Date(at).toISOString().slice(0, 16)
  return [
    ['address', NEEDLE.from, 'needle'],
    ['domain', NEEDLE.domain, 'needle'],
    ['client', NEEDLE.remote, 'needle'],
    ['id', NEEDLE.id, 'needle'],
    ['Message-ID', `<${NEEDLE.messageId}>`, 'needle'],
    ['subject', 'zeppelin inventory', 'needle'],
    ['reply', 'zeppelins exceeded', 'needle'],
    ['plugin', NEEDLE.plugin, 'needle'],
    ['time', minute.slice(0, 10), 'many'],
    ['time and a word', `${minute} 552`, 'needle'],
    ['several words', `552 ${NEEDLE.domain} quarterly`, 'needle'],
    ['nothing', 'nobody@nowhere.test', 'none'],
    ['words that never meet', `${NEEDLE.from} greylisted`, 'none'],
  ]
}

/** What one search took, in milliseconds: for who has typed it until the first answer is on the page, and of that the server. */
export interface Searched {
  readonly seen: number
  readonly server: number
}

/** Types it, and waits for the answer. */
export async function search(page: Page, typed: string, expected: Question[2]): Promise<Searched> {
  const field = page.getByRole('searchbox')
  await field.fill(typed)
  const answered = page.waitForResponse(
    (one) => one.url().includes('/v1/transactions?') && one.url().includes('limit=50'),
  )
  const begun = performance.now()
  await field.press('Enter')
  const answer = await answered
  if (expected === 'needle') await page.locator('.story h2').getByText('552 5.2.2').waitFor()
  else if (expected === 'many') await page.locator('.found li').first().waitFor()
  else await page.getByText('No record of').waitFor()
  const { tookMs } = (await answer.json()) as { readonly tookMs: number }
  return { seen: performance.now() - begun, server: tookMs }
}

/** Opens the page on Why. */
export async function openWhy(page: Page, token: string): Promise<void> {
  await page.getByText('Who are you?').waitFor()
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.locator('.hints').waitFor()
}
