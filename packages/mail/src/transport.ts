/**
 * What carries a message to its next stop: the contract every transport keeps, whoever calls it (a queue, or the proxy
 * while the client waits).
 */
import type { Address } from './address.ts'
import type { Recipient, Route } from './envelope.ts'
import type { MessageSource } from './message.ts'
import type { MailParameters } from './parameters.ts'
import type { Reply } from './reply.ts'
import type { TlsOutcome } from './tls-policy.ts'

/** Where a transport writes what happened on the way: fields first, then a fixed sentence. */
export interface JobLog {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
}

/** Is told of a transaction whose final dot was sent when the attempt was to stop: to leave before the answer makes a duplicate, RFC 1047. */
export interface Unanswered {
  /** Called while the signal's listeners run. The answer is then waited for; `cut` ends it, when that takes too long. */
  stay(cut: () => void): void
  /**
   * Calls `stop` when the signal would fire, without one having to be made; one at a time, undefined takes it away. Returns whether it has fired.
   * Absent: listen to the signal.
   */
  onStop?(stop: (() => void) | undefined): boolean
}

/** One attempt to bring one message to some recipients: one transaction. */
export interface Job<R extends Recipient = Recipient> {
  /** As the routing plugin wrote it; who goes is in `recipients`, and the other ways are other jobs. */
  readonly route: Omit<Route, 'to' | 'also'>
  /** `undefined` is the null reverse-path. */
  readonly from: Address | undefined
  readonly parameters: MailParameters
  readonly recipients: readonly R[]
  readonly message: MessageSource
  /** Stops the attempt, unless it stays `unanswered`; recipients that are undecided are deferred. */
  readonly signal: AbortSignal
  /** Where to say that it goes on all the same; absent: it never does. */
  readonly unanswered?: Unanswered
  readonly log?: JobLog
  /** Queue id, for the log. */
  readonly id?: string
}

/** How an attempt ended for one recipient. */
export interface Outcome<R extends Recipient = Recipient> {
  /** The same object as in the job. */
  readonly recipient: R
  readonly kind: 'delivered' | 'deferred' | 'failed'
  /** The deciding reply: the next hop's (untrusted text), or our own words where it said nothing. */
  readonly reply: Reply
  /** Name of the host that decided, for Remote-MTA of RFC 3464 §2.3.5. */
  readonly remote?: string
  /** What protected the transaction; absent: nothing did. */
  readonly tls?: TlsOutcome
  /** What the next hop asked for, within bounds, in milliseconds. */
  readonly retryAfterMs?: number
  /** The next hop speaks DSN and got the parameters: it, not we, tells the sender of success, RFC 3461 §5.2.2. */
  readonly dsnRelayed?: boolean
  /** Everything was sent but the answer never came: the next attempt may make a duplicate, RFC 5321 §4.5.4.2, RFC 1047. */
  readonly uncertain?: boolean
}

/** Carries messages. */
export interface Transport {
  /**
   * One attempt. Resolves to one outcome for each recipient, in any order. Never rejects for what the network or the next
   * hop does; rejects only when it is misused, or with {@link NotTried}.
   */
  deliver(job: Job): Promise<readonly Outcome[]>
  /**
   * A job with `requireTls` goes only where TLS with a verified host passes the wish on, or ends in the mailbox; else it fails. Absent: nobody
   * knows, and who delivers with it does not offer REQUIRETLS. RFC 8689 §4.
   */
  readonly keepsRequireTls?: boolean
  close(): Promise<void>
}

/** No attempt was made: a transport that rejects with this gives the job back, and none is counted. */
export class NotTried extends Error {
  constructor() {
    super('No attempt was made')
    this.name = 'NotTried'
  }
}

/** Tells the outcome of a deciding reply, RFC 5321 §4.2.1: anything that is neither 2yz nor 5yz is worth another attempt. */
export function outcomeKind(code: number): Outcome['kind'] {
  if (code >= 200 && code < 300) return 'delivered'
  return code >= 500 && code < 600 ? 'failed' : 'deferred'
}
