/** A model as octets: `PRLM`, version, CRC-32 of the rest, a head of JSON, tables block by block without the empty ones, the reservoir. */
import { crc32 } from 'node:zlib'
import { decodeFeatures, encodeFeatures } from '../features.ts'
import type { LinearModel } from './linear.ts'
import { Model, type ModelOptions } from './model.ts'
import type { Label } from './reservoir.ts'
import { SnapshotError } from './snapshot-error.ts'

const MAGIC = 0x4d4c5250
const VERSION = 1
const HEAD = 16
const BLOCK = 256
const OCTETS_A_SLOT = 11
const MAX_BITS = 24
const LABELS: readonly Label[] = ['junk', 'wanted']
const FAMILIES = ['grams', 'words', 'headers'] as const

interface Head {
  readonly options: Required<ModelOptions>
  readonly lessons: Record<Label, number>
  readonly biases: Record<(typeof FAMILIES)[number], number>
  readonly generator: number
  readonly decayed: number
  /** Lengths of the encoded lessons in the reservoir. */
  readonly kept: Record<Label, readonly number[]>
}

/** Writes a model down. */
export function writeSnapshot(model: Model): Uint8Array {
  const tables = FAMILIES.map((name) => writeTable(model.families[name]))
  const kept = {
    junk: model.reservoir.kept.junk.map(({ features }) => encodeFeatures(features)),
    wanted: model.reservoir.kept.wanted.map(({ features }) => encodeFeatures(features)),
  }
  const head: Head = {
    options: model.options,
    lessons: model.lessons,
    biases: {
      grams: model.families.grams.bias,
      words: model.families.words.bias,
      headers: model.families.headers.bias,
    },
    generator: model.generator.state,
    decayed: model.decayed,
    kept: { junk: kept.junk.map(({ length }) => length), wanted: kept.wanted.map(({ length }) => length) },
  }
  const body = Buffer.concat([
    ...withLength(Buffer.from(JSON.stringify(head))),
    ...tables.flatMap(withLength),
    ...kept.junk,
    ...kept.wanted,
  ])
  const octets = new Uint8Array(HEAD + body.length)
  const view = new DataView(octets.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, VERSION, true)
  view.setUint32(8, crc32(body), true)
  view.setUint32(12, body.length, true)
  octets.set(body, HEAD)
  return octets
}

/** Reads what `writeSnapshot` has written. @throws {SnapshotError} otherwise. */
export function readSnapshot(octets: Uint8Array): Model {
  if (octets.length < HEAD) throw new SnapshotError('shape', 'A snapshot of a model has at least 16 octets')
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength)
  if (view.getUint32(0, true) !== MAGIC) throw new SnapshotError('shape', 'These octets are not a snapshot of a model')
  const version = view.getUint32(4, true)
  if (version !== VERSION)
    throw new SnapshotError('version', `The snapshot is of version ${version}, this program reads ${VERSION}`)
  if (view.getUint32(12, true) !== octets.length - HEAD) throw new SnapshotError('shape', 'The snapshot is cut off')
  const body = octets.subarray(HEAD)
  if (crc32(body) !== view.getUint32(8, true)) throw new SnapshotError('checksum', 'The snapshot is damaged')
  try {
    return modelOf(new Sections(body))
  } catch (cause) {
    throw new SnapshotError('shape', 'The snapshot has the right checksum, but not the right parts', { cause })
  }
}

function modelOf(sections: Sections): Model {
  const head = JSON.parse(Buffer.from(sections.next()).toString('utf8')) as Head // what this file wrote: the checksum was right
  if (Object.values(head.options.bits).some((bits) => bits > MAX_BITS)) throw new RangeError('The tables are too large')
  const model = new Model(head.options)
  for (const name of FAMILIES) {
    readTable(model.families[name], sections.next())
    model.families[name].bias = head.biases[name]
  }
  for (const label of LABELS)
    for (const length of head.kept[label]) model.reservoir.add(decodeFeatures(sections.take(length)), label)
  Object.assign(model.lessons, head.lessons)
  model.generator.state = head.generator
  model.decayed = head.decayed
  return model
}

function withLength(octets: Uint8Array): readonly Uint8Array[] {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, octets.length, true)
  return [length, octets]
}

/** Reads sections with their lengths before them. */
class Sections {
  readonly #octets: Uint8Array
  #at = 0

  constructor(octets: Uint8Array) {
    this.#octets = octets
  }

  next(): Uint8Array {
    const octets = this.take(4)
    return this.take(new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0, true))
  }

  take(length: number): Uint8Array {
    const end = this.#at + length
    if (end > this.#octets.length) throw new RangeError('A section is cut off')
    const octets = this.#octets.subarray(this.#at, end)
    this.#at = end
    return octets
  }
}

/** Blocks in which something was learned: number of the block, then its weights, counts and days. */
function writeTable(table: LinearModel): Uint8Array {
  const blocks: number[] = []
  for (let block = 0; block < table.size / BLOCK; block++)
    if (table.days.subarray(block * BLOCK, (block + 1) * BLOCK).some((day) => day !== 0)) blocks.push(block)
  const octets = new Uint8Array(blocks.length * (4 + BLOCK * OCTETS_A_SLOT))
  const view = new DataView(octets.buffer)
  let at = 0
  for (const block of blocks) {
    const from = block * BLOCK
    view.setUint32(at, block, true)
    at += 4
    for (const piece of [
      bytesOf(table.weights.subarray(2 * from, 2 * (from + BLOCK))),
      table.seen.subarray(from, from + BLOCK),
      bytesOf(table.days.subarray(from, from + BLOCK)),
    ]) {
      octets.set(piece, at)
      at += piece.length
    }
  }
  return octets
}

function readTable(table: LinearModel, octets: Uint8Array): void {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength)
  for (let at = 0; at < octets.length; ) {
    const from = view.getUint32(at, true) * BLOCK
    if (from + BLOCK > table.size) throw new RangeError('A block is outside of the table')
    at += 4
    for (const piece of [
      bytesOf(table.weights.subarray(2 * from, 2 * (from + BLOCK))),
      table.seen.subarray(from, from + BLOCK),
      bytesOf(table.days.subarray(from, from + BLOCK)),
    ]) {
      piece.set(octets.subarray(at, at + piece.length))
      at += piece.length
    }
  }
}

// Little-endian, as all machines are that Node runs on today.
function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
