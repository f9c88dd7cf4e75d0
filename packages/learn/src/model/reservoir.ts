/** A bounded sample of what was learned, half junk and half wanted, newer lessons more often: what is replayed so that nothing is forgotten. */
import type { Features } from '../features.ts'

/** What a message is. */
export type Label = 'junk' | 'wanted'

/** One lesson kept for replay. */
export interface KeptLesson {
  readonly features: Features
  readonly print: number
}

/** Draws the same numbers on every machine. */
export class Generator {
  state: number

  constructor(state = 0x9e3779b9) {
    this.state = state >>> 0 || 1
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    let state = this.state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.state = state >>> 0
    return Math.floor((this.state / 2 ** 32) * end)
  }
}

/** Keeps at most `room` lessons of each label. */
export class Reservoir {
  readonly #room: number
  readonly #generator: Generator
  readonly kept: Readonly<Record<Label, KeptLesson[]>> = { junk: [], wanted: [] }

  constructor(room: number, generator: Generator) {
    this.#room = room
    this.#generator = generator
  }

  /** Keeps a lesson; when there is no room, in place of one drawn by lot, so that older ones are rarer. */
  add(features: Features, label: Label): void {
    const kept = this.kept[label]
    const lesson = { features, print: printOf(features) }
    if (kept.length < this.#room) kept.push(lesson)
    else if (this.#room > 0) kept[this.#generator.below(this.#room)] = lesson
  }

  /** One lesson drawn by lot. */
  draw(label: Label): Features | undefined {
    const kept = this.kept[label]
    return kept.length === 0 ? undefined : kept[this.#generator.below(kept.length)]?.features
  }

  /** Takes a lesson out that is unlearned. */
  remove(features: Features, label: Label): void {
    const kept = this.kept[label]
    const print = printOf(features)
    const at = kept.findIndex((lesson) => lesson.print === print)
    if (at >= 0) kept.splice(at, 1)
  }

  /** Memory held, roughly. Unit: octets. */
  get octets(): number {
    let sum = 0
    for (const { features } of [...this.kept.junk, ...this.kept.wanted])
      sum += 4 * (features.grams.length + features.words.length + features.headers.length) + 300
    return sum
  }
}

/** One number for a message, whatever the order of its features. */
function printOf({ grams, words, headers }: Features): number {
  let print = 0
  for (const family of [grams, words, headers])
    for (let i = 0; i < family.length; i++) print = (print + Math.imul(family[i] ?? 0, 0x9e3779b1)) | 0
  return print
}
