/** Makes every bare CR and every bare LF a CRLF, for operators who would rather repair such mail than refuse it. */

const LF = 0x0a
const CR = 0x0d

/** Repairs the line ends of one message, chunk by chunk. */
export class LineNormaliser {
  /** The octet before the present chunk was a CR that has gone out already. */
  #afterCr = false

  /** Takes note of a chunk that needs no repair. */
  pass(chunk: Buffer): void {
    if (chunk.length > 0) this.#afterCr = chunk.at(-1) === CR
  }

  /** The chunk with line ends put right; at most twice as long. */
  apply(chunk: Buffer): Buffer {
    const out = Buffer.allocUnsafe(chunk.length * 2 + 1)
    let length = 0
    let afterCr = this.#afterCr
    for (const octet of chunk) {
      if (octet === LF ? !afterCr : afterCr) out[length++] = octet === LF ? CR : LF
      out[length++] = octet
      afterCr = octet === CR
    }
    this.#afterCr = afterCr
    return out.subarray(0, length)
  }
}
