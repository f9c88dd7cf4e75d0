/**
 * What carries a message to its next stop: the contract every transport keeps, whoever calls it (a queue, or the proxy
 * while the client waits).
 */
import type { Address } from '@postroad/message'
import type { Reply } from './client/reply.ts'

/** The octets to be sent, without dot-stuffing and final dot. May be read any number of times. */
export interface MessageSource {
  /** Octets. */
  readonly size: number
  raw(): AsyncIterable<Uint8Array>
  /** The whole message, when it is in memory: the fast path. */
  chunks?(): readonly Uint8Array[] | undefined
}

/** Parameters of MAIL FROM to pass on, as far as the next hop understands them. */
export interface MailParameters {
  /** Octets announced, RFC 1870. */
  readonly size?: number
  readonly body?: '7BIT' | '8BITMIME' | 'BINARYMIME'
  readonly smtputf8?: boolean
  readonly requireTls?: boolean
  readonly ret?: 'FULL' | 'HDRS'
  /** xtext decoded, RFC 3461 §4.4. */
  readonly envid?: string
  /** RFC 4954 §5: `null` is `AUTH=<>`. */
  readonly auth?: string | null
}

/** Parameters of RCPT TO to pass on, RFC 3461. */
export interface RcptParameters {
  readonly notify?: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[]
  readonly orcpt?: { readonly type: string; readonly address: string }
}

/** One recipient of a {@link Job}. */
export interface JobRecipient {
  readonly address: Address
  readonly parameters: RcptParameters
}

/** Where a job goes; as the routing plugin wrote it. */
export interface JobRoute {
  readonly via: string
  /** Host name, address literal without brackets, or path of a UNIX socket. */
  readonly host?: string
  readonly port?: number
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

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
}

/** One attempt to bring one message to some recipients. */
export interface Job {
  readonly route: JobRoute
  /** `undefined` is the null reverse-path. */
  readonly from: Address | undefined
  readonly parameters: MailParameters
  readonly recipients: readonly JobRecipient[]
  readonly message: MessageSource
  /** Stops the attempt, unless it stays `unanswered`; recipients that are undecided are deferred. */
  readonly signal: AbortSignal
  /** Where to say that it goes on all the same; absent: it never does. */
  readonly unanswered?: Unanswered
  readonly log?: JobLog
}

/** How an attempt ended for one recipient. */
export interface RecipientOutcome {
  /** The same object as in the job. */
  readonly recipient: JobRecipient
  readonly kind: 'delivered' | 'deferred' | 'failed'
  /** The deciding reply: the next hop's (untrusted text), or our own words where it said nothing. */
  readonly reply: Reply
  /** Name of the host that decided, for Remote-MTA of RFC 3464 §2.3.5. */
  readonly remote?: string
  /** Version and cipher, when the transaction was protected: `TLSv1.3 TLS_AES_256_GCM_SHA384`. */
  readonly tls?: string
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
   * hop does; rejects only when it is misused.
   */
  deliver(job: Job): Promise<readonly RecipientOutcome[]>
  close(): Promise<void>
}

/** Tells the outcome of a deciding reply, RFC 5321 §4.2.1: anything that is neither 2yz nor 5yz is worth another attempt. */
export function outcomeKind(code: number): RecipientOutcome['kind'] {
  if (code >= 200 && code < 300) return 'delivered'
  return code >= 500 && code < 600 ? 'failed' : 'deferred'
}
