/** What was decided about a message, recipient by recipient. */

import type { RoutedRecipient } from '@postroad/mail'
import type { Address, MessageOpinion } from '@postroad/plugin'
import { type Decision, severer } from './severity.ts'

const NOBODY: readonly (readonly [RoutedRecipient, Decision])[] = []

/** Decisions by recipient; the first that is taken for a recipient stays. */
export class Verdicts {
  readonly #recipients: readonly RoutedRecipient[]
  #some: Map<RoutedRecipient, Decision> | undefined

  constructor(recipients: readonly RoutedRecipient[]) {
    this.#recipients = recipients
  }

  /** Takes the decisions of one wave: the most severe counts, for those it is about. */
  take(decisions: readonly Decision[]): void {
    const before = this.undecided
    for (const recipient of before) {
      let best: Decision | undefined
      for (const decision of decisions)
        if (concerns(decision.opinion, recipient.address)) best = severer(best, decision)
      if (best) this.decide(recipient, best)
    }
  }

  decide(recipient: RoutedRecipient, decision: Decision): void {
    this.#some ??= new Map()
    if (!this.#some.has(recipient)) this.#some.set(recipient, decision)
  }

  of(recipient: RoutedRecipient): Decision | undefined {
    return this.#some?.get(recipient)
  }

  get undecided(): readonly RoutedRecipient[] {
    const some = this.#some
    return some ? this.#recipients.filter((recipient) => !some.has(recipient)) : this.#recipients
  }

  /** True as long as no decision was taken for any recipient. */
  get none(): boolean {
    return !this.#some
  }

  /** Recipients whose decision is of one of these kinds. */
  withKind(...kinds: readonly MessageOpinion['kind'][]): readonly (readonly [RoutedRecipient, Decision])[] {
    if (!this.#some) return NOBODY
    return [...this.#some].filter(([, decision]) => kinds.includes(decision.opinion.kind))
  }
}

function concerns(opinion: MessageOpinion, address: Address): boolean {
  if (!('for' in opinion) || !opinion.for) return true
  return opinion.for.some((one) => one === address || (one.local === address.local && one.domain === address.domain))
}
