/** Addresses of reports: `rfc822; user@example.com`, and those beyond ASCII, RFC 6533 §3. */
import { parseAddress } from '@postroad/mail'
import type { Address } from '@postroad/plugin'

/** Undefined when there is none, or it is none. */
export function typedAddress(value: string | undefined): Address | undefined {
  if (value === undefined) return undefined
  const cut = value.indexOf(';')
  const type = value.slice(0, Math.max(cut, 0)).trim().toLowerCase()
  const text = bare(value.slice(cut + 1))
  return type === 'utf-8' ? parse(decodeUtf8Address(text)) : (parse(text) ?? parse(decodeXtext(text)))
}

/** An address as a field has it, with or without angle brackets. */
export function plainAddress(value: string | undefined): Address | undefined {
  return value === undefined ? undefined : parse(bare(value))
}

function parse(text: string): Address | undefined {
  return parseAddress(text, { smtputf8: true })
}

function bare(text: string): string {
  const opened = text.indexOf('<')
  const closed = text.indexOf('>', opened)
  return (opened >= 0 && closed > opened ? text.slice(opened + 1, closed) : text).trim()
}

/** RFC 3461 §4: `+` and two hexadecimal digits. */
function decodeXtext(text: string): string {
  return text.replace(/\+([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}

/** RFC 6533 §3: `\x{1F600}`. */
function decodeUtf8Address(text: string): string {
  return text.replace(/\\x\{([0-9A-Fa-f]{1,6})\}/g, (written, digits: string) => {
    const point = Number.parseInt(digits, 16)
    return point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? written : String.fromCodePoint(point)
  })
}
