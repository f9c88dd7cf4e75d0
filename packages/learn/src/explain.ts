/** Why a message has its score: what spoke for and against, in words, with the place where it stands. */
import type { Corrections } from './corrections.ts'
import type { Features } from './features.ts'
import type { LinearModel } from './model/linear.ts'
import type { Model, Score } from './model/model.ts'
import type { ScanFacts, Scanner } from './scan/scanner.ts'
import type { Family, Notes } from './scan/sink.ts'
import type { TextBuffer } from './scan/text-buffer.ts'

const MOST_CHARACTERS = 80
const SPACE_POINT = 0x20

/** One thing that spoke. */
export interface Reason {
  /** In words, with what stands in the message escaped: `"prizes"`, `link to x.example`, `no field message-id`. */
  readonly text: string
  /** `subject`, `text`, `html`, `link`, `structure`, `received`, `facts`, `field NAME`. */
  readonly place: string
  /** Above 0 for junk. Unit: logit; all reasons and the biases add up to the rank without corrections. */
  readonly weight: number
}

/** A score with its reasons, the strongest first. */
export interface Explanation {
  readonly score: Score
  readonly junk: readonly Reason[]
  readonly wanted: readonly Reason[]
}

/** How much is explained. */
export interface ExplainOptions {
  readonly facts?: ScanFacts
  readonly corrections?: readonly Corrections[]
  /** Reasons on each side. Default: 8. */
  readonly limit?: number
}

/** Explains a message. Scans it again, some three times slower than a score. */
export function explain(scanner: Scanner, model: Model, octets: Uint8Array, options: ExplainOptions = {}): Explanation {
  const notebook = new Notebook()
  const features = scanner.scanWithNotes(octets, options.facts ?? {}, notebook)
  const reasons = notebook.reasons(features, model)
  const limit = options.limit ?? 8
  const strongest = (sign: number) =>
    reasons
      .filter(({ weight }) => sign * weight > 0)
      .sort((a, b) => sign * (b.weight - a.weight))
      .slice(0, limit)
  return { score: model.score(features, options.corrections), junk: strongest(1), wanted: strongest(-1) }
}

interface Note {
  readonly family: Family
  readonly hash: number
  readonly place: string
  readonly text: string
  /** Of grams: where each stands in the text. */
  readonly from: number
  readonly to: number
  readonly buffer: TextBuffer | undefined
}

/** Writes down what the scanner says of its features. */
class Notebook implements Notes {
  readonly #notes: Note[] = []
  #buffer: TextBuffer | undefined
  #place = ''

  look(text: TextBuffer, place: string): void {
    this.#buffer = text
    this.#place = place
  }

  note(family: Family, hash: number, from: number, to: number): void {
    this.#notes.push({ family, hash, place: this.#place, text: '', from, to, buffer: this.#buffer })
  }

  say(family: Family, hash: number, place: string, text: string): void {
    this.#notes.push({ family, hash, place, text, from: 0, to: 0, buffer: undefined })
  }

  /** Reasons: what stands in the same words is one. */
  reasons(features: Features, model: Model): Reason[] {
    const known = model.families.headers.knownOf(features.headers)
    const familiar = known / Math.max(1, features.headers.length)
    const sums = new Map<string, { place: string; text: string; weight: number }>()
    for (const note of this.#notes) {
      const share = note.family === 'headers' ? familiar * familiar : 0.5
      const weight = share * weightOf(model.families[note.family], note.hash, features[note.family].length)
      if (weight === 0) continue
      const text = note.buffer === undefined ? escaped(note.text) : `"${escaped(wordsAt(note.buffer, note))}"`
      const key = `${note.place}\n${text}`
      const sum = sums.get(key)
      if (sum === undefined) sums.set(key, { place: note.place, text, weight })
      else sum.weight += weight
    }
    return [...sums.values()]
  }
}

function weightOf(table: LinearModel, hash: number, count: number): number {
  return table.weightOf(hash) / Math.sqrt(count)
}

/** The text of a word; of a gram the word in which its middle stands. */
function wordsAt({ points, length }: TextBuffer, { family, from, to }: Note): string {
  let start = from
  let end = to
  if (family === 'grams') {
    start = Math.min(from + ((to - from) >> 1), length - 1)
    if (points[start] === SPACE_POINT) start++
    end = start
    while (start > 0 && from - start < 24 && points[start - 1] !== SPACE_POINT) start--
    while (end < length && end - to < 24 && points[end] !== SPACE_POINT) end++
  }
  let text = ''
  for (let i = start; i < end; i++) text += String.fromCodePoint(points[i] ?? SPACE_POINT)
  return text
}

/** Foreign text for a line of a log: no controls, no quotes that end it, bounded. */
function escaped(text: string): string {
  let safe = ''
  for (const char of text) {
    if (safe.length >= MOST_CHARACTERS) return `${safe}…`
    const point = char.codePointAt(0) ?? 0
    const isPlain = point >= 0x20 && !(point >= 0x7f && point < 0xa0) && !isTurning(point)
    safe += isPlain ? char : '·'
  }
  return safe
}

/** Signs that turn the direction of writing, or end a line. */
function isTurning(point: number): boolean {
  return (
    (point >= 0x200b && point <= 0x200f) ||
    (point >= 0x2028 && point <= 0x202e) ||
    (point >= 0x2060 && point <= 0x206f) ||
    (point >= 0xd800 && point < 0xe000) ||
    point === 0xfeff
  )
}
