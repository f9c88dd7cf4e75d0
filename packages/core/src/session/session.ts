import { makeSessionId, type TlsInfo } from '@postroad/mail'
import type { Helo, Identity, Session, SessionProtocol, SessionRole } from '@postroad/plugin'
import type { Wire } from '@postroad/smtp'
import { DecisionLog } from './decision-log.ts'
import { DelayedRefusals } from './delayed-refusals.ts'
import { FactStore } from './fact-store.ts'
import { Lifetime } from './lifetime.ts'
import type { Scope } from './scope.ts'

/** Who is at the other end of a session: a client, as the wire says, or this server itself, on which nobody can hang up. */
export type SessionPeer = Omit<Wire, 'disconnect'> & Partial<Pick<Wire, 'disconnect'>>

/** Lines of the log that one connection may cause of a kind: who repeats itself fills no disk. */
const LINES = 50

/** What the engine knows of one connection, whichever transaction it is in. Plugins see it through {@link SessionView} only. */
export class SessionState {
  readonly id: string
  readonly scope: Scope
  readonly peer: SessionPeer
  readonly view: Session
  readonly facts = new FactStore()
  readonly decisions: DecisionLog
  readonly lifetime = new Lifetime()
  /** Milliseconds since the epoch. */
  readonly openedAt: number
  /** Refusals at connect and helo that are said at RCPT. */
  readonly delayed = new DelayedRefusals()
  #helo: Helo | undefined
  #identity: Identity | undefined
  #transactions = 0
  #accepted = 0
  #refused = 0
  /** Points given at connect and at the last helo, which count for every message of the session. */
  #connectPoints = 0
  #heloPoints = 0
  /** Facts that were found out at the last helo, by name. */
  readonly #heloFacts = new Set<string>()
  #authRefusals = 0
  /** The last attempt to log in that has no line of its own. */
  #unlogged: object | undefined
  #lines = 0

  constructor(scope: Scope, peer: SessionPeer) {
    this.scope = scope
    this.peer = peer
    Object.freeze(peer.remote)
    Object.freeze(peer.local)
    this.openedAt = scope.now()
    this.id = makeSessionId(this.openedAt)
    this.view = new SessionView(this)
    this.decisions = new DecisionLog(scope.table.plugins)
  }

  /** The caller of hooks that have no transaction is the session itself. */
  get session(): this {
    return this
  }

  /** A session is in none: who is a transaction says so. */
  get transaction(): undefined {
    return undefined
  }

  /** What the client calls itself; undefined before HELO or EHLO, and after STARTTLS. */
  get helo(): Helo | undefined {
    return this.#helo
  }

  /** Who the client has proved to be. */
  get identity(): Identity | undefined {
    return this.#identity
  }

  /** The client calls itself this from now on. */
  greet(name: string, extended: boolean): Helo {
    this.#forgetHelo()
    this.#helo = Object.freeze({ name, extended })
    return this.#helo
  }

  /** After the handshake what was learned of the client before it is forgotten, RFC 3207 §4.2: only the connection remains. */
  forgetClient(): void {
    this.#forgetHelo()
    this.#identity = undefined
  }

  /** What the client called itself, and what followed from it, holds no longer: it calls itself something else, or speaks TLS now. */
  #forgetHelo(): void {
    this.#helo = undefined
    this.#heloPoints = 0
    this.decisions.forget('helo')
    this.delayed.keep('helo', undefined)
    for (const name of this.#heloFacts) this.facts.delete(name)
    this.#heloFacts.clear()
  }

  /** The client has proved who it is. */
  authenticate(identity: Identity): void {
    this.#identity = Object.freeze({ ...identity })
  }

  /** Who the client is, as the server says that asks us; it says so with each message. */
  believe(identity: Identity | undefined): void {
    this.#identity = identity && Object.freeze({ ...identity })
  }

  /** A fact that holds until the client calls itself something else. */
  noteHeloFact(name: string): void {
    this.#heloFacts.add(name)
  }

  addPoints(hook: 'connect' | 'helo', points: number): void {
    if (hook === 'connect') this.#connectPoints += points
    else this.#heloPoints += points
  }

  /** Like refusals at connect and helo, these points do not concern a client that proved who it is. */
  get points(): number {
    return this.#identity ? 0 : this.#connectPoints + this.#heloPoints
  }

  /** Counts one more transaction, and gives its id. */
  beginTransaction(): string {
    return `${this.id}.${++this.#transactions}`
  }

  countAccepted(): void {
    this.#accepted++
  }

  /** Counts one more refusal, and gives their number. */
  countRefused(): number {
    return ++this.#refused
  }

  /** Transactions begun, messages taken, refusals said: for the last log line. */
  get counts(): { readonly transactions: number; readonly accepted: number; readonly refused: number } {
    return { transactions: this.#transactions, accepted: this.#accepted, refused: this.#refused }
  }

  /** Writes down an attempt to log in that was refused: whoever guesses passwords never begins a transaction, and would not be seen without. */
  noteAuth(record: object): void {
    if (++this.#authRefusals <= LINES) this.scope.record(record)
    else this.#unlogged = record
  }

  /** One line for all attempts to log in that have none of their own, when the connection is gone. */
  recordUnlogged(): void {
    if (this.#unlogged) this.scope.record({ ...this.#unlogged, attempts: this.#authRefusals })
  }

  /** Whether the client may cause one more line of the log beside those of its transactions. */
  mayLog(): boolean {
    return ++this.#lines <= LINES
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
    return this.#state.peer.listener
  }
  get scope(): string {
    return this.#state.scope.name
  }
  get protocol(): SessionProtocol {
    return this.#state.peer.protocol
  }
  get role(): SessionRole {
    return this.#state.scope.role
  }
  get remote() {
    return this.#state.peer.remote
  }
  get local() {
    return this.#state.peer.local
  }
  get tls(): TlsInfo | undefined {
    return this.#state.peer.tls
  }
  get identity(): Identity | undefined {
    return this.#state.identity
  }
  get helo(): Helo | undefined {
    return this.#state.helo
  }
  get stress(): boolean {
    return this.#state.peer.stress
  }
}
