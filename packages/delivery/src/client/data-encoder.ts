/**
 * Message octets as they go out after DATA: dots stuffed (RFC 5321 §4.5.2), every line ended by CRLF, and never a CR or LF by
 * itself (RFC 5321 §2.3.8), because what another server takes for a line end is how mail is smuggled (CVE-2023-51764).
 */

const LF = 10
const CR = 13
const SPACE = 32
const DOT = 46

/** Octets looked at in one go; bounds what is copied when something has to be changed. */
const PIECE = 65_536

const LINE_END = Buffer.from('\r\n')
const END_AND_DOT = Buffer.from('\n.')
const LONE_SPACE = Buffer.from(' ')
const FINAL = Buffer.from('.\r\n')
const FINAL_AFTER_TEXT = Buffer.from('\r\n.\r\n')

/** One message's encoder: chunks in, chunks out, at any cut. A chunk that needs no change is passed on, not copied. */
export class DataEncoder {
  #atLineStart = true
  /** A CR ended the last chunk; whether it is half of a CRLF will be seen. */
  #hasCr = false
  readonly #hasOnlyCrlf: boolean

  /** @param hasOnlyCrlf no CR or LF of the message stands by itself: only dots are searched for, by the native search */
  constructor(hasOnlyCrlf = false) {
    this.#hasOnlyCrlf = hasOnlyCrlf
  }

  /** Encodes a chunk and appends what is to be sent to `out`. */
  encode(chunk: Uint8Array, out: Uint8Array[]): void {
    const { length } = chunk
    let start = 0
    if (this.#hasCr && length > 0) {
      this.#hasCr = false
      if (chunk[0] === LF) {
        out.push(LINE_END)
        start = 1
        this.#atLineStart = true
      } else {
        out.push(LONE_SPACE)
        this.#atLineStart = false
      }
    }
    while (start < length) {
      let end = Math.min(start + PIECE, length)
      // A CRLF is not cut between two pieces.
      if (end < length && chunk[end - 1] === CR) end++
      this.#piece(start === 0 && end === length ? chunk : chunk.subarray(start, end), end === length, out)
      start = end
    }
  }

  /** Ends the last line, and appends the final dot, RFC 5321 §4.1.1.4. */
  end(out: Uint8Array[]): void {
    // A CR that nothing followed is a line end cut short.
    out.push(this.#atLineStart && !this.#hasCr ? FINAL : FINAL_AFTER_TEXT)
  }

  #piece(piece: Uint8Array, isLast: boolean, out: Uint8Array[]): void {
    let { length } = piece
    if (isLast && piece[length - 1] === CR) {
      this.#hasCr = true
      length--
      if (length === 0) return
    }
    const bad = this.#hasOnlyCrlf
      ? findDot(piece, length, this.#atLineStart)
      : findBad(piece, length, this.#atLineStart)
    if (bad < 0) {
      out.push(length === piece.length ? piece : piece.subarray(0, length))
      this.#atLineStart = piece[length - 1] === LF
      return
    }
    const copy = rewrite(piece, length, bad)
    out.push(copy)
    this.#atLineStart = copy[copy.length - 1] === LF
  }
}

/** Index of the first dot that begins a line, or -1. */
function findDot(piece: Uint8Array, length: number, atLineStart: boolean): number {
  if (atLineStart && piece[0] === DOT) return 0
  const octets = Buffer.from(piece.buffer, piece.byteOffset, length)
  const end = octets.indexOf(END_AND_DOT)
  return end < 0 ? -1 : end + 1
}

/** Index of the first octet that cannot go out as it is, or -1. */
function findBad(piece: Uint8Array, length: number, atLineStart: boolean): number {
  if (atLineStart && piece[0] === DOT) return 0
  const last = length - 4
  let i = 0
  while (i < length) {
    // Four at a time over what is plain: nearly everything, and a third of the time.
    while (i < last && isPlain(piece[i]) && isPlain(piece[i + 1]) && isPlain(piece[i + 2]) && isPlain(piece[i + 3]))
      i += 4
    const octet = piece[i]
    if (octet === CR) {
      if (piece[i + 1] !== LF || i + 1 === length) return i
      i += 2
      if (i < length && piece[i] === DOT) return i
    } else if (octet === LF) {
      return i
    } else {
      i++
    }
  }
  return -1
}

function isPlain(octet: number | undefined): boolean {
  return octet !== undefined && octet > CR
}

/** The piece from its first bad octet on, put right, in a copy; what is before it is good. */
function rewrite(piece: Uint8Array, length: number, bad: number): Uint8Array {
  // Each octet becomes two at most.
  const copy = Buffer.allocUnsafe(bad + (length - bad) * 2)
  copy.set(piece.subarray(0, bad), 0)
  let at = bad
  // A bad dot is bad because it begins a line.
  let atLineStart = piece[bad] === DOT
  for (let i = bad; i < length; i++) {
    const octet = piece[i] as number // i < length
    if (octet === LF) {
      copy[at++] = CR
      copy[at++] = LF
      atLineStart = true
    } else if (octet === CR) {
      const isLineEnd = i + 1 < length && piece[i + 1] === LF
      // A CR by itself is no line end: as a line end it could begin a header field that nobody has checked.
      if (!isLineEnd) copy[at++] = SPACE
      atLineStart = false
    } else {
      if (atLineStart && octet === DOT) copy[at++] = DOT
      copy[at++] = octet
      atLineStart = false
    }
  }
  return copy.subarray(0, at)
}
