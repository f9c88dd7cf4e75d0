import { makeSessionId } from '@postroad/mail'
import type { Helo, Identity, Session, TlsInfo } from '@postroad/plugin'
import type { Wire } from '@postroad/smtp'
import type { DelayedHook } from '../plan/handler.ts'
import { DecisionLog } from './decision-log.ts'
import { DelayedRefusals } from './delayed-refusals.ts'
import { FactStore } from './fact-store.ts'
import { Lifetime } from './lifetime.ts'
import type { Scope } from './scope.ts'
import type { Transaction } from './transaction.ts'

/** Lines of the log that one connection may cause of a kind: who repeats itself fills no disk. */
const LINES = 50

/** What the engine knows of one connection. Plugins see it through {@link SessionView} only. */
export class SessionState {
  readonly id: string
  readonly scope: Scope
  readonly wire: Wire
  readonly view: Session
  readonly facts = new FactStore()
  readonly decisions: DecisionLog
  readonly lifetime = new Lifetime()
  /** Milliseconds since the epoch. */
  readonly openedAt: number
  helo: Helo | undefined
  identity: Identity | undefined
  transaction: Transaction | undefined
  /** Transactions begun, messages taken, refusals said: for the last log line. */
  transactions = 0
  accepted = 0
  refused = 0
  /** Refusals at connect and helo that are said at RCPT. */
  readonly delayed = new DelayedRefusals()

  constructor(scope: Scope, wire: Wire) {
    this.scope = scope
    this.wire = wire
    this.openedAt = scope.now()
    this.id = makeSessionId(this.openedAt)
    this.view = new SessionView(this)
    this.decisions = new DecisionLog(scope.table.plugins)
  }

  /** Facts that were found out at the last helo, by name. */
  readonly heloFacts = new Set<string>()

  /** What the client called itself, and what followed from it, holds no longer: it calls itself something else, or speaks TLS now. */
  forgetHelo(): void {
    this.helo = undefined
    this.early.helo = 0
    this.decisions.forget('helo')
    this.delayed.keep('helo', undefined)
    for (const name of this.heloFacts) this.facts.delete(name)
    this.heloFacts.clear()
  }

  /** Points given at connect and at the last helo, which count for every message of the session. */
  readonly early = { connect: 0, helo: 0 }

  /** Like refusals there, they do not concern a client that proved who it is. */
  get points(): number {
    return this.identity ? 0 : this.early.connect + this.early.helo
  }

  /** Attempts to log in that were refused; the first {@link LINES} have a line each. */
  authRefusals = 0
  /** The last of those that have none; they have one together when the connection is gone. */
  unlogged: object | undefined
  #lines = 0

  /** Writes down an attempt to log in that was refused: whoever guesses passwords never begins a transaction, and would not be seen without. */
  noteAuth(record: object): void {
    if (++this.authRefusals <= LINES) this.scope.record(record)
    else this.unlogged = record
  }

  /** Whether the client may cause one more line of the log beside those of its transactions. */
  mayLog(): boolean {
    return ++this.#lines <= LINES
  }

  /** A frame's owner is the session itself. */
  get session(): this {
    return this
  }

  /** From now on this client is to send to one recipient at a time: its recipients' answers differed. */
  requireSingleRecipients(): void {
    this.scope.singleRecipientClients.add(this.#client, this.scope.now())
  }

  get isSingleRecipientClient(): boolean {
    return this.scope.singleRecipientClients.has(this.#client, this.scope.now())
  }

  get #client(): string {
    return `${this.wire.remote.address} ${this.transaction?.envelope.from ?? '<>'}`
  }

  /** What must be known before handlers that read facts of these hooks may run; undefined when all is known. */
  pendingAt(hooks: readonly DelayedHook[]): Promise<unknown> | undefined {
    let pending: Promise<unknown>[] | undefined
    for (const hook of hooks) {
      const run = (hook === 'mail' ? this.transaction?.delayed : this.delayed)?.pending(hook)
      if (run) (pending ??= []).push(run)
    }
    return pending && Promise.all(pending)
  }
}

class SessionView implements Session {
  readonly #state: SessionState

  constructor(state: SessionState) {
    this.#state = state
  }

  get id(): string {
    return this.#state.id
  }
  get listener(): string {
    return this.#state.wire.listener
  }
  get scope(): string {
    return this.#state.scope.name
  }
  get protocol(): 'smtp' | 'lmtp' {
    return this.#state.wire.protocol
  }
  get remote() {
    return this.#state.wire.remote
  }
  get local() {
    return this.#state.wire.local
  }
  get tls(): TlsInfo | undefined {
    return this.#state.wire.tls
  }
  get identity(): Identity | undefined {
    return this.#state.identity
  }
  get helo(): Helo | undefined {
    return this.#state.helo
  }
  get stress(): boolean {
    return this.#state.wire.stress
  }
}
