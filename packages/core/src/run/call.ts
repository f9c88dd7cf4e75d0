/** One call of a hook over all its handlers: whose it is, its arguments, and where what handlers say is noted. */

import type { Delivery, RcptParameters } from '@postroad/mail'
import type {
  Address,
  AuthAttempt,
  DeliveryContext,
  DeliveryResultContext,
  Helo,
  HookName,
  Message,
  Receipt,
  Refusal,
  Route,
} from '@postroad/plugin'
import type { DelayedHook, Handler } from '../plan/handler.ts'
import type { LoggedOutcome } from '../session/decision-log.ts'
import type { FactStore } from '../session/fact-store.ts'
import type { Lifetime } from '../session/lifetime.ts'
import type { Scope } from '../session/scope.ts'
import type { SessionState } from '../session/session.ts'
import type { Transaction } from '../session/transaction.ts'

type Nothing = Readonly<Record<never, never>>

/** Arguments of hooks that add nothing to session and transaction. */
export const NOTHING: Nothing = Object.freeze({})

interface OneRecipient {
  readonly recipient: Address
  readonly parameters: RcptParameters
  readonly recipientFacts: FactStore
}

interface Line {
  readonly verb: string
  readonly argument: string
}

interface WithMessage {
  readonly message: Message
}

interface WithDeliveries extends WithMessage {
  readonly deliveries: readonly Delivery[]
}

interface Result {
  readonly delivery: DeliveryResultContext
}

/** What each hook adds to session and transaction. */
export interface HookArguments {
  readonly connect: Nothing
  /** The name this call is about: the client may have called itself something else since. */
  readonly helo: { readonly helo: Helo }
  readonly auth: { readonly attempt: AuthAttempt }
  readonly mail: Nothing
  readonly rcpt: OneRecipient
  readonly route: OneRecipient
  readonly nexthop: OneRecipient & { readonly route: Route }
  readonly data: Nothing
  readonly receive: Nothing
  readonly message: WithMessage
  readonly rewrite: WithMessage
  readonly quarantine: WithDeliveries & { readonly reason: string }
  readonly queue: WithDeliveries
  readonly verify: Line
  readonly expand: Line
  readonly help: Line
  readonly unknown: Line
  readonly delivery: { readonly delivery: DeliveryContext }
  readonly accepted: WithDeliveries & { readonly receipt: Receipt }
  readonly refused: {
    readonly refusedAt: HookName
    readonly refusedBy: string | undefined
    readonly refusal: Refusal
    readonly recipient?: Address
  }
  readonly closed: { readonly reason: string }
  readonly delivered: Result
  readonly deferred: Result
  readonly bounced: Result
}

type NameIn<A> = A extends unknown ? keyof A : never
type ValueIn<A, N> = A extends unknown ? (N extends keyof A ? A[N] : never) : never

/** The arguments of any hook: each is there at some of them. */
export type AnyArguments = { readonly [N in NameIn<HookArguments[HookName]>]?: ValueIn<HookArguments[HookName], N> }

/** Whose call it is: a session's, a transaction's, or in hooks of deliveries neither's. */
export interface Caller {
  readonly scope: Scope
  readonly session?: SessionState | undefined
  readonly transaction?: Transaction | undefined
  /** Ends the runs: the connection's, or in `queue` the generation's. */
  readonly lifetime: Lifetime
}

/** The same caller for what the client's leaving does not stop; the closing of the server does. */
export function outliving({ scope, session, transaction }: Caller): Caller {
  return { scope, session, transaction, lifetime: scope.lifetime }
}

/** One call of the hook `K`. */
export class HookCall<K extends HookName = HookName> implements Caller {
  readonly hook: K
  readonly scope: Scope
  readonly session: SessionState | undefined
  readonly transaction: Transaction | undefined
  readonly lifetime: Lifetime
  readonly args: HookArguments[K]

  constructor(hook: K, caller: Caller, args: HookArguments[K]) {
    this.hook = hook
    this.scope = caller.scope
    this.session = caller.session
    this.transaction = caller.transaction
    this.lifetime = caller.lifetime
    this.args = args
  }

  /** The client has called itself something else since: what is found out now is of no use. */
  get isStale(): boolean {
    const { helo }: AnyArguments = this.args
    return helo !== undefined && helo !== this.session?.helo
  }

  /** Notes what a handler said, obeyed or not. */
  note(handler: Handler, outcome: LoggedOutcome): void {
    if (this.isStale) return
    const decisions = this.transaction?.decisions ?? this.session?.decisions
    const { recipient }: AnyArguments = this.args
    decisions?.add({ plugin: handler.plugin, hook: this.hook, shadow: handler.shadow, outcome, recipient: recipient?.toString() })
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
  spent(handler: Handler, ms: number): void {
    const decisions = this.transaction?.decisions ?? this.session?.decisions
    decisions?.spent(handler.index, ms)
  }
}
