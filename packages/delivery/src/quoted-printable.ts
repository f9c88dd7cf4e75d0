/** Quoted-printable for text, RFC 2045 §6.7. */

/** Characters of an encoded line, without its CRLF. */
const MAX_LINE = 76

/**
 * Encodes text in canonical form: line ends (CRLF, or a bare LF) stay line ends, everything else that is not printable ASCII is
 * encoded, and lines are kept short.
 *
 * @param text one character an octet
 */
export function encodeQuotedPrintable(text: string): string {
  const lines: string[] = []
  for (const line of text.split('\n')) lines.push(encodeLine(line.endsWith('\r') ? line.slice(0, -1) : line))
  return lines.join('\r\n')
}

function encodeLine(line: string): string {
  let out = ''
  let length = 0
  for (let i = 0; i < line.length; i++) {
    const octet = line.charCodeAt(i)
    const isLast = i === line.length - 1
    const isSpace = octet === 0x20 || octet === 0x09
    // RFC 2045 §6.7 (3): white space at the end of a line would be lost on the way.
    const isPlain = (octet > 0x20 && octet < 0x7f && octet !== 0x3d) || (isSpace && !isLast)
    const token = isPlain ? line.charAt(i) : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`
    if (length + token.length > (isLast ? MAX_LINE : MAX_LINE - 1)) {
      out += '=\r\n'
      length = 0
    }
    out += token
    length += token.length
  }
  return out
}
