/**
 * What the queue remembers of a message: written once when responsibility is taken (the envelope), and rewritten after
 * every attempt (the state of each delivery). `STATES.md` draws the states and who may change them.
 */
import type { Address, MailParameters, Recipient, Reply, Route } from '@postroad/mail'
import type { MessageTags } from '@postroad/plugin'

/** Recipients that go the same way together: one transaction of a transport. */
export interface QueuedDelivery {
  readonly route: Route
  /** Where concurrency, rate, back-off and suspension are counted: `smtp:example.com`. */
  readonly destination: string
  readonly recipients: readonly Recipient[]
}

/** The part of a queued message that never changes. */
export interface QueuedMessage {
  /** Queue id: 20 characters, sorts by time. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly queuedAt: number
  /** `undefined` is the null reverse-path. */
  readonly from: Address | undefined
  readonly parameters: MailParameters
  /** Id of the SMTP transaction it came in with. */
  readonly transaction?: string
  /** Queue id of the message this one reports on, when it is a delivery status notification. */
  readonly reportOn?: string
  /** What its sender says of it, for events. */
  readonly tags?: MessageTags
  /** Octets. */
  readonly size: number
  readonly deliveries: readonly QueuedDelivery[]
}

/** Where a delivery is; always in exactly one. */
export type DeliveryStatus =
  /** The delivery waits until `at` (milliseconds since the epoch), and no process has claimed it. */
  | { readonly kind: 'scheduled'; readonly at: number }
  /** Due, but its destination is full, too fast or suspended. */
  | { readonly kind: 'waiting'; readonly since: number }
  /** One process has it; goes back when that process is gone. */
  | { readonly kind: 'claimed'; readonly owner: string }
  /** Set aside: by the operator, or because the store could not read it. */
  | { readonly kind: 'held'; readonly since: number; readonly reason: string }
  /** Every recipient is final. */
  | { readonly kind: 'done' }

/** What became of a recipient. All but `pending` are final. */
export type RecipientFate = 'pending' | 'delivered' | 'relayed' | 'failed' | 'expired' | 'cancelled'

/** A recipient's fate, and the reply that decided it or spoke last. */
export interface RecipientState {
  readonly fate: RecipientFate
  readonly reply?: Reply
  /** Name of the host that said it. */
  readonly remote?: string
  /** Class of the bounce table, when it was not a success. */
  readonly class?: string
  /** Milliseconds since the epoch. */
  readonly at?: number
  /** For a pending recipient that goes several ways under one delivery: the ways that have ended, and are not gone again. */
  readonly ended?: readonly EndedWay[]
}

/** A way of several that has taken the mail for a mailbox, or refused it for good. */
export interface EndedWay {
  /** Destination and mailbox. */
  readonly way: string
  readonly kind: 'delivered' | 'failed'
  readonly reply: Reply
  readonly remote?: string
}

/** One attempt, for `queue show`. */
export interface AttemptRecord {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly tookMs: number
  readonly outcomes: readonly {
    readonly kind: string
    readonly recipients: number
    readonly reply: Reply
    readonly remote?: string
    readonly tls?: string
    /** The answer never came: the next attempt may have made a duplicate. */
    readonly uncertain?: boolean
  }[]
}

/** The part of a delivery that changes. */
export interface DeliveryState {
  readonly status: DeliveryStatus
  /** Attempts made. */
  readonly attempts: number
  /** One entry a recipient, in the order of the delivery's recipients. */
  readonly recipients: readonly RecipientState[]
  /** The first and the latest attempts. */
  readonly history: readonly AttemptRecord[]
  /** A delay notification was sent (once, RFC 3461 §4.1). */
  readonly warned: boolean
  /** From when its life counts, in milliseconds since the epoch, when the clock was set since the message was queued. */
  readonly countedFrom?: number
  /** The operator asked for a hold while the delivery was claimed: it is held when the attempt ends. */
  readonly pendingHold?: true
  /** Recipients that failed and whose failure the sender has yet to be told, with those of other deliveries: nobody is pending. */
  readonly pendingReport?: readonly number[]
}

/** What is left of a message when every recipient is final. */
export interface FinishedMessage {
  readonly id: string
  readonly from: string
  readonly queuedAt: number
  readonly finishedAt: number
  readonly size: number
  /** At most the first 100. */
  readonly recipients: readonly { readonly address: string; readonly state: RecipientState }[]
  readonly recipientCount: number
}

/** A delivery this process may work on. */
export interface Lease {
  readonly message: QueuedMessage
  /** Index in `message.deliveries`. */
  readonly index: number
  readonly state: DeliveryState
}
