/** The search every octet of every message goes through: written for speed, four octets at a time, and kept apart for it. */

const LF = 0x0a
const CR = 0x0d
/** Fewer octets than this are not worth a view over them. */
const WORTHWHILE = 64
const NOTHING = new Int32Array(0)

/** The memory under `chunk` as 32-bit words, for {@link nextLineEnd}. */
export function wordsOf(chunk: Buffer): Int32Array {
  return chunk.length < WORTHWHILE ? NOTHING : new Int32Array(chunk.buffer, 0, chunk.buffer.byteLength >> 2)
}

/** Index of the next CR or LF in `chunk` at or after `from`, or its length. `words` is {@link wordsOf} the same chunk. */
export function nextLineEnd(chunk: Buffer, words: Int32Array, from: number): number {
  const length = chunk.length
  const offset = chunk.byteOffset
  let i = from
  while (i < length) {
    if (((offset + i) & 3) === 0) i = skipWords(words, offset + i, offset + length) - offset
    for (const stop = Math.min(length, i + 4 - ((offset + i) & 3)); i < stop; i++)
      if (chunk[i] === CR || chunk[i] === LF) return i
  }
  return length
}

/** Offset of the first word, from an aligned offset on, that has an octet below 0x0e in it; at most the last whole word before `end`. */
function skipWords(words: Int32Array, from: number, end: number): number {
  const last = Math.min(words.length, end >> 2)
  let i = from >> 2
  for (; i < last; i++) {
    const word = words[i] ?? 0
    // Some octet is less than 0x0e iff its subtraction borrows and its own high bit is clear.
    if (((word - 0x0e0e0e0e) & ~word & 0x80808080) !== 0) break
  }
  return i < from >> 2 ? from : i << 2
}
