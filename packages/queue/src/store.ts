/** What a queue must be able to remember. `queueContract` says it in tests; an adapter that passes them may mint receipts. */
import type { MessageSource, Reply } from '@postroad/mail'
import type { QueueErrorCode } from './error.ts'
import type { DeliveryState, DeliveryStatus, FinishedMessage, Lease, QueuedMessage } from './model.ts'
import type { Outbox } from './outbox/outbox.ts'

/** What to do with a delivery that is due: take it, let it wait for its destination, or come again at a time. */
export type Gate = (destination: string, delivery: GateView) => 'take' | 'wait' | number

/** What a {@link Gate} sees. */
export interface GateView {
  readonly queuedAt: number
  readonly countedFrom?: number | undefined
  readonly attempts: number
  readonly warned: boolean
  /** Nothing is pending; the sender has yet to be told: {@link DeliveryState.pendingReport}. */
  readonly hasPendingReport: boolean
}

/** The end of a lease. */
export interface LeaseEnd {
  readonly lease: Lease
  /** The new state; its status is not `claimed`. */
  readonly state: DeliveryState
  /** More deliveries of the same message, in the same step: when one lease of all is lost, nothing is done. */
  readonly also?: readonly Pick<LeaseEnd, 'lease' | 'state'>[]
  /** Notifications that become durable in the same step; claimed by this process. */
  readonly spawn?: readonly NewMessage[]
  /** Events that are written in the same step. */
  readonly events?: readonly string[] | undefined
  /** How many recipients end here for good without a sender to tell, for the statistics. */
  readonly unreturned?: number
  /** Nobody waits for it: the store may take some milliseconds to write it together with something else. */
  readonly canWait?: boolean
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** A message to take, with its octets. */
export interface NewMessage {
  readonly message: QueuedMessage
  readonly source: MessageSource
}

/** `lost`: the lease was not ours any more; nothing was changed, and nothing of `spawn` was kept. */
export type RecordResult = 'recorded' | 'finished' | 'lost'

/** A message with the state of its deliveries. */
export interface QueueEntry {
  readonly message: QueuedMessage
  readonly states: readonly DeliveryState[]
}

/** What an operator can do to a message, or to one of its deliveries. */
export type Operation =
  | { readonly kind: 'hold'; readonly reason: string }
  | { readonly kind: 'release' }
  | { readonly kind: 'retry' }
  | { readonly kind: 'delete' }
  /** As `delete`, of what waits for the time that its sender wants and was never tried; else nothing. */
  | { readonly kind: 'cancel' }

/** A destination the operator has stopped. */
export interface Suspension {
  /** A destination, or a domain: every destination that ends in `:domain`. */
  readonly target: string
  readonly since: number
  readonly reason: string
}

/** How much is where. */
export interface QueueStats {
  readonly messages: number
  readonly scheduled: number
  readonly waiting: number
  readonly claimed: number
  readonly held: number
  /** Entries that could not be read. */
  readonly corrupt: number
  /** Recipients of mail with the null reverse-path that were given up since the queue was made: nobody could be told. */
  readonly unreturned: number
  /** Octets free on the store's file system, when that is known. */
  readonly freeBytes: number | undefined
}

/** The durable memory behind the queue. Rejections are I/O failures: the caller says 451, or keeps what it has. */
export interface QueueStore {
  /** This process, in leases. */
  readonly owner: string
  /** What is to be told of the messages in it. */
  readonly outbox: Outbox
  /** A reply when there is no room for so many octets: asked before DATA and before {@link add}. */
  admit(size: number): Reply | undefined
  /**
   * Takes responsibility: on stable storage when it resolves, and its events with it. Every delivery is born claimed by this process, or
   * scheduled for the time of `holdUntil`, without a lease.
   *
   * @throws {QueueError} `ERR_QUEUE_DUPLICATE` when there is, or was, a message with the same idempotency key: nothing was added
   */
  add(message: QueuedMessage, source: MessageSource, events?: readonly string[]): Promise<readonly Lease[]>
  /** Claims what is due, oldest first, a page at a time; entries the gate turns away are moved without a lease. */
  claimDue(options: {
    readonly now: number
    readonly limit: number
    readonly gate: Gate
  }): Promise<{ readonly leases: readonly Lease[]; readonly moved: number }>
  /** Claims what waits for a destination, oldest first. */
  claimWaiting(destination: string, limit: number): Promise<readonly Lease[]>
  /** Claims one delivery wherever it is, unless it is claimed or done. */
  claimOne(id: string, index: number): Promise<Lease | undefined>
  /** Gives leases back without an attempt. */
  release(leases: readonly Lease[], status: DeliveryStatus): Promise<void>
  /** Ends a lease; durable when it resolves. */
  record(end: LeaseEnd): Promise<RecordResult>
  /**
   * Makes due now what is scheduled for a time behind `latest`: such times were written before somebody set the clock back. No
   * more than a look at the last entry when there is nothing. What is held stays held. Resolves to how many.
   */
  hasten(options: { readonly now: number; readonly latest: number }): Promise<number>
  /** When the next scheduled delivery is due. */
  nextDue(): Promise<number | undefined>
  /** Destinations for which something waits. */
  waitingDestinations(): Promise<readonly string[]>
  /** The octets; reading rejects with `ERR_QUEUE_CORRUPT` when they are not what was written. */
  content(message: QueuedMessage): MessageSource
  get(id: string): Promise<QueueEntry | undefined>
  /** What became of a message, as long as it is remembered. */
  getFinished(id: string): Promise<FinishedMessage | undefined>
  /** Messages in order of their ids, streamed; a message that ends meanwhile may be missing. */
  list(options?: { readonly after?: string; readonly signal?: AbortSignal }): AsyncIterable<QueueEntry>
  finished(options?: { readonly after?: string; readonly signal?: AbortSignal }): AsyncIterable<FinishedMessage>
  /** How many deliveries were changed; a claimed one is held when its attempt ends, deleted at once, not retried. */
  operate(id: string, operation: Operation, now: number): Promise<number>
  suspend(suspension: Suspension): Promise<void>
  resume(target: string): Promise<boolean>
  suspensions(): Promise<readonly Suspension[]>
  /** Says that this process lives, and takes back the leases of those that do not. Resolves to how many. */
  beat(now: number): Promise<number>
  stats(): Promise<QueueStats>
  /** Entries that could not be read and were set aside, with what was found in their place. */
  corrupt(): AsyncIterable<{ readonly id: string; readonly octets: Uint8Array }>
  /** Leases of this process go back to the schedule. */
  close(): Promise<void>
}

/** Thrown and rejected with by stores. */
export class QueueError extends Error {
  readonly code: QueueErrorCode
  /** Of `ERR_QUEUE_DUPLICATE`: queue id of the message that was taken. */
  readonly duplicateOf: string | undefined
  constructor(code: QueueErrorCode, message: string, options?: ErrorOptions & { readonly duplicateOf?: string }) {
    super(message, options)
    this.duplicateOf = options?.duplicateOf
    this.name = 'QueueError'
    this.code = code
  }
}
