/** Finds the end of the header section in a message that comes in pieces, and keeps what is before it. */

/** Collects the header section; what follows is handed on. */
export class HeaderSectionReader {
  readonly #limit: number
  readonly #chunks: Uint8Array[] = []
  #size = 0
  #lineLength = 0
  #endsInCr = false
  #isComplete = false

  /** @param limit octets kept; the rest is dropped, and `isTooLong` says so */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** The empty line has been seen. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  get isTooLong(): boolean {
    return this.#size > this.#limit
  }

  /** The octets so far, the empty line included; a copy when they came in several pieces. */
  bytes(): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && this.#chunks.length === 1)
      return Buffer.from(first.buffer, first.byteOffset, first.byteLength)
    return Buffer.concat(this.#chunks)
  }

  /** Takes the next piece of the message and gives what of it belongs to the body. */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#isComplete) return chunk
    const end = this.#findEnd(chunk)
    const head = end === undefined ? chunk : chunk.subarray(0, end)
    this.#size += head.length
    // The caller may use the chunk's memory again when more is to come.
    if (!this.isTooLong) this.#chunks.push(end === undefined || this.#chunks.length > 0 ? Uint8Array.from(head) : head)
    this.#isComplete = end !== undefined
    return end === undefined ? chunk.subarray(chunk.length) : chunk.subarray(end)
  }

  /** RFC 5322 §2.1: an empty line ends the header section, be it the very first. A bare LF ends a line here too. */
  #findEnd(chunk: Uint8Array): number | undefined {
    for (let i = 0; i < chunk.length; i++) {
      const octet = chunk[i]
      if (octet !== 0x0a) {
        this.#lineLength++
        this.#endsInCr = octet === 0x0d
        continue
      }
      if (this.#lineLength === 0 || (this.#lineLength === 1 && this.#endsInCr)) return i + 1
      this.#lineLength = 0
      this.#endsInCr = false
    }
    return undefined
  }
}
