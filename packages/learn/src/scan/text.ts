/** Grams and words of a text. */
import { IDEOGRAPH, LETTER, SPACE } from './fold.ts'
import { finish, take } from './hash.ts'
import type { FeatureSink } from './sink.ts'
import type { TextBuffer } from './text-buffer.ts'

const GRAM_POINTS = 4_096
const WORD_POINTS = 24

const GRAM = 0x11
const PAIR_OF_IDEOGRAPHS = 0x12
const WORD = 0x21
const PAIR = 0x22
const GAP = 0x23

/** Grams of four code points; of writing without spaces also of two. */
export function scanGrams(text: TextBuffer, start: number, space: number, sink: FeatureSink): void {
  const { points, kinds } = text
  const end = Math.min(text.length, start + GRAM_POINTS)
  const { grams, notes } = sink
  for (let i = start; i < end && !grams.isFull; i++) {
    if (i + 4 <= end) {
      let hash = Math.imul(points[i] ?? 0, 0x9e3779b1) ^ Math.imul(points[i + 1] ?? 0, 0x85ebca77)
      hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae3d) ^ Math.imul(points[i + 2] ?? 0, 0x27d4eb2f)
      hash = finish(hash ^ Math.imul(points[i + 3] ?? 0, 0x165667b1) ^ space ^ GRAM)
      if (grams.add(hash) && notes !== undefined) notes.note('grams', hash, i, i + 4)
    }
    if (kinds[i] === IDEOGRAPH && i + 2 <= end) {
      const hash = finish(take(take(space ^ PAIR_OF_IDEOGRAPHS, points[i] ?? 0), points[i + 1] ?? 0))
      if (grams.add(hash) && notes !== undefined) notes.note('grams', hash, i, i + 2)
    }
  }
}

/** Words, pairs of neighbours, and pairs with one word between them. */
export function scanWords(text: TextBuffer, start: number, space: number, sink: FeatureSink): void {
  const { points, kinds, length } = text
  const { words, notes } = sink
  let before = 0
  let beforeThat = 0
  let beforeAt = 0
  let beforeThatAt = 0
  let i = start
  while (i < length && !words.isFull) {
    const kind = kinds[i]
    if (kind === SPACE) {
      i++
      continue
    }
    const from = i
    let running = space ^ WORD
    if (kind === LETTER) {
      do {
        if (i - from < WORD_POINTS) running = take(running, points[i] ?? 0)
        i++
      } while (i < length && isInWord(kinds[i] ?? SPACE, points[i] ?? 0, kinds[i + 1] ?? SPACE))
      if (i - from > WORD_POINTS) running = take(running, -1)
    } else if (kind === IDEOGRAPH) running = take(running, points[i++] ?? 0)
    else {
      // A run of the same sign is one word: "!!!" is not "!".
      const sign = points[i] ?? 0
      do i++
      while (i < length && points[i] === sign)
      running = take(take(running, sign), Math.min(i - from, 4))
    }
    const hash = finish(running)
    if (words.add(hash) && notes !== undefined) notes.note('words', hash, from, i)
    if (before !== 0) {
      const pair = finish(take(take(space ^ PAIR, before), hash))
      if (words.add(pair) && notes !== undefined) notes.note('words', pair, beforeAt, i)
    }
    if (beforeThat !== 0) {
      const gap = finish(take(take(space ^ GAP, beforeThat), hash))
      if (words.add(gap) && notes !== undefined) notes.note('words', gap, beforeThatAt, i)
    }
    beforeThat = before
    beforeThatAt = beforeAt
    before = hash
    beforeAt = from
  }
}

function isInWord(kind: number, point: number, next: number): boolean {
  // An apostrophe, a dot, a hyphen or an @ between letters belongs to the word.
  return kind === LETTER || (next === LETTER && (point === 0x27 || point === 0x2d || point === 0x2e || point === 0x40))
}
