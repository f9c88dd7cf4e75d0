/** RFC 2047: encoded words of a field as text, bounded, and forgiving as readers are. */
import type { CharsetDecoder } from './charset.ts'
import { lowerText } from './field.ts'
import type { TextBuffer } from './text-buffer.ts'
import { copyOctets, decodeBase64, decodeQuotedPrintable } from './transfer.ts'

const MAX_VALUE = 2048

/** Decodes fields into text; holds the buffers for it. */
export class FieldDecoder {
  readonly #charsets: CharsetDecoder
  readonly #octets = new Uint8Array(MAX_VALUE)
  readonly #points = new Int32Array(MAX_VALUE)

  constructor(charsets: CharsetDecoder) {
    this.#charsets = charsets
  }

  /** Appends what stands from `from` to `to` to the text. */
  decode(octets: Uint8Array, from: number, to: number, text: TextBuffer): void {
    // A view of the value: no search goes beyond it.
    const value = octets.subarray(from, Math.min(to, from + MAX_VALUE))
    const end = value.length
    let at = 0
    let wordEnd = -1
    while (at < end) {
      const start = findWord(value, at, end)
      const plainEnd = start < 0 ? end : start
      // White space between two encoded words is not part of the text.
      if (wordEnd < 0 || !isBlank(value, wordEnd, plainEnd)) this.#plain(value, at, plainEnd, text)
      if (start < 0) return
      at = this.#word(value, start, end, text)
      wordEnd = at
    }
  }

  #plain(octets: Uint8Array, from: number, to: number, text: TextBuffer): void {
    const length = copyOctets({ octets, from, to }, this.#octets, MAX_VALUE)
    const count = this.#charsets.decode(this.#octets, length, '', this.#points)
    for (let i = 0; i < count; i++) text.push(this.#points[i] ?? 0)
  }

  /** Takes one encoded word that begins at `start`, and gives where it ends. */
  #word(octets: Uint8Array, start: number, end: number, text: TextBuffer): number {
    const charsetEnd = octets.indexOf(0x3f, start + 2)
    const bodyFrom = charsetEnd + 3
    const bodyEnd = octets.indexOf(0x3f, bodyFrom)
    const encoding = (octets[charsetEnd + 1] ?? 0) | 0x20
    const isWord =
      charsetEnd > 0 && charsetEnd - start < 40 && octets[charsetEnd + 2] === 0x3f && bodyEnd > 0 && bodyEnd < end
    if (!isWord || (encoding !== 0x62 && encoding !== 0x71)) {
      this.#plain(octets, start, start + 2, text)
      return start + 2
    }
    const span = { octets, from: bodyFrom, to: bodyEnd }
    const length =
      encoding === 0x62
        ? decodeBase64(span, this.#octets, MAX_VALUE)
        : decodeQuotedPrintable(span, this.#octets, MAX_VALUE, true)
    const charset = lowerText(octets, start + 2, charsetEnd)
    const count = this.#charsets.decode(this.#octets, length, charset, this.#points)
    for (let i = 0; i < count; i++) text.push(this.#points[i] ?? 0)
    return bodyEnd + 2
  }
}

function findWord(octets: Uint8Array, from: number, end: number): number {
  for (let i = from; i + 1 < end; i++) if (octets[i] === 0x3d && octets[i + 1] === 0x3f) return i
  return -1
}

function isBlank(octets: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if ((octets[i] ?? 0) > 0x20) return false
  return true
}
