/** What a message begins with in the queue: claimed by the process that takes it, or scheduled for the time that its sender wants. */
import type { DeliveryState, DeliveryStatus, Lease, QueuedDelivery, QueuedMessage, RecipientState } from './model.ts'

/** What is asked of it; each is below. */
export const birth = { state, release, awaitsRelease, status, states, leases } as const

const PENDING: RecipientState = Object.freeze({ fate: 'pending' })

/** The state of a delivery that was never tried. */
function state(delivery: QueuedDelivery, status: DeliveryStatus): DeliveryState {
  return { status, attempts: 0, recipients: delivery.recipients.map(() => PENDING), history: [], warned: false }
}

/** Milliseconds since the epoch before which nothing of a message goes on, when that was in the future as it came, RFC 4865. */
function release({ parameters: { holdUntil }, queuedAt }: QueuedMessage): number | undefined {
  return holdUntil !== undefined && holdUntil > queuedAt ? holdUntil : undefined
}

/** Whether a delivery still waits for the time that its sender wants: no clock that was set back has put it off. */
function awaitsRelease({ status, attempts, countedFrom }: DeliveryState): boolean {
  return status.kind === 'scheduled' && attempts === 0 && status.at === countedFrom
}

/** The status of all deliveries of a message that is new. */
function status(message: QueuedMessage, owner: string): DeliveryStatus {
  const at = release(message)
  return at === undefined ? { kind: 'claimed', owner } : { kind: 'scheduled', at }
}

/** The states of them; from its {@link release} the life of a message counts. */
function states(message: QueuedMessage, owner: string): DeliveryState[] {
  const at = release(message)
  const born = status(message, owner)
  return message.deliveries.map((delivery) => ({
    ...state(delivery, born),
    ...(at !== undefined && { countedFrom: at }),
  }))
}

/** The leases that a process has on a message it has just added; none on one that waits for its {@link release}. */
function leases(message: QueuedMessage, owner: string): Lease[] {
  if (release(message) !== undefined) return []
  return states(message, owner).map((state, index) => ({ message, index, state }))
}
