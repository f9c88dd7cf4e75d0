/** Puts a fragment at the end of what an HTML document shows. */
import { isAsciiSuperset, isInAscii } from '../mime/charset.ts'
import { insertAt, type TextChange, type TextPart } from '../mime/text.ts'

/** `html` is ASCII. Undefined when the charset is unknown, or is one in which ASCII means something else. */
export function putIntoHtml(text: TextPart, html: string): TextChange | undefined {
  const { octets, charset } = text
  const index = endOfBody(octets.toString('latin1'))
  if (index === undefined || !isAsciiSuperset(charset) || !isInAscii(octets.subarray(0, index), charset))
    return undefined
  const before = index === 0 || octets[index - 1] === 0x0a ? '' : '\r\n'
  return insertAt(text, index, Buffer.from(`${before}${html}\r\n`, 'latin1'))
}

/**
 * Where the last `</body>` stands that is a tag, else the last `</html>`, else the end. What only looks like one, in a comment, a script or
 * a style, is none. Undefined when the end is within one of those: nothing there is shown.
 */
function endOfBody(html: string): number | undefined {
  let body = -1
  let end = -1
  const token = /<!--|<(script|style|title|textarea|xmp)\b|<\/(body|html)\b/gi
  for (let found = token.exec(html); found; found = token.exec(html)) {
    const [text, raw, tag] = found
    if (tag !== undefined) {
      if (tag.toLowerCase() === 'body') body = found.index
      else end = found.index
      continue
    }
    const closing = raw === undefined ? '-->' : `</${raw.toLowerCase()}`
    const close = indexOfCaseless(html, closing, found.index + text.length)
    if (close < 0) return body >= 0 ? body : undefined
    token.lastIndex = close + closing.length
  }
  return body >= 0 ? body : end >= 0 ? end : html.length
}

function indexOfCaseless(html: string, closing: string, from: number): number {
  const pattern = new RegExp(closing.replace(/[^a-z]/g, '\\$&'), 'gi')
  pattern.lastIndex = from
  return pattern.exec(html)?.index ?? -1
}
