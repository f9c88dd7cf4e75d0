/** Charsets of mail, by what the runtime knows of them: the names of the WHATWG Encoding Standard. */

/** `octets` as text; undefined when the charset is unknown or they are not of it. */
export function decode(octets: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(octets)
  } catch {
    // A name that is unknown (RangeError) and octets that are none of the charset's (TypeError) are the two answers "no".
    return undefined
  }
}

/** Whether octets of ASCII mean the same in this charset; so what is ASCII can be put between its text. */
export function isAsciiSuperset(charset: string): boolean {
  return decode(PRINTABLE, charset) === PRINTABLE.toString('latin1')
}

const PRINTABLE = Buffer.from([0x0d, 0x0a, ...Array.from({ length: 95 }, (_, index) => index + 0x20)])

/** Charsets in which an escape sequence changes what the octets after it mean. */
export function isInAscii(octets: Buffer, charset: string): boolean {
  if (!/^(?:iso-2022-|csiso2022)/i.test(charset)) return true
  const last = octets.lastIndexOf(0x1b)
  // ESC ( B is ASCII, ESC ( J nearly so.
  return last < 0 || /^\x1b\([BJ]/.test(octets.toString('latin1', last, last + 3))
}

/** Text in a charset of one octet a character, or in UTF-8; undefined when it does not have all of the characters, or is another kind. */
export function encode(text: string, charset: string): Buffer | undefined {
  if (isAscii(text)) return isAsciiSuperset(charset) ? Buffer.from(text, 'latin1') : undefined
  if (/^utf-?8$/i.test(charset)) return Buffer.from(text)
  const octetOf = table(charset)
  const octets: number[] = []
  for (const char of text) {
    const octet = char <= '\x7f' ? char.charCodeAt(0) : octetOf.get(char)
    if (octet === undefined) return undefined
    octets.push(octet)
  }
  return Buffer.from(octets)
}

function table(charset: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  if (!isAsciiSuperset(charset) || isAsciiName(charset)) return found
  // What the standard has as windows-1252 is in mail also called ISO-8859-1, which has no signs below A0.
  const first = /^(?:iso|latin|l\d)/i.test(charset) ? 0xa0 : 0x80
  for (let octet = first; octet < 0x100; octet++) {
    const char = decode(Uint8Array.of(octet), charset)
    if (char !== undefined && char >= '\x80') found.set(char, octet)
  }
  return found
}

/** The names of a charset without anything beyond ASCII. */
export function isAsciiName(charset: string): boolean {
  return /^(?:us-ascii|ascii|ansi_x3\.4-1968|iso646-us|us)$/i.test(charset)
}

/** Only ASCII, and no NUL. */
export function isAscii(text: string): boolean {
  return /^[\x01-\x7f]*$/.test(text)
}

/** Whether all octets are of ASCII. */
export function isSevenBit(octets: Uint8Array): boolean {
  return octets.every((octet) => octet < 0x80)
}
