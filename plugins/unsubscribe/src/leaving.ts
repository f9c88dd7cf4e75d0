/** Writes down who has left. */
import type { Events, Logger, Suppressions } from '@postroad/plugin'
import type { Subscription } from './subscription.ts'

/** How somebody has left: by a request, or by a mail. */
export type Exit = 'one-click' | 'mailto'

/** Whom it is told. */
export interface LeavingDeps {
  readonly list: Suppressions
  readonly events: Events
  readonly log: Logger
}

/** Tells the list, programs that hear of events, and the log. */
export class Leaving {
  readonly #deps: LeavingDeps

  constructor(deps: LeavingDeps) {
    this.#deps = deps
  }

  /** Rejects when it cannot be written down. Whoever asks twice has left once. */
  async leave({ from, recipient, transaction }: Subscription, exit: Exit, signal: AbortSignal): Promise<void> {
    const { list, events, log } = this.#deps
    await list.add({ address: recipient, from, reason: 'unsubscribe', detail: exit }, signal)
    const about = { from, to: [recipient], ...(transaction !== '' && { transaction }), detail: { exit } }
    await events.publish({ kind: 'unsubscribed', ...about }, signal)
    log.info({ recipient, from, transaction, exit }, 'unsubscribed')
  }
}
