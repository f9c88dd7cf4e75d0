/** What one user, or one domain, sees differently: a small table that is added to the model of all. */
import { crc32 } from 'node:zlib'
import type { Features } from './features.ts'
import type { LessonReceipt } from './model/model.ts'
import type { Label } from './model/reservoir.ts'
import { SnapshotError } from './model/snapshot-error.ts'

const SLOTS = 16_384
const MASK = SLOTS - 1
/** Weights are kept as whole numbers of this part of a logit. */
const UNIT = 1 / 2048
const MOST = 32_767
const SALTS = { words: 0x1b873593, headers: 0x5bd1e995 }
/** A lesson moves its own message to this side, by no more than MOST_MOVED. */
const MARGIN = 1
const MOST_MOVED = 8
const TRUSTED_AFTER = 1
/** Others that are looked at, and how quickly what they have in common loses its worth. */
const MOST_OTHERS = 32
const RARITY = 6
const VERSION = 2

/** Corrections of one user or domain: 48 KB. */
export class Corrections {
  readonly #weights = new Int16Array(SLOTS)
  readonly #counts = new Uint8Array(SLOTS)
  /** How many lessons there were. */
  lessons = 0

  /** Memory held. Unit: octets. */
  get octets(): number {
    return this.#weights.byteLength + this.#counts.byteLength
  }

  /** What is added to the rank of a message; the fewer lessons there were, the less. Unit: logit. */
  score(features: Features): number {
    if (this.lessons === 0) return 0
    let sum = 0
    for (const [family, salt] of familiesOf(features))
      for (let i = 0; i < family.length; i++) sum += this.#weights[slotOf(family[i] ?? 0, salt)] ?? 0
    return ((sum * UNIT) / Math.sqrt(sizeOf(features))) * this.#shrink()
  }

  /**
   * Moves the message to the side of its label; `rank` is what it had with all corrections before. `others` are messages of the other label
   * (`Model.sample`): the more of them have a feature, the less it moves, so that a letter nobody asked for takes no other mail with it.
   */
  learn(features: Features, label: Label, rank: number, others: readonly Features[] = []): LessonReceipt {
    const sign = label === 'junk' ? 1 : -1
    this.lessons++
    const missing = Math.min(MOST_MOVED, Math.max(0, MARGIN - sign * rank)) / this.#shrink()
    const rarity = rarityAmong(others)
    const step = this.#stepFor(features, sign * missing, rarity)
    this.#move(features, step, rarity, 1)
    return { label, steps: Float64Array.of(step) }
  }

  /** Takes a lesson back: exactly with the same others and when nothing was learned since, otherwise nearly. */
  unlearn(features: Features, { steps }: LessonReceipt, others: readonly Features[] = []): void {
    this.#move(features, -(steps[0] ?? 0), rarityAmong(others), -1)
    this.lessons = Math.max(0, this.lessons - 1)
  }

  /** The table without its empty slots, with version and checksum. */
  toSnapshot(): Uint8Array {
    const slots: number[] = []
    for (let slot = 0; slot < SLOTS; slot++) if (this.#counts[slot] !== 0 || this.#weights[slot] !== 0) slots.push(slot)
    const octets = new Uint8Array(12 + 5 * slots.length)
    const view = new DataView(octets.buffer)
    view.setUint32(0, VERSION, true)
    view.setUint32(4, this.lessons, true)
    for (const [i, slot] of slots.entries()) {
      view.setUint16(12 + 5 * i, slot, true)
      view.setInt16(14 + 5 * i, this.#weights[slot] ?? 0, true)
      view.setUint8(16 + 5 * i, this.#counts[slot] ?? 0)
    }
    view.setUint32(8, crc32(octets.subarray(12), this.lessons), true)
    return octets
  }

  /** Reads a snapshot. @throws {SnapshotError} when it is damaged or of another version. */
  static fromSnapshot(octets: Uint8Array): Corrections {
    if (octets.length < 12 || (octets.length - 12) % 5 !== 0)
      throw new SnapshotError('shape', 'These octets are not a snapshot of corrections')
    const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength)
    const version = view.getUint32(0, true)
    if (version !== VERSION)
      throw new SnapshotError('version', `The corrections are of version ${version}, this program reads ${VERSION}`)
    const corrections = new Corrections()
    corrections.lessons = view.getUint32(4, true)
    if (crc32(octets.subarray(12), corrections.lessons) !== view.getUint32(8, true))
      throw new SnapshotError('checksum', 'The corrections are damaged')
    for (let at = 12; at < octets.length; at += 5) {
      const slot = view.getUint16(at, true) & MASK
      corrections.#weights[slot] = view.getInt16(at + 2, true)
      corrections.#counts[slot] = view.getUint8(at + 4)
    }
    return corrections
  }

  #shrink(): number {
    return this.lessons / (this.lessons + TRUSTED_AFTER)
  }

  /** The step by which a message moves so far. */
  #stepFor(features: Features, distance: number, rarity: Float64Array): number {
    let reach = 0
    for (const [family, salt] of familiesOf(features))
      for (let i = 0; i < family.length; i++) {
        const slot = slotOf(family[i] ?? 0, salt)
        reach += (rarity[common[slot] ?? 0] ?? 1) / Math.sqrt(1 + (this.#counts[slot] ?? 0))
      }
    return reach < 1e-6 ? 0 : (distance * Math.sqrt(sizeOf(features))) / reach
  }

  /** Moves weights and counts; backwards the counts first, so that each weight moves by what it had moved. */
  #move(features: Features, step: number, rarity: Float64Array, direction: 1 | -1): void {
    for (const [family, salt] of familiesOf(features))
      for (let i = 0; i < family.length; i++) {
        const slot = slotOf(family[i] ?? 0, salt)
        const count = this.#counts[slot] ?? 0
        const before = direction > 0 ? count : Math.max(0, count - 1)
        const moved = Math.round(((step / UNIT) * (rarity[common[slot] ?? 0] ?? 1)) / Math.sqrt(1 + before))
        this.#weights[slot] = Math.max(-MOST, Math.min(MOST, (this.#weights[slot] ?? 0) + moved))
        this.#counts[slot] = direction > 0 ? Math.min(255, count + 1) : before
      }
  }
}

/** In how many of the others a slot is: filled by `rarityAmong`, and read at once by whoever called it. */
const common = new Uint8Array(SLOTS)

/** Counts slots of others; gives what a slot is worth by its count. */
function rarityAmong(others: readonly Features[]): Float64Array {
  common.fill(0)
  const used = others.slice(0, MOST_OTHERS)
  for (const other of used)
    for (const [family, salt] of familiesOf(other))
      for (let i = 0; i < family.length; i++) {
        const slot = slotOf(family[i] ?? 0, salt)
        common[slot] = Math.min(used.length, (common[slot] ?? 0) + 1)
      }
  return Float64Array.from({ length: used.length + 1 }, (_, count) =>
    used.length === 0 ? 1 : (1 - count / used.length) ** RARITY,
  )
}

/** Who sent a message and how is what tells one user's mail from another's: all of the header, and one word in eight, so that the table stays empty enough. */
function familiesOf({ words, headers }: Features): readonly (readonly [Int32Array, number])[] {
  return [
    [words.filter((hash) => hash >>> 29 === 0), SALTS.words],
    [headers, SALTS.headers],
  ]
}

function sizeOf(features: Features): number {
  return Math.max(
    1,
    familiesOf(features).reduce((sum, [family]) => sum + family.length, 0),
  )
}

function slotOf(hash: number, salt: number): number {
  return (Math.imul(hash ^ salt, 0x9e3779b1) >>> 18) & MASK
}
