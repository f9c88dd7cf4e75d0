/** What becomes of mail, told to programs: written down before anybody is told, so that no event is lost. */
import { defineFact } from './fact.ts'
import { defineService, type Service } from './service.ts'

/** What has happened. The queue tells the first four by itself. */
export type MailEventKind =
  | 'accepted'
  | 'delivered'
  | 'deferred'
  | 'bounced'
  | 'complained'
  | 'unsubscribed'
  | 'quarantined'

/** What a sender says of its message besides the envelope: no recipient sees it, and every event of the message has it. */
export interface MessageTags {
  /** Whose mail it is. Absent: the domain of the reverse-path stands for it in events. */
  readonly tenant?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** One event. What is absent is unknown. */
export interface MailEvent extends MessageTags {
  readonly kind: MailEventKind
  /** Queue id of the message. */
  readonly message?: string | undefined
  /** Id of the transaction that the message came with: events with the same one are told in their order. */
  readonly transaction?: string | undefined
  /** The reverse-path; empty where it is null. */
  readonly from?: string | undefined
  readonly to: readonly string[]
  /** What else is known: a reason, a reply. Plain data. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined
}

/** Takes events for programs that want to hear of them. */
export interface Events {
  /**
   * Writes an event down; it is on stable storage when this resolves. Where nobody wants to hear of this kind, nothing is done.
   *
   * @param signal ends the waiting; what is being written then may be told all the same
   * @throws {Error} (as a rejection) when it could not be written down; then nobody is told
   */
  publish(event: MailEvent, signal?: AbortSignal): Promise<void>
}

/** A queue provides it. Where there is none in the scope nobody is told, and nothing is written. */
export const Events: Service<Events> = defineService('events')

/** Set at `message` or before, by who knows it; the queue keeps it with the message. */
export const messageTags = defineFact<MessageTags>('message-tags')
