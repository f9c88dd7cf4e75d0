/** The encoding of text in parameters of MAIL and RCPT, RFC 3461 §4. */
import { decodeUtf8 } from '../wire/utf8.ts'

/** RFC 3461 §4: xtext is printable ASCII but `+` and `=`, or `+` and two upper-case hexadecimal digits. RFC 6533 §3: UTF-8 as it is. */
const XTEXT = /^(?:[!-*,-<>-~\u0080-\u{10ffff}]|\+[0-9A-F]{2})+$/u

/**
 * What the xtext stands for; undefined when it is not xtext, or has something in it that is not printable: `+0D+0A` would end the line
 * of whoever writes it into a log, a header field or a report.
 */
export function decodeXtext(text: string): string | undefined {
  if (!XTEXT.test(text)) return undefined
  const decoded = text.includes('+') ? decodeOctets(text) : text
  return decoded === undefined || /[\x00-\x1f\x7f-\x9f]/.test(decoded) ? undefined : decoded
}

/** What is encoded are octets, and together they must be text: of others nobody could say the same again to the next hop. */
function decodeOctets(text: string): string | undefined {
  const octets = Buffer.from(text).toString('latin1')
  return decodeUtf8(
    octets.replace(/\+([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  )
}
