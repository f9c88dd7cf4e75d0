/**
 * Finds the end of a message in what follows DATA, and takes the stuffed dots out, RFC 5321 §4.5.2. One pass over the octets, in place: what
 * comes out is a part of the chunk that went in. Only CRLF.CRLF ends a message; a bare CR or LF is reported, and never taken for a line end.
 */
import { nextLineEnd, wordsOf } from './line-end.ts'
import { LineNormaliser } from './line-normaliser.ts'

const LF = 0x0a
const CR = 0x0d
const DOT = 0x2e

/** Where in a line the decoder stands. */
const MIDDLE = 0
const AFTER_CR = 1
const LINE_START = 2
const AFTER_DOT = 3
const AFTER_DOT_CR = 4

const CARRIAGE_RETURN = Buffer.from('\r')

/** How one message is to be read. */
export interface DecoderOptions {
  /** Turn bare CR and bare LF into CRLF instead of only reporting them. */
  readonly normalise?: boolean
  /** Octets of a line with its end above which `isLineTooLong` becomes true. */
  readonly lineLimit?: number
  /** False for the chunks of BDAT, which have no dots and no end: RFC 3030 §2. Default true. */
  readonly dots?: boolean
  /** False where any octet may be: line ends are passed over. Default true. */
  readonly isText?: boolean
}

/** Reads messages one after the other; one decoder serves a connection. */
export class DataDecoder {
  /** What the last {@link feed} found to be content: a part of the chunk, now the caller's; undefined when there was none. */
  output: Buffer | undefined
  /** A CR without LF, or a LF without CR, was in the message. */
  hasBareLineEnd = false
  isLineTooLong = false
  #state = LINE_START
  #lineLimit = Number.POSITIVE_INFINITY
  #dots = true
  #isText = true
  #normaliser: LineNormaliser | undefined
  /** Index in the present chunk where its line began; negative when that was in an earlier one. */
  #lineStart = 0
  /** Content kept so far is `[#first, #kept)`; what is from `#pending` on has not been moved there yet. */
  #first = 0
  #kept = 0
  #pending = 0

  /** Gets ready for the next message. */
  start(options: DecoderOptions = {}): void {
    this.output = undefined
    this.hasBareLineEnd = false
    this.isLineTooLong = false
    this.#state = LINE_START
    this.#lineLimit = options.lineLimit ?? Number.POSITIVE_INFINITY
    this.#dots = options.dots ?? true
    this.#isText = options.isText ?? true
    this.#normaliser = options.normalise ? new LineNormaliser() : undefined
    this.#lineStart = 0
  }

  /** Whether the message so far is text in which no CR or LF stands by itself. */
  get hasOnlyCrlf(): boolean {
    return this.#isText && !this.hasBareLineEnd && this.#state !== AFTER_CR
  }

  /** There is no more: a CR at the very end is a bare one. */
  finish(): void {
    if (this.#state === AFTER_CR && this.#isText) this.hasBareLineEnd = true
  }

  /** Reads `chunk` from `from` on. Gives the index behind the end of the message, or -1 when it goes on; the content is in `output`. */
  feed(chunk: Buffer, from: number): number {
    if (!this.#isText) {
      this.output = from === 0 ? chunk : chunk.subarray(from)
      return -1
    }
    const heldCr = this.#state === AFTER_DOT_CR
    this.#lineStart += from
    this.#first = this.#kept = this.#pending = from
    const end = this.#scan(chunk, from)
    if (end < 0 && this.#state !== AFTER_DOT_CR) this.#keep(chunk, chunk.length)
    this.#lineStart -= chunk.length
    if (-this.#lineStart > this.#lineLimit) this.isLineTooLong = true
    let output = chunk.subarray(this.#first, this.#kept)
    // `.` CR ended the chunk before, and it was not the end of the message: then the CR is content.
    if (heldCr && end !== from + 1) output = Buffer.concat([CARRIAGE_RETURN, output])
    if (this.#normaliser && this.hasBareLineEnd) output = this.#normaliser.apply(output)
    else if (this.#normaliser) this.#normaliser.pass(output)
    this.output = output.length > 0 ? output : undefined
    return end
  }

  #scan(chunk: Buffer, from: number): number {
    const length = chunk.length
    const words = wordsOf(chunk)
    let state = this.#state
    let i = from
    while (i < length) {
      if (state === MIDDLE) {
        i = nextLineEnd(chunk, words, i)
        if (i === length) break
        if (chunk[i++] !== CR) this.#endLine(i, true)
        else if (chunk[i] === LF) {
          // What nearly every line ends with, without a turn of the loop for each octet of it.
          this.#endLine(++i, false)
          if (i === length || (chunk[i] === DOT && this.#dots)) state = LINE_START
        } else state = AFTER_CR
        continue
      }
      const octet = chunk[i]
      if (state === AFTER_CR) {
        if (octet === LF) {
          this.#endLine(++i, false)
          state = LINE_START
        } else state = this.#bare()
      } else if (state === LINE_START) {
        if (octet === DOT && this.#dots) {
          this.#drop(chunk, i++)
          state = AFTER_DOT
        } else state = MIDDLE
      } else if (state === AFTER_DOT) {
        if (octet === CR) {
          state = AFTER_DOT_CR
          i++
        } else state = MIDDLE
      } else if (octet === LF) {
        this.#lineStart = length
        return i + 1
      } else state = this.#bare()
    }
    this.#state = state
    return -1
  }

  #bare(): number {
    this.hasBareLineEnd = true
    return MIDDLE
  }

  #endLine(next: number, isBare: boolean): void {
    if (isBare) this.hasBareLineEnd = true
    if (next - this.#lineStart > this.#lineLimit) this.isLineTooLong = true
    this.#lineStart = next
  }

  /** Takes the octet at `index` out of the content. */
  #drop(chunk: Buffer, index: number): void {
    this.#keep(chunk, index)
    this.#pending = index + 1
    if (this.#kept === this.#first) this.#first = this.#kept = index + 1
  }

  #keep(chunk: Buffer, end: number): void {
    if (this.#kept !== this.#pending) chunk.copyWithin(this.#kept, this.#pending, end)
    this.#kept += end - this.#pending
    this.#pending = end
  }
}
