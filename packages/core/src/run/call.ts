/** One moment of a session at which handlers run: what they may see, and where what they say is noted. */
import type {
  Address,
  AuthAttempt,
  Delivery,
  DeliveryContext,
  DeliveryResultContext,
  Helo,
  HookName,
  Identity,
  Message,
  RcptParameters,
  Receipt,
  Refusal,
  Route,
} from '@postroad/plugin'
import type { Entry } from '../plan/handler.ts'
import type { Outcome } from '../session/decision-log.ts'
import type { FactStore } from '../session/fact-store.ts'
import type { Lifetime } from '../session/lifetime.ts'
import type { Runtime } from '../session/scope.ts'
import type { SessionState } from '../session/session.ts'
import type { Transaction } from '../session/transaction.ts'

/** What a single hook adds to session and transaction. */
export interface Moment {
  /** At `helo`: the name this run is about. */
  readonly helo?: Helo
  readonly recipient?: Address
  readonly parameters?: RcptParameters
  readonly recipientFacts?: FactStore
  readonly route?: Route
  readonly attempt?: AuthAttempt
  readonly message?: Message
  readonly deliveries?: readonly Delivery[]
  readonly reason?: string
  readonly receipt?: Receipt
  readonly verb?: string
  readonly argument?: string
  readonly refusedAt?: string
  readonly refusedBy?: string | undefined
  readonly refusal?: Refusal
  readonly delivery?: DeliveryContext | DeliveryResultContext
  readonly identity?: Identity
}

const NOTHING: Moment = Object.freeze({})

/** The frame of one hook's run over all its handlers. */
export class Frame {
  readonly hook: HookName
  readonly runtime: Runtime
  readonly session: SessionState | undefined
  readonly transaction: Transaction | undefined
  readonly moment: Moment
  /** Ends the runs: the connection's, or in `queue` the generation's. */
  readonly lifetime: Lifetime

  constructor(
    hook: HookName,
    owner: { runtime: Runtime; session?: SessionState; transaction?: Transaction | undefined; lifetime: Lifetime },
    moment: Moment = NOTHING,
  ) {
    this.hook = hook
    this.runtime = owner.runtime
    this.session = owner.session
    this.transaction = owner.transaction
    this.lifetime = owner.lifetime
    this.moment = moment
  }

  /** The client has called itself something else since: what is found out now is of no use. */
  get isStale(): boolean {
    const { helo } = this.moment
    return helo !== undefined && helo !== this.session?.helo
  }

  /** Notes what a handler said, obeyed or not. */
  note(entry: Entry, outcome: Outcome): void {
    if (this.isStale) return
    const decisions = this.transaction?.decisions ?? this.session?.decisions
    decisions?.add({ plugin: entry.plugin, hook: this.hook, shadow: entry.shadow, outcome, recipient: this.moment.recipient?.toString() })
  }

  /** Adds to the time account of a plugin, in milliseconds. */
  spent(entry: Entry, ms: number): void {
    const decisions = this.transaction?.decisions ?? this.session?.decisions
    decisions?.spent(entry.index, ms)
  }
}
