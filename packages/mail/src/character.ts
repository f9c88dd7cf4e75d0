/** Classes of characters that the address grammar is made of, RFC 5321 §4.1.2 and RFC 5322 §3.2.3. */

const ATEXT = 1
const LET_DIG = 2

// With the u flag a surrogate matches only when it is not half of a pair.
const LONE_SURROGATE = /\p{Surrogate}/u

const CLASSES = classes()

function classes(): Uint8Array {
  const table = new Uint8Array(128)
  for (const character of "!#$%&'*+-/=?^_`{|}~") table[character.charCodeAt(0)] = ATEXT
  for (const range of ['09', 'AZ', 'az']) table.fill(ATEXT | LET_DIG, range.charCodeAt(0), range.charCodeAt(1) + 1)
  return table
}

/** An ASCII letter or digit. */
export function isLetDig(code: number): boolean {
  return ((CLASSES[code] ?? 0) & LET_DIG) !== 0
}

/** A character of an atom; ASCII only. */
export function isAtext(code: number): boolean {
  return ((CLASSES[code] ?? 0) & ATEXT) !== 0
}

/** A character that may stand in an address only within quotes, or in the text of a header field: printable ASCII and the space. */
export function isPrintable(code: number): boolean {
  return code >= 0x20 && code <= 0x7e
}

/**
 * True for text that no address may contain: controls (C0, DEL, C1), line and paragraph separators, halves of surrogate pairs, and
 * U+FFFD, which stands where something that was not UTF-8 has been.
 */
export function hasForbidden(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029 || code === 0xfffd)
      return true
  }
  return LONE_SURROGATE.test(text)
}
