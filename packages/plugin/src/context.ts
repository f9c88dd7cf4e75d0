import type {
  Address,
  AuthAttempt,
  CloseReason,
  Delivery,
  Envelope,
  Helo,
  MailParameters,
  Message,
  RcptParameters,
  Recipient,
  Reply,
  Route,
  TlsQuestion,
} from '@postroad/mail'
import type { Fact, FactScope } from './fact.ts'
import type { Receipt, Session } from './session.ts'
import type { Refusal, Reject } from './verdict.ts'

/** Structured log: fields first, then a fixed sentence. Session and plugin are added by themselves. */
export interface Logger {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

/** What every handler gets, whatever the hook. */
export interface BaseContext {
  /** Aborted when the client is gone, the time is up, or the server is closing. In `queue` the client's leaving does not abort. */
  readonly signal: AbortSignal
  readonly log: Logger
  /** Milliseconds since the epoch; faked in tests. */
  now(): number
}

/** What handlers of a session's hooks get. `S` says which facts may be written at this stage. */
export interface HookContext<S extends FactScope = FactScope> extends BaseContext {
  readonly session: Session
  /**
   * The fact's value.
   *
   * @throws {Error} when it is not there: declare `after: [fact]`, or use `find`
   */
  get<T>(fact: Fact<T>): T
  /** The fact's value, if somebody set it. */
  find<T>(fact: Fact<T>): T | undefined
  /**
   * Writes a fact, once.
   *
   * @throws {Error} when the handler does not declare it in `provides`, or it is there already
   */
  set<T>(fact: Fact<T, S>, value: T): void
}

export interface ConnectContext extends HookContext<'session'> {}

export interface HeloContext extends HookContext<'session'> {
  readonly helo: Helo
}

export interface AuthContext extends HookContext<'session'> {
  readonly attempt: AuthAttempt
}

export interface MailContext extends HookContext<'session' | 'transaction'> {
  readonly helo: Helo
  readonly envelope: Envelope
  /** Short for `envelope.parameters`. */
  readonly parameters: MailParameters
}

export interface RcptContext extends HookContext {
  readonly helo: Helo
  readonly envelope: Envelope
  /** The recipient of this command; not yet in `envelope.recipients`. */
  readonly recipient: Address
  readonly parameters: RcptParameters
}

export interface NexthopContext extends RcptContext {
  readonly route: Route
}

export interface DataContext extends HookContext<'session' | 'transaction'> {
  readonly helo: Helo
  readonly envelope: Envelope
}

/** Where `receive` sends the bytes of a message while they arrive. */
export interface ReceiveSink {
  /** Octets after dot-unstuffing. Resolve late to slow the client down. */
  write(chunk: Uint8Array): void | Promise<void>
  end?(): void | Promise<void>
  /** The message will not come to its end. */
  abort?(): void
}

export interface MessageContext extends DataContext {
  readonly message: Message
  /** Sum of the points so far, of all stages. */
  readonly points: number
}

/** At `rewrite`: message and envelope are as the handlers before have left them. */
export interface RewriteContext extends MessageContext {}

/** What a session of role `filter` has to say of a message. */
export type JudgementOutcome = 'pass' | 'refuse' | 'quarantine' | 'discard'

/** At `judged`. Whether the server in charge took the message is never known. */
export interface JudgedContext extends DataContext {
  /** As it arrived; undefined where only the envelope was asked about (Postfix' policy protocol). */
  readonly message: Message | undefined
  /** Sum of the points of all stages. */
  readonly points: number
  readonly outcome: JudgementOutcome
  /** The id that the server in charge has given the message, where it has told. */
  readonly queueId: string | undefined
}

export interface QueueContext extends MessageContext {
  /** Recipients by route. */
  readonly deliveries: readonly Delivery[]
}

export interface QuarantineContext extends QueueContext {
  readonly reason: string
}

/** VRFY, EXPN, HELP and unknown verbs. */
export interface CommandContext extends HookContext<'session'> {
  /** Upper-case. */
  readonly verb: string
  /** What followed the verb, verbatim; may be empty. */
  readonly argument: string
}

export interface AcceptedContext extends QueueContext {
  readonly receipt: Receipt
}

/** Something was refused: a connection, a command, a recipient or a message. */
export interface RefusedContext extends HookContext<'session' | 'transaction'> {
  /** The hook whose opinion (or silence) it was. */
  readonly hook: string
  readonly plugin: string | undefined
  readonly refusal: Refusal | Reject
  readonly envelope: Envelope | undefined
  readonly recipient: Address | undefined
}

export interface ClosedContext extends HookContext<'session'> {
  readonly reason: CloseReason
}

/** One attempt to deliver a queued message. */
export interface DeliveryContext extends BaseContext {
  /** Queue id. */
  readonly id: string
  readonly envelope: { readonly id: string; readonly from: Address | undefined; readonly parameters: MailParameters }
  readonly route: Route
  readonly recipients: readonly Recipient[]
  /** 1 for the first. */
  readonly attempt: number
  /** Milliseconds since the epoch. */
  readonly queuedAt: number
}

/** A mail host that queued mail is about to be brought to. */
export interface TlsContext extends BaseContext, TlsQuestion {}

/** How an attempt ended for some recipients. */
export interface DeliveryResultContext extends DeliveryContext {
  /** The deciding reply, of the next hop or our own; untrusted text. */
  readonly reply: Reply
  /** Class of the failure from the bounce table, e.g. `invalid-mailbox`; undefined on success. */
  readonly class: string | undefined
  /** Name of the host that said it; undefined when it was not asked, or it was none. */
  readonly host?: string | undefined
  /** Milliseconds that the attempt took. */
  readonly tookMs?: number | undefined
  /** Milliseconds since the epoch; only at `deferred`. */
  readonly nextAttemptAt?: number
}
