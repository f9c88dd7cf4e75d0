/**
 * Decodes what header fields have beyond ASCII: encoded words (RFC 2047, RFC 2231 §5) and raw octets. Takes what mail clients take: words
 * that touch other text, stand in quotes, were folded within, hold raw 8-bit octets, or have no end.
 */
import { decodeCharset, decodeUndeclared } from './charset.ts'
import { hexPair } from './hexadecimal.ts'
import { decodeBase64 } from './transfer-encoding.ts'

/** Consecutive words of one charset are one run of octets: a character may be split over them. */
interface Run {
  readonly charset: string
  readonly octets: Buffer[]
}

interface Word {
  readonly charset: string
  readonly octets: Buffer
  /** Index after it. */
  readonly end: number
}

/** Text of a header field's octets, given as a string of one character an octet. Linear in its length. */
export function decodeText(text: string): string {
  if (!text.includes('=?')) return decodeRaw(text)
  let out = ''
  let run: Run | undefined
  let from = 0
  const words = new WordReader(text)
  for (let at = text.indexOf('=?'); at >= 0; at = text.indexOf('=?', at)) {
    const word = words.read(at)
    if (!word) {
      at += 2
      continue
    }
    const between = text.slice(from, at)
    // RFC 2047 §6.2: white space between two of them is not shown.
    if (!run || between.trim() !== '') out += endRun(run) + decodeRaw(between)
    else if (run.charset !== word.charset) out += endRun(run)
    if (run && between.trim() === '' && run.charset === word.charset) run.octets.push(word.octets)
    else run = { charset: word.charset, octets: [word.octets] }
    from = at = word.end
  }
  return out + endRun(run) + decodeRaw(text.slice(from))
}

function endRun(run: Run | undefined): string {
  if (!run) return ''
  const octets = Buffer.concat(run.octets)
  return decodeCharset(octets, run.charset) ?? decodeUndeclared(octets)
}

/** Octets beyond ASCII that nobody encoded: RFC 6532 §3.2 where they are UTF-8. */
function decodeRaw(text: string): string {
  return /[^\x00-\x7f]/.test(text) ? decodeUndeclared(Buffer.from(text, 'latin1')) : text
}

/** Index after the encoded word that begins at `at`, or -1. */
export function wordEnd(text: string, at: number): number {
  return new WordReader(text).read(at)?.end ?? -1
}

const CHARSET_LIMIT = 80

class WordReader {
  readonly #text: string
  /** No word that begins behind it has an end: it need not be looked for again. */
  #unended = Number.POSITIVE_INFINITY

  constructor(text: string) {
    this.#text = text
  }

  read(at: number): Word | undefined {
    const text = this.#text
    const head = /^=\?([^?\s]*)\?([bq])\?/i.exec(text.slice(at, at + CHARSET_LIMIT))
    if (!head) return undefined
    const [whole, charset = '', encoding = ''] = head
    const start = at + whole.length
    const found = start < this.#unended ? text.indexOf('?=', start) : -1
    if (found < 0) this.#unended = Math.min(this.#unended, start)
    const stop = found < 0 ? blankFrom(text, start) : found
    const content = text.slice(start, stop)
    const octets = encoding.toLowerCase() === 'b' ? decodeBase64(content) : decodeQ(content)
    return { charset: charset.toLowerCase(), octets, end: found < 0 ? stop : stop + 2 }
  }
}

function blankFrom(text: string, from: number): number {
  let at = from
  while (at < text.length && text.charCodeAt(at) > 0x20) at++
  return at
}

/** RFC 2047 §4.2; other octets stand for themselves. */
function decodeQ(content: string): Buffer {
  // White space behind the equals sign: a line was folded in the middle of a character.
  const text = content.includes('=') ? content.replace(/=\s+(?=[0-9a-f])/gi, '=') : content
  const octets = Buffer.allocUnsafe(text.length)
  let size = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const value = code === 0x3d ? hexPair(text, at + 1) : -1
    if (value >= 0) at += 2
    octets[size++] = value >= 0 ? value : code === 0x5f ? 0x20 : code
  }
  return octets.subarray(0, size)
}
