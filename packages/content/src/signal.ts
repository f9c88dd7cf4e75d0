/** What a look at a message has found: each kind of finding once, with the places where, and what it is worth. */
import { type Action, type MessageOpinion, opinionOf } from '@postroad/plugin'

/** A kind of finding, for the log and for rules. */
export interface Signal<Name extends string = string> {
  readonly signal: Name
  /** What it is worth, as the operator says. */
  readonly weight: Action
  /** What was found: a stranger's words, printable and short; the first five. */
  readonly evidence: readonly string[]
}

const MOST_EVIDENCE = 5
const MOST_LENGTH = 120

/** Collects signals of one message. */
export class Signals<Name extends string> {
  readonly #weights: Readonly<Record<Name, Action>>
  readonly #found = new Map<Name, string[]>()

  constructor(weights: Readonly<Record<Name, Action>>) {
    this.#weights = weights
  }

  /** Notes a finding. A kind that is worth nothing is not noted. */
  add(signal: Name, evidence: string): void {
    if (this.#weights[signal] === 'none') return
    const known = this.#found.get(signal)
    if (!known) this.#found.set(signal, [printable(evidence)])
    else if (known.length < MOST_EVIDENCE && !known.includes(printable(evidence))) known.push(printable(evidence))
  }

  get all(): readonly Signal<Name>[] {
    return [...this.#found].map(([signal, evidence]) => ({ signal, weight: this.#weights[signal], evidence }))
  }
}

/**
 * An opinion for each signal, with its evidence as the reason.
 *
 * @param about name of the plugin
 * @param text what a client is told where that is a refusal, of a signal: a sender must be able to know what to change
 */
export function opinionsOn(
  signals: readonly Signal[],
  { about, text }: { readonly about: string; readonly text: (signal: Signal) => string },
): readonly MessageOpinion[] {
  return signals.flatMap((found) => {
    const { signal, weight, evidence } = found
    const reason = `${about}: ${signal}: ${evidence.join(', ')}`
    const opinion = opinionOf(weight, { text: typeof weight === 'number' ? '' : text(found), reason })
    return opinion ? [opinion] : []
  })
}

/** In one line; what cannot be seen is shown by its number. */
function printable(text: string): string {
  const short = text.length > MOST_LENGTH ? `${text.slice(0, MOST_LENGTH - 1)}…` : text
  return short.replace(/[\p{C}\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}
