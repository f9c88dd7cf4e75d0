/**
 * What the index knows of a block of records: where it stands, of which time it is, and a filter of its words (Bloom, 1970): a word that
 * is in the block is always found, one that is not is taken for found once in some thousand times, which costs a look at the block.
 */

/** Octets of the filter: 20 bits for each of some 1,600 words. */
export const FILTER = 4_096
/** Bits of a region: all bits of a word are in one, so that one look reads them (Putze, Sanders and Singler, 2007: blocked Bloom filters). */
export const REGION = 512
/** A power of two. */
const REGIONS = (FILTER * 8) / REGION
/** Octets of an entry before its filter. */
export const HEAD = 64
/** Octets of an entry of the index. */
export const ENTRY = HEAD + FILTER
const MAGIC = 0x5052_3033

/** A block in a segment. Times are milliseconds since the epoch. */
export interface RecordBlock {
  readonly offset: number
  readonly length: number
  readonly count: number
  readonly first: number
  readonly last: number
}

/** Collects the words of one block. */
export class BlockFilter {
  #bits = new Uint8Array(FILTER)

  add(words: Iterable<string>): void {
    for (const word of words) {
      for (const bit of bitsOf(word)) {
        this.#bits[bit >>> 3] = (this.#bits[bit >>> 3] ?? 0) | (1 << (bit & 7))
      }
    }
  }

  /** The entry of a block with these words; the next one begins empty. */
  entry({ offset, length, count, first, last }: RecordBlock): Buffer {
    const entry = Buffer.alloc(ENTRY)
    entry.writeUInt32LE(MAGIC, 0)
    entry.writeUInt32LE(length, 4)
    entry.writeUInt32LE(count, 8)
    entry.writeDoubleLE(offset, 16)
    entry.writeDoubleLE(first, 24)
    entry.writeDoubleLE(last, 32)
    entry.set(this.#bits, HEAD)
    this.#bits = new Uint8Array(FILTER)
    return entry
  }
}

/** The block of the entry at `at`; undefined when it is none, or not whole. `length`: of the entry. */
export function blockAt(index: Buffer, at: number, length = ENTRY): RecordBlock | undefined {
  if (at + length > index.length || index.readUInt32LE(at) !== MAGIC) return undefined
  return {
    length: index.readUInt32LE(at + 4),
    count: index.readUInt32LE(at + 8),
    offset: index.readDoubleLE(at + 16),
    first: index.readDoubleLE(at + 24),
    last: index.readDoubleLE(at + 32),
  }
}

/** A question to filters: made once, asked of many blocks. Of each wanted word the bits of each spelling. */
export type Probes = readonly (readonly (readonly number[])[])[]

/** Bits that must be set: of each wanted word all of one spelling. */
export function probesOf(wanted: readonly (readonly string[])[]): Probes {
  return wanted.map((spellings) => spellings.map(bitsOf))
}

/** Whether the block of the entry at `at` may have all words. */
export function mayHave(index: Buffer, at: number, probes: Probes): boolean {
  const start = at + HEAD
  return probes.every((spellings) =>
    spellings.some((bits) => bits.every((bit) => ((index[start + (bit >>> 3)] ?? 0) & (1 << (bit & 7))) !== 0)),
  )
}

/** Bits of a word: a region by one hash of it (FNV-1a), and places in it by two that stir that once more. */
function bitsOf(word: string): readonly number[] {
  let hash = 0x811c9dc5
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193)
  const one = stirred(hash, 0x85ebca6b)
  const two = stirred(one, 0xc2b2ae35)
  const base = (hash & (REGIONS - 1)) * REGION
  return [one, one >>> 9, one >>> 18, two, two >>> 9, two >>> 18].map((place) => base + (place & (REGION - 1)))
}

function stirred(hash: number, by: number): number {
  const product = Math.imul(hash ^ (hash >>> 15), by)
  return product ^ (product >>> 13)
}
