/** What a user or a domain has taught besides all others: their corrections, and of which messages. */
import { Corrections, type Features, type Label, type LessonReceipt } from '@postroad/learn'

/** What was learned of a message, and when. */
export interface LearnedMessage {
  readonly lesson: LessonReceipt
  /** Milliseconds since the epoch. */
  readonly at: number
}

const MESSAGES_A_SLICE = 500

/** Messages by key with what was learned of them; the oldest is forgotten when there are too many. */
export class LearnedMessages {
  readonly #most: number
  readonly #all = new Map<string, LearnedMessage>()

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#all.size
  }

  get(key: string): LearnedMessage | undefined {
    return this.#all.get(key)
  }

  set(key: string, receipt: LearnedMessage): void {
    this.#all.delete(key)
    this.#all.set(key, receipt)
    if (this.#all.size <= this.#most) return
    const [oldest] = this.#all.keys()
    if (oldest !== undefined) this.#all.delete(oldest)
  }

  /** All of them, some at a time. */
  *slices(): Generator<Buffer, void> {
    let slice: Buffer[] = []
    for (const [key, receipt] of this.#all) {
      slice.push(encodeLearned(key, receipt))
      if (slice.length < MESSAGES_A_SLICE) continue
      yield Buffer.concat(slice)
      slice = []
    }
    if (slice.length > 0) yield Buffer.concat(slice)
  }

  /** Takes what `slices` gave, in its order. @throws {RangeError} when it is something else */
  decode(slice: Buffer): void {
    for (let at = 0; at < slice.length; ) at = this.#decodeOne(slice, at)
  }

  #decodeOne(octets: Buffer, start: number): number {
    const keyLength = octets.readUInt8(start)
    const label: Label = octets.readUInt8(start + 1) === 1 ? 'junk' : 'wanted'
    const count = octets.readUInt8(start + 2)
    const at = octets.readDoubleLE(start + 3)
    const key = octets.toString('latin1', start + FIXED, start + FIXED + keyLength)
    const steps = new Float64Array(count)
    const begin = start + FIXED + keyLength
    for (let step = 0; step < count; step++) steps[step] = octets.readDoubleLE(begin + 8 * step)
    this.#all.set(key, { lesson: { label, steps }, at })
    return begin + 8 * count
  }
}

/** Octets of a receipt before its key: lengths, label, time. */
const FIXED = 11

function encodeLearned(key: string, { lesson: { label, steps }, at }: LearnedMessage): Buffer {
  const octets = Buffer.alloc(FIXED + key.length + 8 * steps.length)
  octets.writeUInt8(key.length, 0)
  octets.writeUInt8(label === 'junk' ? 1 : 0, 1)
  octets.writeUInt8(steps.length, 2)
  octets.writeDoubleLE(at, 3)
  octets.write(key, FIXED, 'latin1')
  for (const [index, step] of steps.entries()) octets.writeDoubleLE(step, FIXED + key.length + 8 * index)
  return octets
}

/** Messages of one user or domain that are remembered. */
const MOST = 5_000

/** Corrections, and what they were learned from. */
export class OwnCorrections {
  readonly corrections: Corrections
  readonly learned: LearnedMessages

  constructor(corrections = new Corrections(), learned = new LearnedMessages(MOST)) {
    this.corrections = corrections
    this.learned = learned
  }

  /** Learns, once: what was learned of the message before is taken back. Tells whether that changed anything. */
  learn(
    features: Features,
    label: Label,
    { key, rank, at }: { readonly key: string; readonly rank: number; readonly at: number },
  ): boolean {
    const before = this.learned.get(key)
    if (before?.lesson.label === label) return false
    if (before) this.corrections.unlearn(features, before.lesson)
    this.learned.set(key, { lesson: this.corrections.learn(features, label, rank), at })
    return true
  }
}
