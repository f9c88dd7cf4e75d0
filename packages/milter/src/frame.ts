/** A frame is the length of what follows in four octets, one octet that says what it is, and data. */
import { MilterError } from './errors.ts'
import { describeForeign } from './foreign.ts'

/** One frame. `data` is a view of what arrived: copy what is to be kept. */
export interface MilterFrame {
  /** What it is: one of `COMMAND` or `ANSWER`. */
  readonly code: number
  readonly data: Buffer
}

/**
 * Octets that a frame may have in all but its length: those of the largest size that exists. A mail server sends fields of the header whole, and
 * Postfix takes such of 100 KiB: a bound at the 64 KiB that are negotiated would refuse them for ever.
 */
export const LONGEST_FRAME = 1_048_576

const LENGTH = 4
const EMPTY: Buffer = Buffer.alloc(0)

/** Cuts what arrives into frames. One that is all in one chunk is not copied. */
export class FrameReader {
  readonly #limit: number
  #chunk: Buffer = EMPTY
  #at = 0
  /** The beginning of a frame that is not all there, in the pieces in which it came. */
  #pieces: Buffer[] = []
  #held = 0
  /** Octets of the frame that is coming, with its length; 0 while that is not known. */
  #wanted = 0
  #isFirst = true

  /** @param limit octets that a frame may have */
  constructor(limit = LONGEST_FRAME) {
    this.#limit = limit
  }

  /** Takes what arrived. */
  push(chunk: Uint8Array): void {
    const fresh = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    // Whoever reads all frames before there is more leaves nothing here.
    this.#chunk = this.#at < this.#chunk.length ? Buffer.concat([this.#chunk.subarray(this.#at), fresh]) : fresh
    this.#at = 0
  }

  /** Whether the beginning of a frame is there that is not all there. */
  get isWithin(): boolean {
    return this.#held > 0 || this.#at < this.#chunk.length
  }

  /**
   * The next frame; undefined until more arrives.
   *
   * @throws {MilterError} when this is no frame, with what it looks like
   */
  next(): MilterFrame | undefined {
    if (this.#held > 0) return this.#joined()
    const start = this.#at
    const there = this.#chunk.length - start
    if (there < LENGTH) return this.#hold(there)
    const size = this.#chunk.readUInt32BE(start)
    if (size === 0 || size > this.#limit) throw this.#mistake(size, this.#chunk.subarray(start))
    this.#isFirst = false
    if (there < LENGTH + size) {
      this.#wanted = LENGTH + size
      return this.#hold(there)
    }
    this.#at = start + LENGTH + size
    return { code: this.#chunk[start + LENGTH] ?? 0, data: this.#chunk.subarray(start + LENGTH + 1, this.#at) }
  }

  /** A frame of which some was held. */
  #joined(): MilterFrame | undefined {
    if (this.#wanted === 0) {
      this.#hold(LENGTH - this.#held)
      if (this.#held < LENGTH) return undefined
      const length = Buffer.concat(this.#pieces)
      const size = length.readUInt32BE(0)
      if (size === 0 || size > this.#limit)
        throw this.#mistake(size, Buffer.concat([length, this.#chunk.subarray(this.#at)]))
      this.#isFirst = false
      this.#wanted = LENGTH + size
    }
    this.#hold(this.#wanted - this.#held)
    if (this.#held < this.#wanted) return undefined
    const whole = Buffer.concat(this.#pieces, this.#held)
    this.#pieces = []
    this.#held = 0
    this.#wanted = 0
    return { code: whole[LENGTH] ?? 0, data: whole.subarray(LENGTH + 1) }
  }

  /** Keeps so many octets of what is there, or all. */
  #hold(count: number): undefined {
    const piece = this.#chunk.subarray(this.#at, this.#at + count)
    this.#at += piece.length
    if (piece.length > 0) this.#pieces.push(piece)
    this.#held += piece.length
  }

  #mistake(size: number, octets: Buffer): MilterError {
    const look = this.#isFirst ? describeForeign(octets) : undefined
    return new MilterError(
      look === undefined ? `a frame says that it has ${size} octets: this is not milter` : `${look}, not milter`,
    )
  }
}

/** What a frame is made of: texts are UTF-8, numbers 32 bits. */
type FramePart = string | Uint8Array | number

/** Puts frames together, so that all that is ready goes out in one write. */
export class FrameWriter {
  #buffer: Buffer = EMPTY
  #length = 0

  /** Octets that wait to be taken. */
  get length(): number {
    return this.#length
  }

  /** Adds one frame. */
  add(code: number, ...parts: readonly FramePart[]): this {
    let size = 1
    for (const part of parts) size += sizeOf(part)
    this.#reserve(LENGTH + size)
    const buffer = this.#buffer
    buffer.writeUInt32BE(size, this.#length)
    buffer[this.#length + LENGTH] = code
    let at = this.#length + LENGTH + 1
    for (const part of parts) {
      if (typeof part === 'number') at = buffer.writeUInt32BE(part >>> 0, at)
      else if (typeof part === 'string') at += buffer.write(part, at, 'utf8')
      else {
        buffer.set(part, at)
        at += part.length
      }
    }
    this.#length = at
    return this
  }

  /** All frames that were added; there are none then. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#length)
    this.#buffer = EMPTY
    this.#length = 0
    return taken
  }

  #reserve(more: number): void {
    const wanted = this.#length + more
    if (wanted <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#buffer.length, 256))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}

function sizeOf(part: FramePart): number {
  if (typeof part === 'number') return 4
  return typeof part === 'string' ? Buffer.byteLength(part) : part.length
}
