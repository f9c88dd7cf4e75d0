/** Further header fields of a program's own. */
import { MUST } from './field.ts'
import { type Fault, pointerOf } from './refusal.ts'

/** RFC 5322 §3.6.8. */
const NAME = /^[!-9;-~]{1,76}$/
const OWN: ReadonlyMap<string, string> = new Map([
  ['from', 'from'],
  ['to', 'to'],
  ['cc', 'cc'],
  ['bcc', 'bcc'],
  ['reply-to', 'replyTo'],
  ['subject', 'subject'],
  ['return-path', 'returnPath'],
])
/** What a server, or the message itself, must say. */
const OURS =
  /^(?:date|message-id|mime-version|content-.*|received|dkim-signature|arc-.*|authentication-results|resent-.*|sender|apparently-to|delivered-to|x-envelope-.*)$/

/** Names and values in their order. */
export function readHeaders(
  headers: Readonly<Record<string, string | readonly string[]>>,
  faults: Fault[],
): readonly (readonly [name: string, value: string])[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const known = name.toLowerCase()
    const own = OWN.get(known)
    const detail = !NAME.test(name)
      ? 'is no name of a header field, RFC 5322 §3.6.8'
      : own !== undefined
        ? `has a key of its own: ${own}`
        : OURS.test(known)
          ? 'is written by the server'
          : undefined
    if (detail !== undefined) faults.push({ pointer: pointerOf(['headers', name]), detail })
    const values = typeof value === 'string' ? [value] : value
    for (const one of values)
      if (one.split(' ').some((word) => Buffer.byteLength(word) > MUST - 80))
        faults.push({
          pointer: pointerOf(['headers', name]),
          detail: `has a word that is too long for a line of ${MUST} octets, RFC 5322 §2.1.1`,
        })
    return values.map((one) => [name, one] as const)
  })
}
