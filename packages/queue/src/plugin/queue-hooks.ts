/** How a queue plugin takes mail, whatever its store: asks for room before the octets come, and says 250 when they are safe. */

import type { MessageSource, Reply } from '@postroad/mail'
import { defer, type Hooks, messageTags, type Refusal } from '@postroad/plugin'
import type { QueuedMessage } from '../model.ts'
import { type PlanOptions, planMessage } from '../plan.ts'
import { QueueError } from '../store.ts'

/** A queue as its hooks see it. */
export interface TakingQueue {
  readonly plan: PlanOptions
  /** Whether routes with this `via` are ours. */
  carries(via: string): boolean
  /** Whether everything that it delivers with passes REQUIRETLS on, or refuses the mail, RFC 8689. */
  readonly keepsRequireTls: boolean
  /** The way of all notifications, if the operator wrote one down. */
  readonly reports?: { readonly via: string } | undefined
  /** A folder of the store, which takes files over from it. */
  readonly spool?: string
  /** A reply when there is no room for so many octets. */
  admit(size: number): Reply | undefined
  /** Takes responsibility: on stable storage when it resolves. */
  accept(message: QueuedMessage, source: MessageSource): Promise<void>
}

const NOT_STORED = defer('Message could not be stored, try again later', { status: '4.3.0', code: 451 })

/** The hooks of a queue. */
export function queueHooks(queue: TakingQueue): Required<Pick<Hooks, 'mail' | 'queue'>> {
  return {
    mail({ parameters }) {
      // RFC 1870 §6.1: what will not fit is refused before its octets come.
      return refusal(queue.admit(parameters.size ?? 0))
    },
    queue: {
      supports: ['8BITMIME', 'SMTPUTF8', 'DSN', ...(queue.keepsRequireTls ? (['REQUIRETLS'] as const) : [])],
      carries: queue.carries,
      ...(queue.spool !== undefined && { spool: queue.spool }),
      ways: () => (queue.reports ? [{ via: queue.reports.via, at: 'reports' }] : []),
      async handler({ message, deliveries, envelope, find, now, log }) {
        if (!deliveries.every(({ route }) => queue.carries(route.via))) return undefined
        try {
          const full = refusal(queue.admit(message.size))
          if (full) return full
          const { from, parameters, id: transaction } = envelope
          const queued = planMessage(
            { from, parameters, deliveries, size: message.size, transaction, tags: find(messageTags), now: now() },
            queue.plan,
          )
          await queue.accept(queued, message)
          return { id: queued.id }
        } catch (error) {
          // It was taken before, and its answer was lost: it is answered again, and not taken again.
          if (error instanceof QueueError && error.duplicateOf !== undefined) return { id: error.duplicateOf }
          log.error({ error }, 'a message could not be stored')
          return NOT_STORED
        }
      },
    },
  }
}

function refusal(full: Reply | undefined): Refusal | undefined {
  return full && defer(full.text, { status: full.code === 452 ? '4.3.1' : '4.3.0', code: full.code })
}
