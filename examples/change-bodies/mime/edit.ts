/** Edits of octets that are read as a stream: what is outside of them goes through as it is. */

/** In place of the octets from `start` to before `end`, these. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly octets: Uint8Array
}

/** @throws {RangeError} when edits overlap, or are out of order */
export async function* splice(source: AsyncIterable<Uint8Array>, edits: readonly Edit[]): AsyncGenerator<Uint8Array> {
  const waiting = [...edits]
  checkOrder(waiting)
  let from = 0
  let skipTo = 0
  for await (const chunk of source) {
    const to = from + chunk.length
    let at = from
    while (at < to) {
      if (at < skipTo) {
        at = Math.min(skipTo, to)
        continue
      }
      const [next] = waiting
      if (next?.start === at) {
        waiting.shift()
        if (next.octets.length > 0) yield next.octets
        skipTo = next.end
        continue
      }
      const until = Math.min(to, next?.start ?? to)
      yield chunk.subarray(at - from, until - from)
      at = until
    }
    from = to
  }
  for (const { octets } of waiting) if (octets.length > 0) yield octets
}

function checkOrder(edits: readonly Edit[]): void {
  for (const [index, { start, end }] of edits.entries())
    if (end < start || start < (edits[index - 1]?.end ?? 0)) throw new RangeError('edits overlap, or are out of order')
}

/** In the order of their places; those of one place stay in theirs. */
export function sortEdits(edits: readonly Edit[]): readonly Edit[] {
  return edits.toSorted((a, b) => a.start - b.start || a.end - b.end)
}

/** A stretch of octets. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The octets of all spans, in one pass: pieces with the number of their span. The spans are in order and do not overlap. */
export async function* pieces(
  source: AsyncIterable<Uint8Array>,
  spans: readonly Span[],
): AsyncGenerator<readonly [number, Buffer]> {
  const last = spans.at(-1)?.end ?? 0
  let index = 0
  let from = 0
  for await (const chunk of source) {
    const to = from + chunk.length
    for (let span = spans[index]; span && span.start < to; span = spans[index]) {
      const start = Math.max(span.start, from)
      const end = Math.min(span.end, to)
      if (end > start) yield [index, Buffer.from(chunk.buffer, chunk.byteOffset + start - from, end - start)]
      if (span.end > to) break
      index++
    }
    if (to >= last) return
    from = to
  }
}
