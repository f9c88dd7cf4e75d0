/**
 * What a handler is given: one small object a run, whose fields are read from session, transaction and moment only when
 * the handler asks for them. No handler can change it.
 */
import type { Fact, FactScope } from '@postroad/plugin'
import type { Entry } from '../plan/handler.ts'
import type { FactStore } from '../session/fact-store.ts'
import type { Frame } from './call.ts'

/** The context of one run of one handler. */
export class RunContext {
  readonly #frame: Frame
  readonly #entry: Entry
  #controller: AbortController | undefined
  #over: Error | undefined

  constructor(frame: Frame, entry: Entry) {
    this.#frame = frame
    this.#entry = entry
  }

  /** The run is over: its signal fires, and facts are no longer taken from it. */
  end(reason: Error): void {
    this.#over = reason
    this.#controller?.abort(reason)
  }

  /** The signal fires, and the run may still answer. */
  abort(reason: Error): void {
    this.#controller?.abort(reason)
    if (!this.#controller) this.#aborted = reason
  }
  #aborted: Error | undefined

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      const reason = this.#over ?? this.#aborted ?? this.#frame.lifetime.ended
      if (reason) this.#controller.abort(reason)
    }
    return this.#controller.signal
  }

  get now(): () => number {
    return this.#frame.runtime.now
  }
  get log() {
    return this.#frame.runtime.logFor(this.#entry.plugin)
  }
  get session() {
    return this.#frame.session?.view
  }
  get helo() {
    return this.#frame.moment.helo ?? this.#frame.session?.helo
  }
  get envelope() {
    return this.#frame.transaction?.envelope
  }
  get parameters() {
    return this.#frame.moment.parameters ?? this.#frame.transaction?.envelope.parameters
  }
  get points(): number {
    return (this.#frame.session?.points ?? 0) + (this.#frame.transaction?.decisions.points ?? 0)
  }
  get recipient() {
    return this.#frame.moment.recipient
  }
  get recipients() {
    return this.#frame.moment.delivery?.recipients
  }
  get route() {
    return this.#frame.moment.route ?? this.#frame.moment.delivery?.route
  }
  get message() {
    return this.#frame.moment.message
  }
  get deliveries() {
    return this.#frame.moment.deliveries
  }
  get reason() {
    return this.#frame.moment.reason
  }
  get receipt() {
    return this.#frame.moment.receipt
  }
  get attempt() {
    return this.#frame.moment.attempt ?? this.#frame.moment.delivery?.attempt
  }
  get verb() {
    return this.#frame.moment.verb
  }
  get argument() {
    return this.#frame.moment.argument
  }
  get hook() {
    return this.#frame.moment.refusedAt
  }
  get plugin() {
    return this.#frame.moment.refusedBy
  }
  get refusal() {
    return this.#frame.moment.refusal
  }

  get find(): <T>(fact: Fact<T>) => T | undefined {
    return (fact) => this.#store(fact.scope)?.find(fact)
  }

  get get(): <T>(fact: Fact<T>) => T {
    return <T>(fact: Fact<T>): T => {
      const store = this.#store(fact.scope)
      if (!store?.has(fact)) throw new Error(`Fact "${fact.name}" is not there: declare after: [fact], or use find`)
      return store.find(fact) as T // it was just seen to be there
    }
  }

  get set(): <T>(fact: Fact<T>, value: T) => void {
    return (fact, value) => {
      if (this.#over) throw new Error(`Fact "${fact.name}" was set after the run was over: ${this.#over.message}`)
      if (!this.#entry.provides.has(fact.name))
        throw new Error(`${this.#entry.plugin}.${this.#entry.hook} sets "${fact.name}" without declaring it: provides: [fact]`)
      const store = this.#store(fact.scope)
      if (!store) throw new Error(`Fact "${fact.name}" belongs to a ${fact.scope}, and there is none at ${this.#entry.hook}`)
      if (this.#frame.isStale) return
      store.set(fact, value)
      if (this.#frame.moment.helo) this.#frame.session?.heloFacts.add(fact.name)
    }
  }

  #store(scope: FactScope): FactStore | undefined {
    if (scope === 'session') return this.#frame.session?.facts
    if (scope === 'transaction') return this.#frame.transaction?.facts
    return this.#frame.moment.recipientFacts
  }
}

/** What the `delivery` family of hooks is given. */
export class DeliveryRunContext extends RunContext {
  readonly #subject: NonNullable<Frame['moment']['delivery']>

  constructor(frame: Frame, entry: Entry, subject: NonNullable<Frame['moment']['delivery']>) {
    super(frame, entry)
    this.#subject = subject
  }

  get id(): string {
    return this.#subject.id
  }
  override get envelope() {
    // `as`: a queued message has no session, so its envelope is the smaller one of DeliveryContext.
    return this.#subject.envelope as unknown as RunContext['envelope']
  }
  get queuedAt(): number {
    return this.#subject.queuedAt
  }
  get reply() {
    return 'reply' in this.#subject ? this.#subject.reply : undefined
  }
  get class() {
    return 'class' in this.#subject ? this.#subject.class : undefined
  }
  get nextAttemptAt() {
    return 'nextAttemptAt' in this.#subject ? this.#subject.nextAttemptAt : undefined
  }
}
