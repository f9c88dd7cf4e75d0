/** Searches on the page, by everything that a person may know of a mail. */
import { readFileSync } from 'node:fs'
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

/** What one search took, in milliseconds. */
export interface Searched {
  /** From the key until the answer was painted, by the clock of the page. */
  readonly seen: number
  /** Of that the search itself, as the server says. */
  readonly server: number
  /**
   * The same on a machine of one's own: without the time in which the main threads of server and page had no processor, but never less than those
   * have computed.
   */
  readonly own: number
}

/** Types it, and waits for the answer. `mainThreads`: those on the way of it, as process ids. */
export async function search(
  page: Page,
  typed: string,
  { expected, mainThreads = [] }: { readonly expected: Question[2]; readonly mainThreads?: readonly number[] },
): Promise<Searched> {
  const field = page.getByRole('searchbox')
  await field.fill(typed)
  await page.evaluate(`void (globalThis.painted = (${whenPainted})(${JSON.stringify({ typed, expected })}))`)
  const answered = page.waitForResponse(
    (one) => one.url().includes('/v1/transactions?') && one.url().includes('limit=50'),
  )
  const before = scheduled(mainThreads)
  await field.press('Enter')
  const seen = Number(await page.evaluate('painted'))
  const after = scheduled(mainThreads)
  const [ran, queued] = [after.ran - before.ran, after.queued - before.queued]
  const { tookMs } = (await (await answered).json()) as { readonly tookMs: number }
  return { seen, server: tookMs, own: Math.max(seen - queued, ran) }
}

/** Milliseconds from the next Enter until the first answer to what is asked is on the page, and painted. It runs in the page. */
const whenPainted = `({ typed, expected }) => new Promise((resolve) => {
  const shown = (one) => document.querySelector(one + ':not([data-old])')
  const text = (one) => shown(one)?.textContent ?? ''
  const isThere = () =>
    expected === 'needle' ? text('.story h2').includes('552 5.2.2')
    : expected === 'many' ? shown('.found li') !== null
    : text('.empty h2').startsWith('No record of ' + typed)
  // What answers another question stays as long as that one.
  for (const one of document.querySelectorAll('.story h2, .found li, .empty h2')) one.dataset.old = ''
  addEventListener('keydown', ({ timeStamp }) => {
    const painted = () => {
      if (!isThere()) return requestAnimationFrame(painted)
      const { port1, port2 } = new MessageChannel()
      // Comes behind the frame in which it is drawn.
      requestAnimationFrame(() => { port1.onmessage = () => resolve(performance.now() - timeStamp); port2.postMessage(0) })
    }
    requestAnimationFrame(painted)
  }, { once: true, capture: true })
})`

/** Milliseconds that threads have run, and would have run if others had not. */
function scheduled(mainThreads: readonly number[]): { readonly ran: number; readonly queued: number } {
  let [ran, queued] = [0, 0]
  for (const id of mainThreads) {
    const [own, others] = readFileSync(`/proc/${id}/task/${id}/schedstat`, 'utf8').split(' ')
    ran += Number(own) / 1e6
    queued += Number(others) / 1e6
  }
  return { ran, queued }
}

/** Opens the page on Why. */
export async function openWhy(page: Page, token: string): Promise<void> {
  await page.getByText('Who are you?').waitFor()
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.locator('.hints').waitFor()
}
