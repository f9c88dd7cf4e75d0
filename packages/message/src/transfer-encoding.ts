/** Undoes what was done to octets so that they pass through mail: base64, quoted-printable (RFC 2045 §6), uuencode and yEnc. */
import { hexDigit } from './hexadecimal.ts'

/** How octets are encoded in a message. `none`: as they are. */
export type TransferEncoding = 'none' | 'base64' | 'quoted-printable' | 'uuencode' | 'yenc'

const LF = 0x0a
const CR = 0x0d
const TAB = 0x09
const SPACE = 0x20
const EQUALS = 0x3d
const PIECE = 64 * 1024
const SMALL_PIECE = 256

/**
 * The decoded octets, piece by piece; never throws. What is no part of the encoding is passed over, as mail clients do.
 *
 * @param from offset of the first octet, `to` that behind the last
 */
export function decodePieces(bytes: Buffer, encoding: TransferEncoding, from: number, to: number): Iterable<Buffer> {
  switch (encoding) {
    case 'base64':
      return base64Pieces(bytes, from, to)
    case 'quoted-printable':
      return quotedPrintablePieces(bytes, from, to)
    case 'uuencode':
      return uuencodePieces(bytes, from, to)
    case 'yenc':
      return yencPieces(bytes, from, to)
    default:
      return plainPieces(bytes, from, to)
  }
}

/** Base64 as mail has it: other characters are left out, and after padding it goes on. */
export function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([...base64Pieces(bytes, 0, bytes.length)])
}

function* plainPieces(bytes: Buffer, from: number, to: number): Iterable<Buffer> {
  for (let at = from; at < to; at += PIECE) yield bytes.subarray(at, Math.min(at + PIECE, to))
}

/** By hand: the platform's decoder ends at padding, and cannot go on in the middle of four characters. */
function* base64Pieces(bytes: Buffer, from: number, to: number): Iterable<Buffer> {
  const reader = new Base64(bytes, from, to)
  while (reader.at < to) {
    // Room for three more, so that the last ones find theirs.
    const piece = Buffer.allocUnsafe(Math.min(PIECE, to - reader.at) + 3)
    const size = reader.fill(piece)
    if (size > 0) yield piece.subarray(0, size)
  }
}

/** Decodes as much as there is room for; a function of its own, as loops in generators are slow. */
class Base64 {
  at: number
  readonly #bytes: Buffer
  readonly #to: number
  #bits = 0
  #count = 0

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes
    this.at = from
    this.#to = to
  }

  /** Octets that were decoded. */
  fill(piece: Buffer): number {
    const bytes = this.#bytes
    const to = this.#to
    let at = this.at
    let bits = this.#bits
    let count = this.#count
    let size = 0
    while (at < to && size + 3 <= piece.length) {
      if (count === 0 && at + 4 <= to) {
        // Most are four characters of the alphabet.
        const first = SIX_BITS[bytes[at] ?? 0] ?? JUNK
        const second = SIX_BITS[bytes[at + 1] ?? 0] ?? JUNK
        const third = SIX_BITS[bytes[at + 2] ?? 0] ?? JUNK
        const fourth = SIX_BITS[bytes[at + 3] ?? 0] ?? JUNK
        if ((first | second | third | fourth) < JUNK) {
          piece[size] = (first << 2) | (second >> 4)
          piece[size + 1] = ((second << 4) | (third >> 2)) & 0xff
          piece[size + 2] = ((third << 6) | fourth) & 0xff
          size += 3
          at += 4
          continue
        }
      }
      const six = SIX_BITS[bytes[at++] ?? 0] ?? JUNK
      if (six < JUNK) {
        bits = (bits << 6) | six
        count += 6
        if (count >= 8) {
          count -= 8
          piece[size++] = (bits >> count) & 0xff
        }
      } else if (six === PADDING) count = 0
    }
    this.at = at
    this.#bits = bits
    this.#count = count
    return size
  }
}

/** Values of hexadecimal digits; -1 for all else. */
const HEX = Int8Array.from({ length: 256 }, (_, code) => hexDigit(code))
const JUNK = 64
const PADDING = 65
const SIX_BITS = sixBits()

function sixBits(): Uint8Array {
  const table = new Uint8Array(256).fill(JUNK)
  for (const [value, character] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
    table[character.charCodeAt(0)] = value
  table[EQUALS] = PADDING
  return table
}

function* quotedPrintablePieces(bytes: Buffer, from: number, to: number): Iterable<Buffer> {
  const reader = new QuotedPrintable(bytes, from, to)
  // The first pieces are small: what the engine compiles before it has seen the end of the loop it throws away there, each time.
  for (let room = SMALL_PIECE; reader.at < to; room = Math.min(room * 4, PIECE)) {
    const piece = Buffer.allocUnsafe(Math.min(room, to - reader.at))
    const size = reader.fill(piece)
    if (size > 0) yield piece.subarray(0, size)
  }
}

/** Decodes as much as there is room for; a function of its own, as loops in generators are slow. */
class QuotedPrintable {
  at: number
  readonly #bytes: Buffer
  readonly #to: number
  /** Where the run of blanks under the reader ends: looked for once, however long it is. */
  #blanks: number

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes
    this.at = from
    this.#to = to
    this.#blanks = from
  }

  /** Octets that were decoded. */
  fill(piece: Buffer): number {
    const bytes = this.#bytes
    const to = this.#to
    let at = this.at
    let blanks = this.#blanks
    let size = 0
    while (at < to && size < piece.length) {
      const octet = bytes[at] ?? 0
      if (octet === EQUALS) {
        const next = at + 1 < to ? (bytes[at + 1] ?? 0) : LF
        const after = at + 2 < to ? (bytes[at + 2] ?? 0) : LF
        if (next > SPACE) {
          const value = ((HEX[next] ?? -1) << 4) | (HEX[after] ?? -1)
          // An equals sign that begins nothing is text.
          piece[size++] = value >= 0 ? value : octet
          at += value >= 0 ? 3 : 1
        } else if (isBlank(next) && after > SPACE) {
          piece[size++] = octet
          at++
        } else {
          // RFC 2045 §6.7 (5): a soft break, with the blanks that were added on the way.
          const end = next === LF ? at + 2 : lineEnd(bytes, at + 1, to)
          if (end === at + 1) piece[size++] = octet
          at = end
        }
      } else {
        if (isBlank(octet) && at >= blanks && (bytes[at + 1] ?? 0) <= SPACE) {
          blanks = blanksEnd(bytes, at, to)
          // RFC 2045 §6.7 (3): blanks before a line end were added on the way.
          if (isLineEnd(bytes, blanks, to)) {
            at = blanks
            continue
          }
        }
        piece[size++] = octet
        at++
      }
    }
    this.at = at
    this.#blanks = blanks
    return size
  }
}

function isBlank(octet: number): boolean {
  return octet === SPACE || octet === TAB
}

function isLineEnd(bytes: Buffer, at: number, to: number): boolean {
  return at >= to || bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] === LF)
}

/** Index behind blanks and the line end that follows them; `from` when none does. */
function lineEnd(bytes: Buffer, from: number, to: number): number {
  let at = blanksEnd(bytes, from, to)
  if (at < to && bytes[at] === CR) at++
  if (at < to && bytes[at] === LF) return at + 1
  return at === to ? to : from
}

function blanksEnd(bytes: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++
  return at
}

/** POSIX uuencode: in each line the count, then four characters for three octets. */
function* uuencodePieces(bytes: Buffer, from: number, to: number): Iterable<Buffer> {
  for (let at = from; at < to; ) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE, to - at) + UU_LINE)
    let size = 0
    while (at < to && size + UU_LINE <= piece.length) {
      const end = size + (((bytes[at++] ?? 0) - SPACE) & 0x3f)
      let bits = 0
      let count = 0
      // What is missing at the end of a line were blanks.
      while (size < end) {
        const octet = at < to ? (bytes[at] ?? 0) : LF
        if (octet >= SPACE) at++
        bits = (bits << 6) | (octet < SPACE ? 0 : (octet - SPACE) & 0x3f)
        count += 6
        if (count >= 8) piece[size++] = (bits >> (count -= 8)) & 0xff
      }
      while (at < to && bytes[at] !== LF) at++
      at++
    }
    if (size > 0) yield piece.subarray(0, size)
  }
}

/** Octets of a line at most. */
const UU_LINE = 64

/** yEnc draft 1.3: 42 is added to each octet, and 64 more behind an equals sign; lines that begin with "=y" are about it. */
function* yencPieces(bytes: Buffer, from: number, to: number): Iterable<Buffer> {
  for (let at = from; at < to; ) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE, to - at))
    let size = 0
    for (; at < to && size < piece.length; at++) {
      const octet = bytes[at] ?? 0
      if (octet === LF || octet === CR) continue
      if (octet !== EQUALS) piece[size++] = (octet - 42) & 0xff
      else if (bytes[at + 1] === 0x79 && (at === from || bytes[at - 1] === LF))
        while (at + 1 < to && bytes[at + 1] !== LF) at++
      else piece[size++] = ((bytes[++at] ?? 0) - 64 - 42) & 0xff
    }
    if (size > 0) yield piece.subarray(0, size)
  }
}
