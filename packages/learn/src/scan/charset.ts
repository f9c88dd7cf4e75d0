/** Octets of a charset as code points, into a buffer of fixed size. */
import { TextDecoder } from 'node:util'

/** Windows-1252 where it differs from ISO 8859-1: 0x80 to 0x9f. */
const WINDOWS = new Uint16Array([
  0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f,
  0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178,
])
const MAX_DECODERS = 64
const WESTERN = new Set(['iso-8859-1', 'windows-1252', 'latin1', 'iso8859-1', 'cp1252'])
const GUESSED = new Set(['', 'us-ascii', 'ascii', 'utf-8', 'utf8', 'unknown-8bit', 'unknown'])

/** Code points of octets; each instance remembers the decoders it has made. */
export class CharsetDecoder {
  readonly #decoders = new Map<string, TextDecoder | undefined>()

  /** Writes the code points of `octets[0…length)`, and gives their number. A charset nobody knows is read as Western. */
  decode(octets: Uint8Array, length: number, charset: string, target: Int32Array): number {
    const isGuessed = GUESSED.has(charset)
    if (isGuessed || WESTERN.has(charset)) {
      const written = isGuessed ? fromUtf8(octets, length, target) : -1
      return written >= 0 ? written : fromWestern(octets, length, target)
    }
    const decoder = this.#decoder(charset)
    if (decoder === undefined) return this.decode(octets, length, '', target)
    return fromString(decoder.decode(octets.subarray(0, length)), target)
  }

  #decoder(charset: string): TextDecoder | undefined {
    if (this.#decoders.has(charset)) return this.#decoders.get(charset)
    let decoder: TextDecoder | undefined
    try {
      decoder = new TextDecoder(charset)
    } catch {
      // A name that the platform does not know is foreign text like any other.
      decoder = undefined
    }
    if (this.#decoders.size < MAX_DECODERS) this.#decoders.set(charset, decoder)
    return decoder
  }
}

function fromWestern(octets: Uint8Array, length: number, target: Int32Array): number {
  const end = Math.min(length, target.length)
  for (let i = 0; i < end; i++) {
    const octet = octets[i] ?? 0
    target[i] = octet >= 0x80 && octet < 0xa0 ? (WINDOWS[octet - 0x80] ?? octet) : octet
  }
  return end
}

/** The number of code points, or -1 when this is not UTF-8. A sequence cut off at the end is left out. */
function fromUtf8(octets: Uint8Array, length: number, target: Int32Array): number {
  let written = 0
  let i = 0
  while (i < length && written < target.length) {
    const first = octets[i] ?? 0
    if (first < 0x80) {
      target[written++] = first
      i++
      continue
    }
    const more =
      first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0
    if (more === 0) return -1
    if (i + more >= length) break
    let point = first & (0x3f >> more)
    for (let k = 1; k <= more; k++) {
      const octet = octets[i + k] ?? 0
      if ((octet & 0xc0) !== 0x80) return -1
      point = (point << 6) | (octet & 0x3f)
    }
    target[written++] = point
    i += more + 1
  }
  return written
}

function fromString(text: string, target: Int32Array): number {
  let written = 0
  for (let i = 0; i < text.length && written < target.length; i++) {
    const point = text.codePointAt(i) ?? 0
    if (point > 0xffff) i++
    target[written++] = point
  }
  return written
}
