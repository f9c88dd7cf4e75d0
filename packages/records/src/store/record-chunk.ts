/**
 * Records that wait to be written, as octets: nothing of them is left for the collector of garbage. What is needed of them for the index is
 * noted when they come, while they are at hand.
 */
import type { StoredRecord } from '../record.ts'
import type { MailOutcome } from '../story/outcome.ts'
import { giveWords, isShown } from '../words.ts'
import { BlockFilter } from './block.ts'

/** Records of a block. */
export const BLOCK = 64
/** Octets of a block at most, but for a record that is larger by itself. */
export const BLOCK_OCTETS = 262_144
/** Octets of a chunk, but for a record that is larger by itself. */
const CAPACITY = BLOCK_OCTETS

/** Records that stand behind each other, and their words: a block, or a part of one. */
export interface RecordPiece {
  length: number
  count: number
  /** Milliseconds since the epoch. */
  first: number
  last: number
  readonly filter: BlockFilter
}

/** As many records as have room. */
export class RecordChunk {
  #octets: Buffer | undefined
  #length = 0
  #count = 0
  #pieces: RecordPiece[] = []

  get octets(): Uint8Array {
    return this.#octets?.subarray(0, this.#length) ?? new Uint8Array()
  }

  get length(): number {
    return this.#length
  }

  /** Of the records. */
  get count(): number {
    return this.#count
  }

  get pieces(): readonly RecordPiece[] {
    return this.#pieces
  }

  /** False: there is no room for it. @param line of JSON, with its line break */
  add(line: string, record: StoredRecord, outcome: MailOutcome | undefined): boolean {
    const octets = this.#roomFor(line)
    if (!octets) return false
    const length = octets.write(line, this.#length)
    this.#length += length
    this.#count++
    const piece = this.#pieceOf()
    piece.length += length
    piece.count++
    const time = Date.parse(record.time)
    if (time < piece.first) piece.first = time
    if (time > piece.last) piece.last = time
    try {
      giveWords(record, isShown(record) ? outcome : undefined, piece.filter)
    } catch {
      // Not of the shape that is known: it is kept, and found by its time and what was understood of it.
    }
    return true
  }

  /** Empty, for others. */
  clear(): void {
    this.#length = 0
    this.#count = 0
    this.#pieces = []
    if (this.#octets && this.#octets.length > CAPACITY) this.#octets = undefined
  }

  #roomFor(line: string): Buffer | undefined {
    const room = (this.#octets?.length ?? CAPACITY) - this.#length
    // No character of a string takes more than three octets.
    if (line.length * 3 > room) {
      const length = Buffer.byteLength(line)
      if (length > room && this.#count > 0) return undefined
      if (length > room) this.#octets = Buffer.allocUnsafeSlow(length)
    }
    return (this.#octets ??= Buffer.allocUnsafeSlow(CAPACITY))
  }

  #pieceOf(): RecordPiece {
    const last = this.#pieces.at(-1)
    if (last && last.count < BLOCK && last.length < BLOCK_OCTETS) return last
    const piece = { length: 0, count: 0, first: Infinity, last: -Infinity, filter: new BlockFilter() }
    this.#pieces.push(piece)
    return piece
  }
}
