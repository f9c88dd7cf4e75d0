/** Searches on the page, by everything that a person may know of a mail. */
import type { Page } from 'playwright-core'
import { NEEDLE } from '../admin/many-records.ts'

/** What is typed, by kind, and which mail is the answer; none where there is none. */
export const QUESTIONS: readonly (readonly [kind: string, typed: string, isFound: boolean])[] = [
  ['address', NEEDLE.from, true],
  ['domain', NEEDLE.domain, true],
  ['client', NEEDLE.remote, true],
  ['id', NEEDLE.id, true],
  ['Message-ID', `<${NEEDLE.messageId}>`, true],
  ['subject', 'zeppelin inventory', true],
  ['reply', 'zeppelins exceeded', true],
  ['plugin', NEEDLE.plugin, true],
  ['several words', `552 ${NEEDLE.domain} quarterly`, true],
  ['nothing', 'nobody@nowhere.test', false],
  ['words that never meet', `${NEEDLE.from} greylisted`, false],
]

/** What one search took, in milliseconds: for who has typed it until it is on the page, and of that the server. */
export interface Searched {
  readonly seen: number
  readonly server: number
}

/** Types it, and waits for the answer. */
export async function search(page: Page, typed: string, isFound: boolean): Promise<Searched> {
  const field = page.getByRole('searchbox')
  await field.fill(typed)
  const answered = page.waitForResponse(
    (one) => one.url().includes('/v1/transactions?') && one.url().includes('limit=50'),
  )
  const begun = performance.now()
  await field.press('Enter')
  const answer = await answered
  if (isFound) await page.locator('.story h2').getByText('552 5.2.2').waitFor()
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
