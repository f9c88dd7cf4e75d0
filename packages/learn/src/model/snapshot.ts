/**
 * A model as octets: `PRLM`, version; a head of JSON, tables block by block without the empty ones, the reservoir; at the end the CRC-32 of what is
 * between. Written and read in slices, so that who has something else to do can do it in between.
 */
import { crc32 } from 'node:zlib'
import { decodeFeatures, encodeFeatures } from '../features.ts'
import type { LinearModel } from './linear.ts'
import { Model, type ModelOptions } from './model.ts'
import type { Label } from './reservoir.ts'
import { SnapshotError } from './snapshot-error.ts'

const MAGIC = 0x4d4c5250
const VERSION = 2
const FRONT = 8
const SUM = 4
const BLOCK = 256
const OCTETS_A_SLOT = 11
/** Octets of a slice at most, and blocks that are looked at for one. */
const SLICE = 131_072
const BLOCKS_A_SLICE = 512
const LESSONS_A_SLICE = 20
/** In place of the number of a block: there are no more. */
const NO_BLOCK = 0xffffffff
const MAX_BITS = 24
const LABELS: readonly Label[] = ['junk', 'wanted']
const FAMILIES = ['grams', 'words', 'headers'] as const

interface Head {
  readonly options: Required<ModelOptions>
  readonly lessons: Record<Label, number>
  readonly biases: Record<(typeof FAMILIES)[number], number>
  readonly generator: number
  readonly decayed: number
  /** How many lessons are in the reservoir. */
  readonly kept: Record<Label, number>
}

/** Writes a model down. */
export function writeSnapshot(model: Model): Uint8Array {
  const slices = [...snapshotSlices(model)]
  const octets = new Uint8Array(slices.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const slice of slices) {
    octets.set(slice, at)
    at += slice.length
  }
  return octets
}

/** What `writeSnapshot` gives, in slices of at most 128 KB that take well under a millisecond each. The model must stay as it is until the last one. */
export function* snapshotSlices(model: Model): Generator<Uint8Array, void> {
  const front = new Uint8Array(FRONT)
  const view = new DataView(front.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, VERSION, true)
  yield front
  let sum = 0
  for (const slice of bodyOf(model)) {
    sum = crc32(slice, sum)
    yield slice
  }
  yield number32(sum)
}

function* bodyOf(model: Model): Generator<Uint8Array, void> {
  const { kept } = model.reservoir
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
    kept: { junk: kept.junk.length, wanted: kept.wanted.length },
  }
  const said = Buffer.from(JSON.stringify(head))
  yield number32(said.length)
  yield said
  for (const name of FAMILIES) yield* tableSlices(model.families[name])
  for (const label of LABELS)
    for (let from = 0; from < kept[label].length; from += LESSONS_A_SLICE)
      yield Buffer.concat(
        kept[label].slice(from, from + LESSONS_A_SLICE).flatMap(({ features }) => {
          const octets = encodeFeatures(features)
          return [number32(octets.length), octets]
        }),
      )
}

/** Reads what `writeSnapshot` has written. @throws {SnapshotError} otherwise. */
export function readSnapshot(octets: Uint8Array): Model {
  const reading = readingSnapshot(octets)
  for (;;) {
    const step = reading.next()
    if (step.done) return step.value
  }
}

/** The same in slices, as `snapshotSlices` gives them: one a step. @throws {SnapshotError} in any of them. */
export function* readingSnapshot(octets: Uint8Array): Generator<void, Model> {
  if (octets.length < FRONT + SUM) throw new SnapshotError('shape', 'A snapshot of a model has at least 12 octets')
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength)
  if (view.getUint32(0, true) !== MAGIC) throw new SnapshotError('shape', 'These octets are not a snapshot of a model')
  const version = view.getUint32(4, true)
  if (version !== VERSION)
    throw new SnapshotError('version', `The snapshot is of version ${version}, this program reads ${VERSION}`)
  const body = octets.subarray(FRONT, -SUM)
  let sum = 0
  for (let at = 0; at < body.length; at += SLICE) {
    sum = crc32(body.subarray(at, at + SLICE), sum)
    yield
  }
  if (sum !== view.getUint32(octets.length - SUM, true))
    throw new SnapshotError('checksum', 'The snapshot is damaged, or cut off')
  try {
    return yield* modelOf(new Sections(body))
  } catch (cause) {
    throw new SnapshotError('shape', 'The snapshot has the right checksum, but not the right parts', { cause })
  }
}

function* modelOf(sections: Sections): Generator<void, Model> {
  const head = JSON.parse(Buffer.from(sections.take(sections.number())).toString('utf8')) as Head // what this file wrote: the checksum was right
  if (Object.values(head.options.bits).some((bits) => bits > MAX_BITS)) throw new RangeError('The tables are too large')
  const model = new Model(head.options)
  for (const name of FAMILIES) {
    yield* readTable(model.families[name], sections)
    model.families[name].bias = head.biases[name]
  }
  for (const label of LABELS)
    for (let i = 0; i < head.kept[label]; i++) {
      model.reservoir.add(decodeFeatures(sections.take(sections.number())), label)
      if (i % LESSONS_A_SLICE === 0) yield
    }
  if (!sections.isAtEnd) throw new RangeError('There are octets behind the last lesson')
  Object.assign(model.lessons, head.lessons)
  model.generator.state = head.generator
  model.decayed = head.decayed
  return model
}

function number32(value: number): Uint8Array {
  const octets = new Uint8Array(4)
  new DataView(octets.buffer).setUint32(0, value, true)
  return octets
}

/** Reads one thing after the other. */
class Sections {
  readonly #octets: Uint8Array
  #at = 0

  constructor(octets: Uint8Array) {
    this.#octets = octets
  }

  get isAtEnd(): boolean {
    return this.#at === this.#octets.length
  }

  number(): number {
    const octets = this.take(4)
    return new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0, true)
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
function* tableSlices(table: LinearModel): Generator<Uint8Array, void> {
  const blocks = table.size / BLOCK
  const octetsOfBlock = 4 + BLOCK * OCTETS_A_SLOT
  let octets = new Uint8Array(SLICE)
  let at = 0
  let looked = 0
  for (let block = 0; block < blocks; block++) {
    const from = block * BLOCK
    if (table.days.subarray(from, from + BLOCK).some((day) => day !== 0)) {
      new DataView(octets.buffer).setUint32(at, block, true)
      at += 4
      for (const piece of piecesOf(table, from)) {
        octets.set(piece, at)
        at += piece.length
      }
    }
    if (++looked < BLOCKS_A_SLICE && at + octetsOfBlock <= SLICE) continue
    // What was handed over is not written into again.
    yield octets.subarray(0, at)
    octets = new Uint8Array(SLICE)
    at = 0
    looked = 0
  }
  yield octets.subarray(0, at)
  yield number32(NO_BLOCK)
}

function* readTable(table: LinearModel, sections: Sections): Generator<void, void> {
  for (let count = 0; ; count++) {
    const block = sections.number()
    if (block === NO_BLOCK) return
    if ((block + 1) * BLOCK > table.size) throw new RangeError('A block is outside of the table')
    for (const piece of piecesOf(table, block * BLOCK)) piece.set(sections.take(piece.length))
    if (count % 32 === 0) yield
  }
}

function piecesOf(table: LinearModel, from: number): readonly Uint8Array[] {
  return [
    bytesOf(table.weights.subarray(2 * from, 2 * (from + BLOCK))),
    table.seen.subarray(from, from + BLOCK),
    bytesOf(table.days.subarray(from, from + BLOCK)),
  ]
}

// Little-endian, as all machines are that Node runs on today.
function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
