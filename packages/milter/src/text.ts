/** Texts in frames end in NUL, and one that is missing is no mistake at the end of a frame. */

/** The texts of a frame from an index on, as octets; what an unfinished last one has counts. */
export function textsOf(data: Buffer, from = 0): Buffer[] {
  const texts: Buffer[] = []
  for (let at = from; at < data.length; ) {
    const nul = data.indexOf(0, at)
    const end = nul < 0 ? data.length : nul
    texts.push(data.subarray(at, end))
    at = end + 1
  }
  return texts
}

/** The index behind a text and its NUL; the length when there is none. */
export function textEnd(data: Buffer, from: number): number {
  const nul = data.indexOf(0, from)
  return nul < 0 ? data.length : nul
}

/** Octets as text: UTF-8 where they are, RFC 6531, and otherwise one character an octet, so that none is lost. */
export function decode(octets: Buffer): string {
  const text = octets.toString('latin1')
  if (!BEYOND_ASCII.test(text)) return text
  const international = octets.toString('utf8')
  return international.includes('\ufffd') ? text : international
}

/** No NUL can stand in a text. */
export function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text
}

const BEYOND_ASCII = /[\x80-\xff]/
