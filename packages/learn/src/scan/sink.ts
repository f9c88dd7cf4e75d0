/** Where the scanner puts what it finds. */
import type { FeatureSet } from './feature-set.ts'
import type { TextBuffer } from './text-buffer.ts'

/** The three families of features; each has a model of its own. */
export type Family = 'grams' | 'words' | 'headers'

/** What an explanation needs besides hashes; nothing of it is made otherwise. */
export interface Notes {
  /** The text that the next features stand in, and what it is called. */
  look(text: TextBuffer, place: string): void
  /** A feature that stands in the text, from one code point to another. */
  note(family: Family, hash: number, from: number, to: number): void
  /** A feature that has words of its own. */
  say(family: Family, hash: number, place: string, text: string): void
}

/** The sets of one scanner, and the notes when somebody asks for reasons. */
export interface FeatureSink {
  readonly grams: FeatureSet
  readonly words: FeatureSet
  readonly headers: FeatureSet
  notes: Notes | undefined
}
