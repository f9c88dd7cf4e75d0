/** Ends a delivery by the operator's word: works in any process, with or without a server. */

import { type ReporterOptions, report } from './engine/reporter.ts'
import { bornClaims, type Reply } from './model.ts'
import { cancel } from './state.ts'
import type { QueueStore } from './store.ts'

/** What is given up, and why. */
export interface GiveUpInput {
  readonly id: string
  /** Index of the delivery. */
  readonly index: number
  /** Told to the sender; 5yz. */
  readonly reply: Reply
  readonly now: number
}

/**
 * Gives up whatever is pending in a delivery; the sender is told as for any failure. False: it is being tried right now, done, or gone.
 */
export async function giveUp(store: QueueStore, input: GiveUpInput, options: ReporterOptions): Promise<boolean> {
  const { id, index, reply, now } = input
  const claim = await store.claimOne(id, index)
  const delivery = claim?.message.deliveries[index]
  if (!claim || !delivery) return false
  const { message, state } = claim
  try {
    const transition = cancel(message, delivery, { state, reply, now })
    const spawn = await report(
      { message, reports: transition.reports.map((each) => ({ ...each, delivery: index })), source: store.body(message), now },
      options,
    )
    if ((await store.settle({ claim, state: transition.state, spawn, now })) === 'lost') return false
    // Whoever delivers will find them there; this process may not be one who does.
    await store.release(
      spawn.flatMap((each) => bornClaims(each.message, store.owner)),
      { kind: 'scheduled', at: now },
    )
    return true
  } catch (error) {
    await store.release([claim], { kind: 'scheduled', at: now })
    throw error
  }
}
