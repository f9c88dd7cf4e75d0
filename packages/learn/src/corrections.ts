/** What one user, or one domain, sees differently: a small table that is added to the model of all. */
import { crc32 } from 'node:zlib'
import type { Features } from './features.ts'
import type { LessonReceipt } from './model/model.ts'
import type { Label } from './model/reservoir.ts'
import { SnapshotError } from './model/snapshot-error.ts'

const SLOTS = 16_384
const MASK = SLOTS - 1
/** Weights are kept as whole numbers of this part of a logit. */
const UNIT = 1 / 4096
const MOST = 32_767
const SALTS = { grams: 0x3c6ef372, words: 0x1b873593, headers: 0x5bd1e995 }
/** A lesson moves its own message to this side, by no more than MOST_MOVED. */
const MARGIN = 1
const MOST_MOVED = 4
const TRUSTED_AFTER = 2
const VERSION = 1

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

  /** Moves the message to the side of its label; `rank` is what it had with all corrections before. */
  learn(features: Features, label: Label, rank: number): LessonReceipt {
    const sign = label === 'junk' ? 1 : -1
    const missing = Math.min(MOST_MOVED, Math.max(0, MARGIN - sign * rank))
    this.lessons++
    let reach = 0
    for (const [family, salt] of familiesOf(features))
      for (let i = 0; i < family.length; i++)
        reach += 1 / Math.sqrt(1 + (this.#counts[slotOf(family[i] ?? 0, salt)] ?? 0))
    const step = reach === 0 ? 0 : (sign * missing * Math.sqrt(sizeOf(features))) / reach
    this.#move(features, step, 1)
    return { label, steps: Float64Array.of(step) }
  }

  /** Takes a lesson back. */
  unlearn(features: Features, { steps }: LessonReceipt): void {
    this.#move(features, -(steps[0] ?? 0), -1)
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

  /** Moves weights and counts; backwards the counts first, so that each weight moves by what it had moved. */
  #move(features: Features, step: number, direction: 1 | -1): void {
    for (const [family, salt] of familiesOf(features))
      for (let i = 0; i < family.length; i++) {
        const slot = slotOf(family[i] ?? 0, salt)
        const count = this.#counts[slot] ?? 0
        const before = direction > 0 ? count : Math.max(0, count - 1)
        const moved = Math.round(step / UNIT / Math.sqrt(1 + before))
        this.#weights[slot] = Math.max(-MOST, Math.min(MOST, (this.#weights[slot] ?? 0) + moved))
        this.#counts[slot] = direction > 0 ? Math.min(255, count + 1) : before
      }
  }
}

function familiesOf({ grams, words, headers }: Features): readonly (readonly [Int32Array, number])[] {
  return [
    [grams, SALTS.grams],
    [words, SALTS.words],
    [headers, SALTS.headers],
  ]
}

function sizeOf({ grams, words, headers }: Features): number {
  return Math.max(1, grams.length + words.length + headers.length)
}

function slotOf(hash: number, salt: number): number {
  return (Math.imul(hash ^ salt, 0x9e3779b1) >>> 18) & MASK
}
