/** Makes text of octets in any charset that mail is written in: the decoders of the platform (WHATWG Encoding), by the names that mail uses. */
import { isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'

/** Names that mail uses and WHATWG does not know. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['cp932', 'shift_jis'],
  ['cp936', 'gbk'],
  ['cp949', 'euc-kr'],
  ['cp950', 'big5'],
  ['cp874', 'windows-874'],
  ['cp65001', 'utf-8'],
  ['euc-cn', 'gbk'],
  ['jis', 'iso-2022-jp'],
  // Without a byte order mark it is what the platform of its sender uses, and that of mail is little-endian.
  ['utf16', 'utf-16le'],
])
/** RFC 2978 §2.3 has 40 characters. */
const LABEL_LIMIT = 64

const decoders = new Map<string, TextDecoder | undefined>()

/** Text of octets in that charset (a name of any case; RFC 2231 §5's language behind it is left out); undefined when the platform has none such. */
export function decodeCharset(octets: Uint8Array, charset: string): string | undefined {
  const label = normalLabel(charset)
  // A declaration of ASCII says nothing of octets that are not.
  if (label === '' || isAsciiLabel(label)) return decodeUndeclared(octets)
  if (/^(?:unicode-1-1-)?utf-?7$/.test(label)) return decodeUtf7(octets)
  const marked = label.startsWith('utf-16') && octets[0] === 0xfe && octets[1] === 0xff ? 'utf-16be' : label
  return decoderOf(marked)?.decode(octets)
}

/** Text of octets whose charset nobody has said, or was lied about: UTF-8 where it is that, else what most of such mail is, windows-1252. */
export function decodeUndeclared(octets: Uint8Array): string {
  return decoderOf(isUtf8(octets) ? 'utf-8' : 'windows-1252')?.decode(octets) ?? ''
}

/** True for the names of US-ASCII, RFC 2046 §4.1.2. */
export function isAsciiLabel(label: string): boolean {
  return /^(?:us-?)?ascii$|^ansi_x3\.4-19(?:68|86)$/i.test(label)
}

function normalLabel(charset: string): string {
  const star = charset.indexOf('*')
  return (star < 0 ? charset : charset.slice(0, star)).slice(0, LABEL_LIMIT).trim().toLowerCase()
}

function decoderOf(label: string): TextDecoder | undefined {
  if (decoders.has(label)) return decoders.get(label)
  const decoder = makeDecoder(label)
  // Strangers choose labels: what they make up is not remembered.
  if (decoder && decoders.size < 200) decoders.set(label, decoder)
  return decoder
}

function makeDecoder(label: string): TextDecoder | undefined {
  const name =
    ALIASES.get(label) ??
    (/^(?:cs)?iso-?2022-?jp/.test(label) ? 'iso-2022-jp' : label.replace(/^win-?(?:dows)?-?(?=\d)/, 'windows-'))
  try {
    return new TextDecoder(name)
  } catch {
    // A name nobody knows is no failure: the caller reads the octets in another way.
    return undefined
  }
}

const SHIFT = 0x2b
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** RFC 2152; what is no base64 in a shifted run ends it. */
function decodeUtf7(octets: Uint8Array): string {
  const units = new Uint16Array(octets.length)
  let size = 0
  let isShifted = false
  let bits = 0
  let count = 0
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at] ?? 0
    const value = isShifted ? ALPHABET.indexOf(String.fromCharCode(octet)) : -1
    if (value >= 0) {
      bits = (bits << 6) | value
      count += 6
      if (count >= 16) units[size++] = (bits >> (count -= 16)) & 0xffff
    } else if (isShifted) {
      // "+-" is a plus; the hyphen that ends a run is not shown.
      if (octet === 0x2d && octets[at - 1] === SHIFT && count === 0) units[size++] = SHIFT
      else if (octet !== 0x2d) units[size++] = octet
      isShifted = false
    } else if (octet === SHIFT) {
      isShifted = true
      bits = count = 0
    } else units[size++] = octet
  }
  return Buffer.from(units.buffer, 0, size * 2).toString('utf16le')
}
