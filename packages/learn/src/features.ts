/** What a model sees of a message: distinct hashes in three families. */

/** The features of one message, about 1,700 numbers. */
export interface Features {
  /** Four code points each, of subject and text. */
  readonly grams: Int32Array
  /** Words, pairs, links, HTML and MIME. */
  readonly words: Int32Array
  /** Of the header. */
  readonly headers: Int32Array
  /** A bounce, receipt, complaint or automatic answer by its form or reverse-path: never junk by its text alone. */
  readonly isReport: boolean
}

/** Octets are not features: they were cut off, or come from another version. */
export class FeaturesError extends Error {
  override readonly name = 'FeaturesError'
}

const VERSION = 1
const MAX = 4096

/** Features as octets, for a log or another node; about 5 KB. The order of the hashes is not kept: nothing depends on it but rounding, so learn what was decoded. */
export function encodeFeatures({ grams, words, headers, isReport }: Features): Uint8Array {
  const octets = new Uint8Array(2 + 15 + 5 * (grams.length + words.length + headers.length))
  octets[0] = VERSION
  octets[1] = isReport ? 1 : 0
  let at = 2
  for (const family of [grams, words, headers]) {
    const sorted = Uint32Array.from(family).sort()
    at = writeNumber(octets, at, sorted.length)
    let before = 0
    for (const hash of sorted) {
      at = writeNumber(octets, at, hash - before)
      before = hash
    }
  }
  return octets.slice(0, at)
}

/** Reads what `encodeFeatures` has written. @throws {FeaturesError} when it is cut off, too long or of another version. */
export function decodeFeatures(octets: Uint8Array): Features {
  if (octets[0] !== VERSION) throw new FeaturesError(`Features of version ${octets[0]} cannot be read`)
  const reader = { octets, at: 2 }
  const grams = readFamily(reader)
  const words = readFamily(reader)
  const headers = readFamily(reader)
  if (reader.at !== octets.length) throw new FeaturesError('There are octets behind the features')
  return { grams, words, headers, isReport: octets[1] === 1 }
}

interface Reader {
  readonly octets: Uint8Array
  at: number
}

function readFamily(reader: Reader): Int32Array {
  const count = readNumber(reader)
  if (count > MAX) throw new FeaturesError(`${count} features are too many`)
  const family = new Int32Array(count)
  let before = 0
  for (let i = 0; i < count; i++) {
    before += readNumber(reader)
    if (before > 0xffffffff) throw new FeaturesError('A feature is too large')
    family[i] = before
  }
  return family
}

function writeNumber(octets: Uint8Array, from: number, value: number): number {
  let at = from
  let rest = value
  while (rest > 0x7f) {
    octets[at++] = (rest & 0x7f) | 0x80
    rest = Math.floor(rest / 128)
  }
  octets[at++] = rest
  return at
}

function readNumber(reader: Reader): number {
  let value = 0
  let factor = 1
  for (let i = 0; i < 5; i++) {
    const octet = reader.octets[reader.at++]
    if (octet === undefined) throw new FeaturesError('The features are cut off')
    value += (octet & 0x7f) * factor
    if (octet < 0x80) return value
    factor *= 128
  }
  throw new FeaturesError('A number is too long')
}
