/**
 * What a handler is given: one small object a run, whose fields are read from session, transaction and arguments only when
 * the handler asks for them. No handler can change it.
 */
import type { Fact, FactScope } from '@postroad/plugin'
import type { Handler } from '../plan/handler.ts'
import type { FactStore } from '../session/fact-store.ts'
import type { AnyArguments, HookCall } from './call.ts'

/** The context of one run of one handler. */
export class RunContext {
  readonly #call: HookCall
  readonly #handler: Handler
  #controller: AbortController | undefined
  #over: Error | undefined

  constructor(call: HookCall, handler: Handler) {
    this.#call = call
    this.#handler = handler
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
      const reason = this.#over ?? this.#aborted ?? this.#call.lifetime.ended
      if (reason) this.#controller.abort(reason)
    }
    return this.#controller.signal
  }

  get #args(): AnyArguments {
    return this.#call.args
  }

  get now(): () => number {
    return this.#call.scope.now
  }
  get log() {
    return this.#call.scope.logFor(this.#handler.plugin)
  }
  get session() {
    return this.#call.session?.view
  }
  get helo() {
    return this.#args.helo ?? this.#call.session?.helo
  }
  get envelope() {
    return this.#call.transaction?.envelope
  }
  get parameters() {
    return this.#args.parameters ?? this.#call.transaction?.envelope.parameters
  }
  get points(): number {
    return (this.#call.session?.points ?? 0) + (this.#call.transaction?.decisions.points ?? 0)
  }
  get recipient() {
    return this.#args.recipient
  }
  get recipients() {
    return this.#args.delivery?.recipients
  }
  get route() {
    return this.#args.route ?? this.#args.delivery?.route
  }
  get message() {
    return this.#args.message
  }
  get deliveries() {
    return this.#args.deliveries
  }
  get reason() {
    return this.#args.reason
  }
  get receipt() {
    return this.#args.receipt
  }
  get attempt() {
    return this.#args.attempt ?? this.#args.delivery?.attempt
  }
  get verb() {
    return this.#args.verb
  }
  get argument() {
    return this.#args.argument
  }
  get hook() {
    return this.#args.refusedAt
  }
  get plugin() {
    return this.#args.refusedBy
  }
  get refusal() {
    return this.#args.refusal
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
      if (!this.#handler.provides.has(fact.name))
        throw new Error(`${this.#handler.plugin}.${this.#handler.hook} sets "${fact.name}" without declaring it: provides: [fact]`)
      const store = this.#store(fact.scope)
      if (!store) throw new Error(`Fact "${fact.name}" belongs to a ${fact.scope}, and there is none at ${this.#handler.hook}`)
      if (this.#call.isStale) return
      store.set(fact, value)
      if (this.#args.helo) this.#call.session?.noteHeloFact(fact.name)
    }
  }

  #store(scope: FactScope): FactStore | undefined {
    if (scope === 'session') return this.#call.session?.facts
    if (scope === 'transaction') return this.#call.transaction?.facts
    return this.#args.recipientFacts
  }
}

/** What the `delivery` family of hooks is given. */
export class DeliveryRunContext extends RunContext {
  readonly #subject: NonNullable<AnyArguments['delivery']>

  constructor(call: HookCall, handler: Handler, subject: NonNullable<AnyArguments['delivery']>) {
    super(call, handler)
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
