/** What the next hop says, as our own refusal of a client. */
import type { Reply } from '@postroad/mail'
import { type Defer, defer, type PermanentStatus, type Reject, reject, type TransientStatus } from '@postroad/plugin'

/** Codes that say that we and the next hop do not get along; the client's mail is not to blame, RFC 5321 §4.2.2, RFC 4954 §6. */
const OUR_FAULT: ReadonlySet<number> = new Set([500, 502, 503, 504, 530, 534, 535, 538])

const MAX_TEXT = 450

/**
 * The refusal for a reply of class 4 or 5 (anything else counts as 4): its code, status and text, as far as they make sense
 * to a client.
 */
export function toRefusal(reply: Reply): Reject | Defer {
  const text = printable(reply.text) || 'The next hop refused'
  if (reply.code >= 500 && !OUR_FAULT.has(reply.code)) {
    const status = reply.status as PermanentStatus | undefined // the parser keeps a status of the code's class only
    return reject(text, { status: status ?? '5.0.0', code: reply.code })
  }
  if (OUR_FAULT.has(reply.code)) return defer(text, { status: '4.3.5', code: 451 })
  const status = reply.status as TransientStatus | undefined // as above
  // RFC 5321 §4.2.2: 421 would say that our own connection closes.
  const code = reply.code > 421 && reply.code < 500 ? reply.code : 451
  return defer(text, { status: status?.startsWith('4.') ? status : '4.0.0', code })
}

/** The next hop could not be asked; why is in the log, and no business of the client's. */
export const UNAVAILABLE: Defer = defer('The next hop is not available, try again later', {
  status: '4.4.1',
  code: 451,
})

/** One line of printable ASCII, RFC 5321 §4.2.1. */
export function printable(text: string): string {
  return text
    .replaceAll('\n', ' ')
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, MAX_TEXT)
    .trim()
}
