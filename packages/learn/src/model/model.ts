/** Three linear models that learn at once: what a message says (grams, words) and how it came (headers). */
import type { Features } from '../features.ts'
import { LinearModel, type Rates } from './linear.ts'
import { Generator, type Label, Reservoir } from './reservoir.ts'

/** How large a model is and how it learns; what is left out is what was measured to be good. */
export interface ModelOptions extends Partial<Rates> {
  /** Slots of the tables as powers of two. Default: 19, 19, 18. */
  readonly bits?: Readonly<Record<'grams' | 'words' | 'headers', number>>
  /** Steps towards each lesson. Default: 1. */
  readonly passes?: number
  /** Lessons of each label that are replayed after each lesson. Default: 3. */
  readonly replay?: number
  /** Lessons of each label that are kept for it. Default: 800. */
  readonly reservoir?: number
}

/** What a model thinks of a message. All are logits: above 0 leans to junk. */
export interface Score {
  /** The plain sum: to rank and sort by. */
  readonly rank: number
  /** Shrunk where little is known: to be held against a threshold of `LossBudget`. */
  readonly verdict: number
  /** What adds up to `rank`. */
  readonly parts: Readonly<Record<'grams' | 'words' | 'headers' | 'corrections', number>>
  /** How much of each part is believed, 0 to 1. */
  readonly evidence: Readonly<Record<'grams' | 'words' | 'headers', number>>
  /** Features that were in at least two lessons. */
  readonly known: number
  /** Never junk by its text alone. */
  readonly isReport: boolean
}

/** What is needed to take a lesson back, besides the features; keep it by the key of the message. */
export interface LessonReceipt {
  readonly label: Label
  /** Gradients of the steps, or the length of the step of a correction. */
  readonly steps: Float64Array
}

/** What is added to the rank of a message: `Corrections`. */
export interface Adjustment {
  score(features: Features): number
}

/** When a lesson is learned. */
export interface LearnOptions {
  /** Milliseconds since 1970; only its day counts, for `decay`. Default: 0. */
  readonly at?: number
}

const DAY = 86_400_000
const DEFAULTS = {
  bits: { grams: 19, words: 19, headers: 18 },
  rate: 1,
  start: 1e-5,
  margin: 4,
  passes: 1,
  replay: 3,
  reservoir: 800,
}
/** Known features at which half of the variance is believed. */
const EVIDENCE = { grams: 200, words: 120, headers: 60 }
const REST_DAYS = 30
const HALF_LIFE_DAYS = 60

/** A model for all users of an installation. The same lessons in the same order make the same weights, bit for bit. */
export class Model {
  readonly options: Required<ModelOptions>
  readonly lessons: Record<Label, number> = { junk: 0, wanted: 0 }
  readonly families: Readonly<Record<'grams' | 'words' | 'headers', LinearModel>>
  readonly generator = new Generator()
  readonly reservoir: Reservoir
  /** The day of the last decay. */
  decayed = 0

  constructor(options: ModelOptions = {}) {
    this.options = { ...DEFAULTS, ...options }
    const { bits } = this.options
    this.families = {
      grams: new LinearModel(bits.grams, this.options),
      words: new LinearModel(bits.words, this.options),
      headers: new LinearModel(bits.headers, this.options),
    }
    this.reservoir = new Reservoir(this.options.reservoir, this.generator)
  }

  /** What the model thinks of a message; changes nothing. */
  score(features: Features, corrections: readonly Adjustment[] = []): Score {
    const { grams, words, headers } = this.families
    const parts = {
      grams: grams.score(features.grams) / 2,
      words: words.score(features.words) / 2,
      headers: headers.score(features.headers),
      corrections: 0,
    }
    // A header of which little is known comes from elsewhere: what it has in common with others is chance.
    const familiar = headers.known / Math.max(1, features.headers.length)
    parts.headers *= familiar * familiar
    for (const correction of corrections) parts.corrections += correction.score(features)
    const evidence = {
      grams: believed(grams.known, EVIDENCE.grams),
      words: believed(words.known, EVIDENCE.words),
      headers: believed(headers.known, EVIDENCE.headers),
    }
    return {
      rank: parts.grams + parts.words + parts.headers + parts.corrections,
      verdict:
        parts.grams * evidence.grams +
        parts.words * evidence.words +
        parts.headers * evidence.headers +
        parts.corrections,
      parts,
      evidence,
      known: grams.known + words.known + headers.known,
      isReport: features.isReport,
    }
  }

  /** Learns a message at once, and replays older lessons. */
  learn(features: Features, label: Label, { at = 0 }: LearnOptions = {}): LessonReceipt {
    const { passes, replay } = this.options
    const day = dayOf(at)
    const steps = new Float64Array(3 * passes)
    for (let pass = 0; pass < passes; pass++) this.#step(features, label, steps, 3 * pass)
    this.families.grams.count(features.grams, day)
    this.families.words.count(features.words, day)
    this.families.headers.count(features.headers, day)
    this.lessons[label]++
    for (let i = 0; i < replay; i++) {
      this.#replay('junk')
      this.#replay('wanted')
    }
    this.reservoir.add(features, label)
    return { label, steps }
  }

  /** Takes a lesson back: exactly when nothing was learned since, otherwise nearly. */
  unlearn(features: Features, { label, steps }: LessonReceipt): void {
    const { grams, words, headers } = this.families
    for (let at = steps.length - 3; at >= 0; at -= 3) {
      headers.back(features.headers, steps[at + 2] ?? 0)
      words.back(features.words, steps[at + 1] ?? 0)
      grams.back(features.grams, steps[at] ?? 0)
    }
    grams.uncount(features.grams)
    words.uncount(features.words)
    headers.uncount(features.headers)
    this.lessons[label] = Math.max(0, this.lessons[label] - 1)
    this.reservoir.remove(features, label)
  }

  /** Takes a lesson back and learns the other one. */
  relabel(features: Features, before: LessonReceipt, label: Label, options: LearnOptions = {}): LessonReceipt {
    this.unlearn(features, before)
    return this.learn(features, label, options)
  }

  /** Lessons of a label, spread over those that are kept: what corrections are held against. The same `turn` gives the same ones. */
  sample(label: Label, count: number, turn: number): readonly Features[] {
    const kept = this.reservoir.kept[label]
    const length = Math.min(count, kept.length)
    return Array.from({ length }, (_, i) => kept[(turn * count + i * 97) % kept.length]?.features).filter(
      (features) => features !== undefined,
    )
  }

  /** Lets weights fade that were not learned for a month: half of them is left after two more. Call it daily; more often does nothing. */
  decay(at: number): void {
    const day = dayOf(at)
    const passed = this.decayed === 0 ? 0 : day - this.decayed
    this.decayed = Math.max(day, this.decayed)
    if (passed <= 0) return
    const factor = 2 ** (-passed / HALF_LIFE_DAYS)
    for (const family of Object.values(this.families)) family.decay(day, REST_DAYS, factor)
  }

  /** Memory held. Unit: octets. */
  get octets(): number {
    const tables = Object.values(this.families).reduce((sum, { size }) => sum + size * 11, 0)
    return tables + this.reservoir.octets
  }

  #replay(label: Label): void {
    const features = this.reservoir.draw(label)
    if (features !== undefined) this.#step(features, label)
  }

  #step(features: Features, label: Label, steps?: Float64Array, at = 0): void {
    const sign = label === 'junk' ? 1 : -1
    const grams = this.families.grams.step(features.grams, sign)
    const words = this.families.words.step(features.words, sign)
    const headers = this.families.headers.step(features.headers, sign)
    if (steps !== undefined) {
      steps[at] = grams
      steps[at + 1] = words
      steps[at + 2] = headers
    }
  }
}

function believed(known: number, half: number): number {
  return Math.sqrt(known / (known + half))
}

/** Days since 2020, at least 1: 0 says that nothing was learned. */
function dayOf(at: number): number {
  return Math.min(0xffff, Math.max(1, Math.floor(at / DAY) - 18_262))
}
