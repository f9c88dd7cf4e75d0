/** Messages that are known and not learned from: when a model becomes wrong about them, learning has to stop. */
import { decodeFeatures, encodeFeatures, type Features } from './features.ts'
import type { Model } from './model/model.ts'
import type { Label } from './model/reservoir.ts'

const ROOM = 200
const LEAST = 20
const SIGMAS = 3
const SMOOTH = 0.2
/** The spread is never taken for less than this share: one canary more is no alarm. */
const LEAST_SPREAD = 0.01

/** What `toJSON` gives and `Canaries.from` takes. */
export interface CanariesState {
  readonly junk: readonly string[]
  readonly wanted: readonly string[]
  readonly mean: number
  readonly variance: number
  readonly checks: number
}

/** At most 200 messages of each label. */
export class Canaries {
  readonly #kept: Record<Label, Features[]> = { junk: [], wanted: [] }
  #mean = 0
  #variance = 0
  #checks = 0

  /** Reads what `toJSON` gave. @throws {FeaturesError} when it is damaged. */
  static from({ junk, wanted, mean, variance, checks }: CanariesState): Canaries {
    const canaries = new Canaries()
    for (const text of junk) canaries.add(decodeFeatures(Buffer.from(text, 'base64')), 'junk')
    for (const text of wanted) canaries.add(decodeFeatures(Buffer.from(text, 'base64')), 'wanted')
    canaries.#mean = mean
    canaries.#variance = variance
    canaries.#checks = checks
    return canaries
  }

  /** Whether more of a label are of use: whoever asks keeps every tenth message from learning, say. */
  needs(label: Label): boolean {
    return this.#kept[label].length < ROOM
  }

  /** Keeps a message that is not learned. */
  add(features: Features, label: Label): void {
    if (this.needs(label)) this.#kept[label].push(features)
  }

  /** The share of wrong signs, the mean of both labels; an alarm when it is far above what it was. */
  check(model: Model): { readonly error: number; readonly isAlarm: boolean } {
    if (this.#kept.junk.length < LEAST || this.#kept.wanted.length < LEAST) return { error: 0, isAlarm: false }
    const error = (this.#wrong(model, 'junk') + this.#wrong(model, 'wanted')) / 2
    const spread = Math.max(LEAST_SPREAD, Math.sqrt(this.#variance))
    const isAlarm = this.#checks >= 3 && error > this.#mean + SIGMAS * spread
    // What raised the alarm does not become what is normal.
    if (!isAlarm) {
      const off = error - this.#mean
      const share = this.#checks === 0 ? 1 : SMOOTH
      this.#mean += share * off
      this.#variance = (1 - share) * (this.#variance + share * off * off)
      this.#checks++
    }
    return { error, isAlarm }
  }

  /** All that there is to keep. */
  toJSON(): CanariesState {
    const texts = (label: Label) =>
      this.#kept[label].map((features) => Buffer.from(encodeFeatures(features)).toString('base64'))
    return {
      junk: texts('junk'),
      wanted: texts('wanted'),
      mean: this.#mean,
      variance: this.#variance,
      checks: this.#checks,
    }
  }

  #wrong(model: Model, label: Label): number {
    const kept = this.#kept[label]
    return kept.filter((features) => model.score(features).rank > 0 !== (label === 'junk')).length / kept.length
  }
}
