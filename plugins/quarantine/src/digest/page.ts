/** The pages that links of a digest lead to. They load nothing, run nothing, and do nothing until a button is pressed. */
import { escapeHtml, type LinkPage, linkPage } from '@postroad/options/link'
import type { VaultEntry } from '../entry.ts'
import type { LinkAction } from './link.ts'
import { strangeHtml, timeInWords } from './text.ts'

/** What a page says. */
export interface PageWords extends Omit<LinkPage, 'more'> {
  /** The message it is about. */
  readonly about?: { readonly entry: VaultEntry; readonly timeZone: string }
  /** A button that does it. */
  readonly action?: LinkAction
}

/** The answer. */
export function pageOf(
  { status, title, text, about, action }: PageWords,
  headers: Record<string, string> = {},
): Response {
  const facts =
    about === undefined
      ? ''
      : `<dl><dt>Subject</dt><dd>${strangeHtml(about.entry.subject ?? '(no subject)')}</dd>
<dt>From</dt><dd>${strangeHtml(about.entry.author ?? (about.entry.from || '<>'))}</dd>
<dt>Date</dt><dd>${escapeHtml(timeInWords(about.entry.at, about.timeZone))}</dd></dl>`
  const form =
    action === undefined
      ? ''
      : `<form method="post"><button class="${action}" name="confirm" value="yes">${action === 'release' ? 'Release' : 'Delete'}</button></form>`
  return linkPage({ status, title, text, more: `${facts}\n${form}` }, headers)
}
