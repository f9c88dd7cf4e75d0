/**
 * What the index knows of a block of records: where it stands, of which time it is, and a filter of its words (Bloom, 1970): a word that
 * is in the block is always found, one that is not is taken for found once in some hundred times, which costs a look at the block.
 */

/** Octets of the filter: 16 bits for each of some thousand words. */
const FILTER = 2_048
const BITS = FILTER * 8
const PROBES = 4
const HEAD = 64
/** Octets of an entry of the index. */
export const ENTRY = HEAD + FILTER
const MAGIC = 0x5052_3031

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
      const [one, two] = hashes(word)
      for (let probe = 0; probe < PROBES; probe++) {
        const bit = (one + probe * two) % BITS
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

/** The block of the entry at `at`; undefined when it is none, or not whole. */
export function blockAt(index: Buffer, at: number): RecordBlock | undefined {
  if (at + ENTRY > index.length || index.readUInt32LE(at) !== MAGIC) return undefined
  return {
    length: index.readUInt32LE(at + 4),
    count: index.readUInt32LE(at + 8),
    offset: index.readDoubleLE(at + 16),
    first: index.readDoubleLE(at + 24),
    last: index.readDoubleLE(at + 32),
  }
}

/** A question to filters: made once, asked of many blocks. */
export type Probes = readonly (readonly (readonly number[])[])[]

/** Bits that must be set: of each wanted word all of one spelling. */
export function probesOf(wanted: readonly (readonly string[])[]): Probes {
  return wanted.map((spellings) =>
    spellings.map((word) => {
      const [one, two] = hashes(word)
      return Array.from({ length: PROBES }, (_, probe) => (one + probe * two) % BITS)
    }),
  )
}

/** Whether the block of the entry at `at` may have all words. */
export function mayHave(index: Buffer, at: number, probes: Probes): boolean {
  const start = at + HEAD
  return probes.every((spellings) =>
    spellings.some((bits) => bits.every((bit) => ((index[start + (bit >>> 3)] ?? 0) & (1 << (bit & 7))) !== 0)),
  )
}

/** Two numbers of a word: FNV-1a, and the same stirred once more. */
function hashes(word: string): readonly [number, number] {
  let hash = 0x811c9dc5
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193)
  const other = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return [hash >>> 0, ((other ^ (other >>> 13)) | 1) >>> 0]
}
