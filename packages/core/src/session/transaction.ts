import type { Address, Envelope, MailParameters, RcptParameters, Recipient, Refusal } from '@postroad/plugin'
import { FactStore } from './fact-store.ts'
import { Holding } from './session-state.ts'
import { Trail } from './trail.ts'

/** A refused recipient, for the log. */
export interface RefusedRecipient {
  readonly to: string
  readonly plugin: string | undefined
  readonly refusal: Refusal
}

/** What a client asked for with one RCPT, for the log. */
export interface Asked extends RcptParameters {
  readonly to: string
}

/** One mail transaction, from MAIL to the reply after the final dot, RFC 5321 §3.3. */
export class Transaction {
  readonly envelope: Envelope
  readonly recipients: Recipient[] = []
  readonly facts = new FactStore()
  readonly trail: Trail
  readonly held = new Holding()
  readonly refused: RefusedRecipient[] = []
  /** One for each RCPT with parameters, refused or not. */
  readonly asked: Asked[] = []
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  #points: Map<Recipient, number> | undefined
  #comingPoints = 0

  constructor(id: string, from: Address | undefined, parameters: MailParameters, owner: { plugins: readonly string[]; now: number }) {
    this.envelope = new EnvelopeView({ id, from, parameters, recipients: this.recipients })
    this.trail = new Trail(owner.plugins)
    this.startedAt = owner.now
  }

  /** A recipient is being asked about: its points count for it alone, and only if it is accepted. */
  beginRecipient(): void {
    this.#comingPoints = 0
  }

  addRecipientPoints(_recipient: Address, points: number): void {
    this.#comingPoints += points
  }

  accept(recipient: Recipient): void {
    this.recipients.push(recipient)
    if (this.#comingPoints !== 0) (this.#points ??= new Map()).set(recipient, this.#comingPoints)
  }

  /** Points of one recipient, without those that count for all. */
  pointsOf(recipient: Recipient): number {
    return this.#points?.get(recipient) ?? 0
  }
}

class EnvelopeView implements Envelope {
  readonly #inner: Envelope

  constructor(inner: Envelope) {
    this.#inner = inner
  }
  get id(): string {
    return this.#inner.id
  }
  get from(): Address | undefined {
    return this.#inner.from
  }
  get parameters(): MailParameters {
    return this.#inner.parameters
  }
  get recipients(): readonly Recipient[] {
    return this.#inner.recipients
  }
}
