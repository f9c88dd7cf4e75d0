/** What the filter says of a message, for the log and for other plugins. */
import type { Reason, Score } from '@postroad/learn'
import { defineFact } from '@postroad/plugin'
import type { JunkVerdict, Scored } from './judge.ts'

/** What the filter says of a message. */
export interface JunkFact {
  /** Of the recipient who has the lowest score, where users have taught differently. */
  readonly verdict: JunkVerdict
  /** Shrunk by how little is known of such messages; above 0 it leans to junk. */
  readonly score: number
  /** The score from which on the budget allows to call it junk. */
  readonly threshold: number
  /** That it is junk, from 0 to 1. */
  readonly probability: number
  /** Nothing was done: not enough was learned yet. */
  readonly shadow: boolean
  /** What weighed most, in words; of wanted mail nothing. */
  readonly because: readonly string[]
  /** Where recipients have taught differently: what it is to whom. */
  readonly differs?: readonly {
    readonly verdict: JunkVerdict
    readonly score: number
    readonly for: readonly string[]
  }[]
}

/** Set by the plugin `junk` at `message`; absent while nothing can be said. */
export const junkFact = defineFact<JunkFact>('junk')

/** Two digits are enough. */
export function roundScore(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : value
}

/** Reasons in words, the weightiest first. */
export function reasonsOf({
  junk,
  wanted,
}: {
  readonly score: Score
  readonly junk: readonly Reason[]
  readonly wanted: readonly Reason[]
}): readonly string[] {
  return [...junk, ...wanted]
    .toSorted((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .map(({ text, place, weight }) => `${text} (${place}) ${weight > 0 ? '+' : ''}${roundScore(weight)}`)
}

/** For the opinion in the log. */
export function reasonOf({ verdict, score }: Scored, { threshold, because }: JunkFact): string {
  const why = because.length > 0 ? `: ${because.join(', ')}` : ''
  return `junk: ${verdict}, ${roundScore(score.verdict)} of ${threshold}${why}`
}
