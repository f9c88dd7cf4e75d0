/** Messages that are known and never learned from: when a model becomes wrong about them, learning has to stop. */
import { decodeFeatures, encodeFeatures, type Features } from './features.ts'
import type { Model } from './model/model.ts'
import type { Label } from './model/reservoir.ts'

const ROOM = 200
const LEAST = 20
const SIGMAS = 3
const SMOOTH = 0.2
/** The spread is never taken for less than this share: one canary more is no alarm. */
const LEAST_SPREAD = 0.01
/** Checks before an alarm may be: what is normal has to be known. */
const LEAST_CHECKS = 3
const LABELS: readonly Label[] = ['junk', 'wanted']

/** What `toJSON` gives and `Canaries.from` takes: all but the messages. */
export interface CanariesState {
  readonly mean: number
  readonly variance: number
  readonly checks: number
  /** How far a check has come, and what it has found. */
  readonly at: number
  readonly wrong: Readonly<Record<Label, number>>
}

/** One of them. */
export interface Canary {
  readonly key: string
  readonly label: Label
  /** As `encodeFeatures` writes them. */
  readonly features: Uint8Array
}

/** What a whole check has found. */
export interface CanaryCheck {
  /** The share of wrong signs, the mean of both labels. */
  readonly error: number
  /** It is far above what it was. */
  readonly isAlarm: boolean
}

/** At most 200 messages of each label, by any key. */
export class Canaries {
  readonly #kept: Record<Label, { readonly key: string; readonly features: Features }[]> = { junk: [], wanted: [] }
  readonly #labels = new Map<string, Label>()
  #mean = 0
  #variance = 0
  #checks = 0
  #at = 0
  #wrong: Record<Label, number> = { junk: 0, wanted: 0 }

  /** Reads what `toJSON` and `all` gave. @throws {FeaturesError} when one is damaged. */
  static from({ mean, variance, checks, at, wrong }: CanariesState, all: Iterable<Canary>): Canaries {
    const canaries = new Canaries()
    for (const { key, label, features } of all) canaries.add(key, decodeFeatures(features), label)
    canaries.#mean = mean
    canaries.#variance = variance
    canaries.#checks = checks
    canaries.#at = at
    canaries.#wrong = { ...wrong }
    return canaries
  }

  /** Whether more of a label are of use: whoever asks keeps every tenth message from learning, say. */
  needs(label: Label): boolean {
    return this.#kept[label].length < ROOM
  }

  /** Keeps a message that is not learned. */
  add(key: string, features: Features, label: Label): void {
    if (!this.needs(label) || this.#labels.has(key)) return
    this.#kept[label].push({ key, features })
    this.#labels.set(key, label)
  }

  /** Whether a message is one of them, and as what. */
  labelOf(key: string): Label | undefined {
    return this.#labels.get(key)
  }

  /** Lets one go: it was called otherwise. */
  remove(key: string): void {
    const label = this.#labels.get(key)
    if (label === undefined) return
    const kept = this.#kept[label]
    kept.splice(
      kept.findIndex((one) => one.key === key),
      1,
    )
    this.#labels.delete(key)
  }

  /** Looks at all of them at once: takes some milliseconds. */
  check(model: Model): CanaryCheck {
    this.#begin()
    return this.step(model, 2 * ROOM) ?? NOTHING
  }

  /** Looks at the next `count` of them; gives what was found when all have been looked at. The error is that of a model that learned meanwhile. */
  step(model: Model, count: number): CanaryCheck | undefined {
    const { junk, wanted } = this.#kept
    if (junk.length < LEAST || wanted.length < LEAST) {
      this.#begin()
      return undefined
    }
    const end = this.#at + count
    for (; this.#at < end && this.#at < junk.length + wanted.length; this.#at++) {
      const label = this.#at < junk.length ? 'junk' : 'wanted'
      const one = label === 'junk' ? junk[this.#at] : wanted[this.#at - junk.length]
      if (one && model.score(one.features).rank > 0 !== (label === 'junk')) this.#wrong[label]++
    }
    if (this.#at < junk.length + wanted.length) return undefined
    const error = (this.#wrong.junk / junk.length + this.#wrong.wanted / wanted.length) / 2
    this.#begin()
    return { error, isAlarm: this.#isAlarm(error) }
  }

  /** What is known of how it usually is. */
  toJSON(): CanariesState {
    return {
      mean: this.#mean,
      variance: this.#variance,
      checks: this.#checks,
      at: this.#at,
      wrong: { ...this.#wrong },
    }
  }

  /** The messages, one by one. */
  *all(): Generator<Canary, void> {
    for (const label of LABELS)
      for (const { key, features } of this.#kept[label]) yield { key, label, features: encodeFeatures(features) }
  }

  #begin(): void {
    this.#at = 0
    this.#wrong = { junk: 0, wanted: 0 }
  }

  #isAlarm(error: number): boolean {
    const spread = Math.max(LEAST_SPREAD, Math.sqrt(this.#variance))
    const isAlarm = this.#checks >= LEAST_CHECKS && error > this.#mean + SIGMAS * spread
    // What raised the alarm does not become what is normal.
    if (isAlarm) return true
    const off = error - this.#mean
    const share = this.#checks === 0 ? 1 : SMOOTH
    this.#mean += share * off
    this.#variance = (1 - share) * (this.#variance + share * off * off)
    this.#checks++
    return false
  }
}

const NOTHING: CanaryCheck = { error: 0, isAlarm: false }
