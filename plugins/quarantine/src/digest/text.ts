/** Words of strangers in a mail and on a page of ours: they stay words, on their line, in their direction, and nothing to click on. */

import { escapeHtml } from '@postroad/options/link'

/** Longest text of a stranger's that is shown, in characters. */
const MOST = 160

/** Characters that turn the direction of what follows, are not seen, or end a line; joiners of emoji and scripts are left. */
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu

/**
 * One line without tricks. What cannot be seen is shown by its number, and what mail programs would make a link of is broken up.
 *
 * @example plainWords('invoice\u202efdp.exe') // 'invoice[U+202E]fdp.exe'
 */
export function plainWords(text: string): string {
  // Halves of characters become a sign that says so.
  const whole = Buffer.from(text)
    .toString()
    .replaceAll(/[\r\n\t ]+/g, ' ')
    .trim()
  const cut = [...whole].slice(0, MOST + 1)
  const short = cut.length > MOST ? `${cut.slice(0, MOST).join('')}…` : whole
  return short
    .replaceAll(HIDDEN, (one) => `[U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`)
    .replaceAll('://', '[://]')
    .replaceAll(/\bwww\./gi, (one) => `${one.slice(0, -1)}[.]`)
    .replaceAll(/([\p{L}\p{N}-])\.(?=[\p{L}]{2,}\/)/gu, '$1[.]')
}

/** A stranger's words as HTML: its direction ends where it ends. */
export function strangeHtml(text: string): string {
  return `<bdi dir="auto">${escapeHtml(plainWords(text))}</bdi>`
}

/** `Mon, 30 Nov 2026, 14:02`. */
export function timeInWords(at: number, timeZone: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  }).format(at)
}

/** `1 message`, `3 messages`. */
export function messagesInWords(count: number): string {
  return count === 1 ? '1 message' : `${new Intl.NumberFormat('en').format(count)} messages`
}
