/** One call of a hook over all its handlers: whose it is, its arguments, and where what handlers say is noted. */
import type { CloseReason, Delivery, RcptParameters, TlsQuestion } from '@postroad/mail'
import type {
  Address,
  AuthAttempt,
  DeliveryContext,
  DeliveryResultContext,
  FactScope,
  Helo,
  HookName,
  JudgementOutcome,
  Message,
  Receipt,
  Refusal,
  Route,
} from '@postroad/plugin'
import type { AnyHandler, DelayedHook } from '../plan/handler.ts'
import type { LoggedOutcome } from '../session/decision-log.ts'
import type { FactStore } from '../session/fact-store.ts'
import type { Lifetime } from '../session/lifetime.ts'
import type { Scope } from '../session/scope.ts'
import type { SessionState } from '../session/session.ts'
import type { Transaction } from '../session/transaction.ts'

type Nothing = Readonly<Record<never, never>>

/** Arguments of hooks that add nothing to session and transaction. */
export const NOTHING: Nothing = Object.freeze({})

/** Whose call it is. */
interface Caller {
  readonly scope: Scope
  /** Ends the runs: the connection's, or in `queue` the generation's. */
  readonly lifetime: Lifetime
}

/** A {@link SessionState} is one. */
export interface SessionCaller extends Caller {
  readonly session: SessionState
  readonly transaction?: undefined
}

/** A {@link Transaction} is one. */
export interface TransactionCaller extends Caller {
  readonly session: SessionState
  readonly transaction: Transaction
}

/** A delivery has no session. */
export interface ScopeCaller extends Caller {
  readonly session?: undefined
  readonly transaction?: undefined
}

/** The same caller for what the client's leaving does not stop; the closing of the server does. */
export function outliving(caller: TransactionCaller): TransactionCaller
export function outliving(caller: SessionCaller): SessionCaller
export function outliving(caller: SessionCaller | TransactionCaller): SessionCaller | TransactionCaller
export function outliving({ scope, session, transaction }: SessionCaller | TransactionCaller): object {
  return { scope, session, transaction, lifetime: scope.lifetime }
}

interface Shape<C extends Caller, A = Nothing> {
  readonly caller: C
  readonly args: A
}

interface OneRecipient {
  readonly recipient: Address
  readonly parameters: RcptParameters
  readonly recipientFacts: FactStore
}

interface WithMessage {
  readonly message: Message
}

interface WithDeliveries extends WithMessage {
  readonly deliveries: readonly Delivery[]
}

interface Refused {
  readonly refusedAt: HookName
  readonly refusedBy: string | undefined
  readonly refusal: Refusal
  readonly recipient?: Address
}

interface Judged {
  readonly message: Message | undefined
  readonly outcome: JudgementOutcome
  readonly queueId: string | undefined
}

type Command = Shape<SessionCaller | TransactionCaller, { readonly verb: string; readonly argument: string }>
type Result = Shape<ScopeCaller, { readonly delivery: DeliveryResultContext }>

/** Whose a call of each hook is, and what the hook adds to session and transaction. */
interface HookShapes {
  readonly connect: Shape<SessionCaller>
  /** The name this call is about: the client may have called itself something else since. */
  readonly helo: Shape<SessionCaller, { readonly helo: Helo }>
  readonly auth: Shape<SessionCaller, { readonly attempt: AuthAttempt }>
  readonly mail: Shape<TransactionCaller>
  readonly rcpt: Shape<TransactionCaller, OneRecipient>
  readonly route: Shape<TransactionCaller, OneRecipient>
  readonly nexthop: Shape<TransactionCaller, OneRecipient & { readonly route: Route }>
  readonly data: Shape<TransactionCaller>
  readonly receive: Shape<TransactionCaller>
  readonly message: Shape<TransactionCaller, WithMessage>
  readonly rewrite: Shape<TransactionCaller, WithMessage>
  readonly quarantine: Shape<TransactionCaller, WithDeliveries & { readonly reason: string }>
  readonly queue: Shape<TransactionCaller, WithDeliveries>
  readonly verify: Command
  readonly expand: Command
  readonly help: Command
  readonly unknown: Command
  readonly delivery: Shape<ScopeCaller, { readonly delivery: DeliveryContext }>
  readonly tls: Shape<ScopeCaller, { readonly host: TlsQuestion }>
  readonly accepted: Shape<TransactionCaller, WithDeliveries & { readonly receipt: Receipt }>
  readonly refused: Shape<SessionCaller | TransactionCaller, Refused>
  readonly judged: Shape<TransactionCaller, Judged>
  readonly closed: Shape<SessionCaller, { readonly reason: CloseReason }>
  readonly delivered: Result
  readonly deferred: Result
  readonly bounced: Result
}

/** Whose a call of the hook is. */
export type HookCallers = { readonly [K in HookName]: HookShapes[K]['caller'] }

/** What the hook adds to session and transaction. */
export type HookArguments = { readonly [K in HookName]: HookShapes[K]['args'] }

type NameIn<A> = A extends unknown ? keyof A : never
type ValueIn<A, N> = A extends unknown ? (N extends keyof A ? A[N] : never) : never

/** The arguments of any hook: each is there at some of them. */
export type AnyArguments = { readonly [N in NameIn<HookArguments[HookName]>]?: ValueIn<HookArguments[HookName], N> }

/** One call of the hook `K`. */
export class HookCall<K extends HookName = HookName> {
  readonly hook: K
  readonly caller: HookCallers[K]
  readonly scope: Scope
  readonly session: SessionState | undefined
  readonly transaction: Transaction | undefined
  readonly lifetime: Lifetime
  readonly args: HookArguments[K]

  constructor(hook: K, caller: HookCallers[K], args: HookArguments[K]) {
    this.hook = hook
    this.caller = caller
    this.scope = caller.scope
    this.session = caller.session
    this.transaction = caller.transaction
    this.lifetime = caller.lifetime
    this.args = args
  }

  /** The recipient that it is about, at some hooks. */
  get recipient(): Address | undefined {
    const { recipient }: AnyArguments = this.args
    return recipient
  }

  /** Where facts that belong to that are kept; undefined when there is no such thing here. */
  storeOf(belongsTo: FactScope): FactStore | undefined {
    if (belongsTo === 'session') return this.session?.facts
    if (belongsTo === 'transaction') return this.transaction?.facts
    const { recipientFacts }: AnyArguments = this.args
    return recipientFacts
  }

  /** A fact was written. */
  written(fact: string): void {
    const { helo }: AnyArguments = this.args
    if (helo) this.session?.noteHeloFact(fact)
  }

  /** The client has called itself something else since: what is found out now is of no use. */
  get isStale(): boolean {
    const { helo }: AnyArguments = this.args
    return helo !== undefined && helo !== this.session?.helo
  }

  /** Notes what a handler said, obeyed or not. */
  note(handler: AnyHandler, outcome: LoggedOutcome): void {
    if (this.isStale) return
    const decisions = this.transaction?.decisions ?? this.session?.decisions
    decisions?.add({
      plugin: handler.plugin,
      hook: this.hook,
      shadow: handler.shadow,
      outcome,
      recipient: this.recipient?.toString(),
    })
  }

  /** What must be known before handlers that read facts of these hooks may run; undefined when all is known. */
  pendingAt(hooks: readonly DelayedHook[]): Promise<unknown> | undefined {
    let pending: Promise<unknown>[] | undefined
    for (const hook of hooks) {
      const run = (hook === 'mail' ? this.transaction : this.session)?.delayed.pending(hook)
      if (run) (pending ??= []).push(run)
    }
    return pending && Promise.all(pending)
  }

  /** Adds to the time account of a plugin, in milliseconds. */
  spent(handler: AnyHandler, ms: number): void {
    const decisions = this.transaction?.decisions ?? this.session?.decisions
    decisions?.spent(handler.index, ms)
  }
}
