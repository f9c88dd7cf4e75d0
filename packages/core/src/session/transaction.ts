import type { Address, Envelope, MailParameters, RcptParameters, Refusal, RoutedRecipient } from '@postroad/plugin'
import { type Met, round } from '../policy/thresholds.ts'
import { DecisionLog } from './decision-log.ts'
import { DelayedRefusals } from './delayed-refusals.ts'
import { FactStore } from './fact-store.ts'

/** A refused recipient, for the log. */
export interface RefusedRecipient {
  readonly to: string
  readonly plugin: string | undefined
  readonly refusal: Refusal
}

/** A threshold that was met, for the log. */
export interface MetThreshold {
  readonly level: string
  readonly at: number
  readonly points: number
  readonly to: string[]
}

/** What a client asked for with one RCPT, for the log. */
export interface Asked extends RcptParameters {
  readonly to: string
}

/** One mail transaction, from MAIL to the reply after the final dot, RFC 5321 §3.3. */
export class Transaction {
  readonly envelope: Envelope
  readonly recipients: RoutedRecipient[] = []
  readonly facts = new FactStore()
  readonly decisions: DecisionLog
  readonly delayed = new DelayedRefusals()
  readonly refused: RefusedRecipient[] = []
  /** One for each RCPT with parameters, refused or not. */
  readonly asked: Asked[] = []
  readonly met: MetThreshold[] = []
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Octets of the message; 0 while there is none. */
  size = 0
  /** The plugin that answered `queue` or `quarantine` last, and the id of its receipt. */
  queuedBy: string | undefined
  receipt: string | undefined
  #points: Map<RoutedRecipient, number> | undefined
  #comingPoints = 0
  #answers: RoutedRecipient[] | undefined
  #known: Map<string, RoutedRecipient> | undefined

  constructor(id: string, from: Address | undefined, parameters: MailParameters, owner: { plugins: readonly string[]; now: number }) {
    this.envelope = new EnvelopeView({ id, from, parameters, recipients: this.recipients })
    this.decisions = new DecisionLog(owner.plugins)
    this.startedAt = owner.now
  }

  /** A recipient is being asked about: its points count for it alone, and only if it is accepted. */
  beginRecipient(): void {
    this.#comingPoints = 0
  }

  addRecipientPoints(points: number): void {
    this.#comingPoints += points
  }

  accept(recipient: RoutedRecipient): void {
    this.recipients.push(recipient)
    this.#answers?.push(recipient)
    this.#known?.set(keyOf(recipient), recipient)
    if (this.#comingPoints !== 0) (this.#points ??= new Map()).set(recipient, this.#comingPoints)
  }

  /** The recipient that a RCPT before this one named, with the same parameters: it gets the message once. */
  namedBefore(address: Address, parameters: RcptParameters): RoutedRecipient | undefined {
    if (this.recipients.length === 0) return undefined
    this.#known ??= new Map(this.recipients.map((recipient) => [keyOf(recipient), recipient]))
    return this.#known.get(keyOf({ address, parameters }))
  }

  /** It was named again: there is one more RCPT to answer for, and no more to deliver. */
  repeat(recipient: RoutedRecipient): void {
    this.#answers ??= [...this.recipients]
    this.#answers.push(recipient)
  }

  /** One for each RCPT that was accepted, in their order: where each gets a reply of its own after the final dot. */
  get answers(): readonly RoutedRecipient[] {
    return this.#answers ?? this.recipients
  }

  /** A threshold decided about a recipient; alike for several, it is one. */
  meet({ level, at }: Met, points: number, address: Address): void {
    const to = address.toString()
    const sum = round(points)
    const alike = this.met.find((one) => one.level === level && one.at === at && one.points === sum)
    if (alike) alike.to.push(to)
    else this.met.push({ level, at, points: sum, to: [to] })
  }

  /** Points of one recipient, without those that count for all. */
  pointsOf(recipient: RoutedRecipient): number {
    return this.#points?.get(recipient) ?? 0
  }
}

/** Domains are in lower case already, a local part is exactly itself, RFC 5321 §2.4; other wishes (NOTIFY, ORCPT) are another report, RFC 3461 §4. */
function keyOf({ address: { local, domain }, parameters }: Pick<RoutedRecipient, 'address' | 'parameters'>): string {
  const { notify, orcpt } = parameters
  const wishes = notify || orcpt ? ` ${JSON.stringify([notify && [...notify].sort(), orcpt?.type, orcpt?.address])}` : ''
  return `${local}@${domain}${wishes}`
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
  get recipients(): readonly RoutedRecipient[] {
    return this.#inner.recipients
  }
}
