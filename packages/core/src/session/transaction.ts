import type { MailParameters, RcptParameters, RoutedRecipient } from '@postroad/mail'
import type { Address, Envelope, Message, Refusal } from '@postroad/plugin'
import { type Met, round } from '../policy/thresholds.ts'
import { DecisionLog } from './decision-log.ts'
import { DelayedRefusals } from './delayed-refusals.ts'
import { describe, type MessageDescription } from './description.ts'
import { EnvelopeEdits } from './envelope-edits.ts'
import { FactStore } from './fact-store.ts'
import type { Lifetime } from './lifetime.ts'
import type { Scope } from './scope.ts'
import type { SessionState } from './session.ts'

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

const NOBODY: readonly RoutedRecipient[] = Object.freeze([])

/** One mail transaction, from MAIL to the reply after the final dot, RFC 5321 §3.3. */
export class Transaction {
  readonly session: SessionState
  readonly envelope: Envelope
  readonly facts = new FactStore()
  readonly decisions: DecisionLog
  /** The refusal at mail that is said at RCPT. */
  readonly delayed = new DelayedRefusals()
  /** Frozen, and another one after each RCPT: plugins see it. */
  #recipients: readonly RoutedRecipient[] = NOBODY
  readonly #refused: RefusedRecipient[] = []
  readonly #asked: Asked[] = []
  readonly #met: MetThreshold[] = []
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  #isOver = false
  #size = 0
  #description: MessageDescription | undefined
  #queuedBy: string | undefined
  #receipt: string | undefined
  #recipientPoints: Map<RoutedRecipient, number> | undefined
  #comingPoints = 0
  #answers: RoutedRecipient[] | undefined
  #known: Map<string, RoutedRecipient> | undefined
  readonly #from: Address | undefined
  #edits: EnvelopeEdits | undefined

  constructor(session: SessionState, from: Address | undefined, parameters: MailParameters) {
    const { scope } = session
    this.session = session
    this.#from = from
    this.envelope = new EnvelopeView(this, session.beginTransaction(), Object.freeze(parameters))
    this.decisions = new DecisionLog(scope.table.plugins)
    this.startedAt = scope.now()
  }

  get scope(): Scope {
    return this.session.scope
  }

  get lifetime(): Lifetime {
    return this.session.lifetime
  }

  /** The caller of its hooks is the transaction itself. */
  get transaction(): this {
    return this
  }

  /** Ends it. False when it was over already: it is written down once. */
  end(): boolean {
    const isFirst = !this.#isOver
    this.#isOver = true
    return isFirst
  }

  /** It came to its reply, or the client has reset it or is gone. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The reverse-path that the client gave. */
  get from(): Address | undefined {
    return this.#from
  }

  /** What `rewrite` has made of the envelope; undefined while nobody has touched it. */
  get edits(): EnvelopeEdits | undefined {
    return this.#edits
  }

  /** The edits, to add to. */
  edit(): EnvelopeEdits {
    return (this.#edits ??= new EnvelopeEdits())
  }

  /** Those who were accepted, in the order of their RCPT; each is owed a reply, whatever `rewrite` makes of the envelope. */
  get recipients(): readonly RoutedRecipient[] {
    return this.#recipients
  }

  /** Those who were refused. */
  get refused(): readonly RefusedRecipient[] {
    return this.#refused
  }

  /** One for each RCPT with parameters, refused or not. */
  get asked(): readonly Asked[] {
    return this.#asked
  }

  get met(): readonly MetThreshold[] {
    return this.#met
  }

  /** Octets of the message; 0 while there is none. */
  get size(): number {
    return this.#size
  }

  /** The message is there. */
  arrive(message: Message): void {
    this.#size = message.size
    if (this.scope.describes !== 'none') this.#description = describe(message, this.scope.describes)
  }

  /** What its header section calls the message, for the log. */
  get description(): MessageDescription | undefined {
    return this.#description
  }

  /** The plugin that answered `queue` or `quarantine` last. */
  get queuedBy(): string | undefined {
    return this.#queuedBy
  }

  /** The id of the last receipt. */
  get receipt(): string | undefined {
    return this.#receipt
  }

  /** A plugin answered `queue` or `quarantine`, with a receipt of this id or without one. */
  answer(plugin: string, receipt: string | undefined): void {
    this.#queuedBy = plugin
    this.#receipt = receipt ?? this.#receipt
  }

  /** From now on this client is to send to one recipient at a time: its recipients' answers differed. */
  requireSingleRecipients(): void {
    this.scope.singleRecipientClients.add(this.#client, this.scope.now())
  }

  get isOfSingleRecipientClient(): boolean {
    return this.scope.singleRecipientClients.has(this.#client, this.scope.now())
  }

  get #client(): string {
    return `${this.session.peer.remote.address} ${this.#from ?? '<>'}`
  }

  /** A client asks for a recipient. */
  ask(recipient: Address, parameters: RcptParameters): void {
    if (Object.keys(parameters).length > 0) this.#asked.push({ to: recipient.toString(), ...parameters })
  }

  /** A recipient is being asked about: its points count for it alone, and only if it is accepted. */
  beginRecipient(): void {
    this.#comingPoints = 0
  }

  /** Sum of the points that count for every recipient. */
  get points(): number {
    return this.session.points + this.decisions.points
  }

  addRecipientPoints(points: number): void {
    this.#comingPoints += points
  }

  refuse(recipient: RefusedRecipient): void {
    this.#refused.push(recipient)
  }

  accept(recipient: RoutedRecipient): void {
    this.#recipients = Object.freeze([...this.#recipients, recipient])
    this.#answers?.push(recipient)
    this.#known?.set(keyOf(recipient), recipient)
    if (this.#comingPoints !== 0) (this.#recipientPoints ??= new Map()).set(recipient, this.#comingPoints)
  }

  /** The recipient that a RCPT before this one named, with the same parameters: it gets the message once. */
  namedBefore(address: Address, parameters: RcptParameters): RoutedRecipient | undefined {
    if (this.#recipients.length === 0) return undefined
    this.#known ??= new Map(this.#recipients.map((recipient) => [keyOf(recipient), recipient]))
    return this.#known.get(keyOf({ address, parameters }))
  }

  /** It was named again: there is one more RCPT to answer for, and no more to deliver. */
  repeat(recipient: RoutedRecipient): void {
    this.#answers ??= [...this.#recipients]
    this.#answers.push(recipient)
  }

  /** One for each RCPT that was accepted, in their order: where each gets a reply of its own after the final dot. */
  get answers(): readonly RoutedRecipient[] {
    return this.#answers ?? this.#recipients
  }

  /** A threshold decided about a recipient; alike for several, it is one. */
  meet({ level, at }: Met, points: number, address: Address): void {
    const to = address.toString()
    const sum = round(points)
    const alike = this.#met.find((one) => one.level === level && one.at === at && one.points === sum)
    if (alike) alike.to.push(to)
    else this.#met.push({ level, at, points: sum, to: [to] })
  }

  /** Points of one recipient, without those that count for all. */
  pointsOf(recipient: RoutedRecipient): number {
    return this.#recipientPoints?.get(recipient) ?? 0
  }
}

/** Domains are in lower case already, a local part is exactly itself, RFC 5321 §2.4; other wishes (NOTIFY, ORCPT) are another report, RFC 3461 §4. */
function keyOf({ address: { local, domain }, parameters }: Pick<RoutedRecipient, 'address' | 'parameters'>): string {
  const { notify, orcpt } = parameters
  const wishes =
    notify || orcpt ? ` ${JSON.stringify([notify && [...notify].sort(), orcpt?.type, orcpt?.address])}` : ''
  return `${local}@${domain}${wishes}`
}

/** The envelope as plugins see it: as the client gave it, and as `rewrite` has left it. */
class EnvelopeView implements Envelope {
  readonly #transaction: Transaction
  readonly #id: string
  readonly #parameters: MailParameters

  constructor(transaction: Transaction, id: string, parameters: MailParameters) {
    this.#transaction = transaction
    this.#id = id
    this.#parameters = parameters
  }
  get id(): string {
    return this.#id
  }
  get parameters(): MailParameters {
    return this.#parameters
  }
  get from(): Address | undefined {
    const { edits, from } = this.#transaction
    return edits?.from === undefined ? from : (edits.from ?? undefined)
  }
  get recipients(): readonly RoutedRecipient[] {
    const { edits, recipients } = this.#transaction
    return edits ? edits.carried(recipients) : recipients
  }
}
