/** Writes down who has left. */
import type { Logger, Suppressions } from '@postroad/plugin'
import type { Subscription } from './subscription.ts'

/** How somebody has left: by a request, or by a mail. */
export type Exit = 'one-click' | 'mailto'

/** Tells the list, and the log. */
export class Leaving {
  readonly #list: Suppressions
  readonly #log: Logger

  constructor(list: Suppressions, log: Logger) {
    this.#list = list
    this.#log = log
  }

  /** Rejects when it cannot be written down. Whoever asks twice has left once. */
  async leave({ from, recipient, transaction }: Subscription, exit: Exit, signal: AbortSignal): Promise<void> {
    await this.#list.add({ address: recipient, from, reason: 'unsubscribe', detail: exit }, signal)
    this.#log.info({ recipient, from, transaction, exit }, 'unsubscribed')
  }
}
