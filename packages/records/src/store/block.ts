/**
 * What the index knows of a block of records: where it stands, of which time it is, and a filter of its words (Bloom, 1970): a word that
 * is in the block is always found, one that is not is taken for found once in some thousand times, which costs a look at the block.
 */
import { domainOf, LENGTH, MOST_WORDS, TEXT_LENGTH, type WordTaker, wholeWord, wordsOfText } from '../words.ts'

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

/** Collects the words of a block, without making them: a record has some fifty, and each is hashed where it stands. */
export class BlockFilter implements WordTaker {
  readonly #bits = new Uint8Array(FILTER)

  word(text: unknown): void {
    if (typeof text === 'string' && text !== '') this.#whole(text, 0, Math.min(text.length, LENGTH))
  }

  address(text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    const end = Math.min(text.length, LENGTH)
    if (!this.#whole(text, 0, end)) {
      const domain = domainOf(wholeWord(text))
      if (domain !== undefined) this.#set(hashOf(domain))
      return
    }
    const at = text.lastIndexOf('@', end - 1)
    if (at > 0 && at < end - 1) this.#whole(text, at + 1, end)
  }

  text(text: unknown): void {
    if (typeof text === 'string') this.#words(text, 0)
  }

  reply(text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    this.#whole(text, 0, Math.min(text.length, 3))
    this.word(`${text.charAt(0)}xx`)
    this.#words(text, 4)
  }

  /** All words of the other are in this one, too. */
  add(other: BlockFilter): void {
    for (let at = 0; at < FILTER; at++) this.#bits[at] = (this.#bits[at] ?? 0) | (other.#bits[at] ?? 0)
  }

  /** The entry of a block with these words. */
  entry({ offset, length, count, first, last }: RecordBlock): Buffer {
    const entry = Buffer.alloc(ENTRY)
    entry.writeUInt32LE(MAGIC, 0)
    entry.writeUInt32LE(length, 4)
    entry.writeUInt32LE(count, 8)
    entry.writeDoubleLE(offset, 16)
    entry.writeDoubleLE(first, 24)
    entry.writeDoubleLE(last, 32)
    entry.set(this.#bits, HEAD)
    return entry
  }

  /** What stands there in lower case; false when it is not ASCII, whose lower case may depend on what is beside it. */
  #whole(text: string, from: number, to: number): boolean {
    let hash = BASIS
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at)
      if (code > 0x7f) {
        this.#set(hashOf(text.slice(from, to).toLowerCase()))
        return false
      }
      hash = Math.imul(hash ^ (code >= 0x41 && code <= 0x5a ? code | 0x20 : code), PRIME)
    }
    this.#set(hash)
    return true
  }

  #words(text: string, from: number): void {
    if (!this.#plainWords(text, from)) for (const word of wordsOfText(text.slice(from))) this.#set(hashOf(word))
  }

  /** The words that {@link wordsOfText} finds in what stands there; false when it is not ASCII. */
  #plainWords(text: string, from: number): boolean {
    const end = Math.min(text.length, from + TEXT_LENGTH)
    let count = 0
    for (let at = from; at < end && count < MOST_WORDS; at++) {
      if (text.charCodeAt(at) > 0x7f) return false
      if (!isInWord(text.charCodeAt(at), false)) continue
      const begin = at
      let hash = BASIS
      let whole = hash
      let last = at
      for (; at < end; at++) {
        const code = text.charCodeAt(at)
        if (code > 0x7f) return false
        if (!isInWord(code, true)) break
        hash = Math.imul(hash ^ (code >= 0x41 && code <= 0x5a ? code | 0x20 : code), PRIME)
        if (!isInWord(code, false)) continue
        // It ends with a letter or a digit.
        whole = hash
        last = at
      }
      if (last - begin < LENGTH) this.#set(whole)
      else this.#whole(text, begin, begin + LENGTH)
      count++
    }
    return true
  }

  #set(hash: number): void {
    const one = stirred(hash, 0x85ebca6b)
    const two = stirred(one, 0xc2b2ae35)
    const region = (hash & (REGIONS - 1)) * (REGION >>> 3)
    this.#mark(region, one)
    this.#mark(region, one >>> 9)
    this.#mark(region, one >>> 18)
    this.#mark(region, two)
    this.#mark(region, two >>> 9)
    this.#mark(region, two >>> 18)
  }

  #mark(region: number, place: number): void {
    const at = region + ((place & (REGION - 1)) >>> 3)
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (place & 7))
  }
}

/** Letters and digits; `.`, `'`, `_` and `-` within. */
function isInWord(code: number, isWithin: boolean): boolean {
  if ((code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a)) return true
  return isWithin && (code === 0x2e || code === 0x27 || code === 0x5f || code === 0x2d)
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

/** Bits of a word: a region by one hash of it, and places in it by two that stir that once more. */
function bitsOf(word: string): readonly number[] {
  const hash = hashOf(word)
  const one = stirred(hash, 0x85ebca6b)
  const two = stirred(one, 0xc2b2ae35)
  const base = (hash & (REGIONS - 1)) * REGION
  return [one, one >>> 9, one >>> 18, two, two >>> 9, two >>> 18].map((place) => base + (place & (REGION - 1)))
}

/** FNV-1a. */
const BASIS = 0x811c9dc5
const PRIME = 0x01000193

function hashOf(word: string): number {
  let hash = BASIS
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), PRIME)
  return hash
}

function stirred(hash: number, by: number): number {
  const product = Math.imul(hash ^ (hash >>> 15), by)
  return product ^ (product >>> 13)
}
