/**
 * What a handler is given: one small object a run, whose fields are read from session, transaction and arguments only when
 * the handler asks for them. It has the fields that the hook's type promises, and no handler can change it.
 */
import type { CloseReason, Delivery, MailParameters, RcptParameters } from '@postroad/mail'
import type {
  AcceptedContext,
  Address,
  AuthAttempt,
  AuthContext,
  BaseContext,
  ClosedContext,
  CommandContext,
  ConnectContext,
  DataContext,
  DeliveryContext,
  DeliveryResultContext,
  Envelope,
  Fact,
  Helo,
  HeloContext,
  HookName,
  Logger,
  MailContext,
  Message,
  MessageContext,
  NexthopContext,
  QuarantineContext,
  QueueContext,
  RcptContext,
  Receipt,
  Recipient,
  Refusal,
  RefusedContext,
  Reply,
  Route,
  Session,
} from '@postroad/plugin'
import type { AnyHandler, HookContexts } from '../plan/handler.ts'
import type { HookCall } from './call.ts'

type DeliveryHook = 'delivery' | 'delivered' | 'deferred' | 'bounced'
type ResultHook = Exclude<DeliveryHook, 'delivery'>
type SessionHook = Exclude<HookName, DeliveryHook>
type CommandHook = 'verify' | 'expand' | 'help' | 'unknown'
type RecipientHook = 'rcpt' | 'route' | 'nexthop'
type QueueHook = 'quarantine' | 'queue' | 'accepted'
type MessageHook = 'message' | 'rewrite' | QueueHook
type TransactionHook = 'mail' | RecipientHook | 'data' | 'receive' | MessageHook

/** One run of one handler, as the guard sees it. */
export class Run<K extends HookName = HookName> {
  readonly call: HookCall<K>
  readonly handler: AnyHandler
  #controller: AbortController | undefined
  #over: Error | undefined
  #aborted: Error | undefined

  constructor(call: HookCall<K>, handler: AnyHandler) {
    this.call = call
    this.handler = handler
  }

  /** Why the run is over; undefined while it is not. */
  get over(): Error | undefined {
    return this.#over
  }

  /** The run is over: its signal fires, and facts are no longer taken from it. */
  end(reason: Error): void {
    this.#over = reason
    this.#controller?.abort(reason)
  }

  /** The signal fires, and the run may still answer. */
  abort(reason: Error): void {
    this.#aborted = reason
    this.#controller?.abort(reason)
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      const reason = this.#over ?? this.#aborted ?? this.call.lifetime.ended
      if (reason) this.#controller.abort(reason)
    }
    return this.#controller.signal
  }
}

/**
 * The context of a run: what all hooks have. Its one field has a plain name, because many classes share this constructor: symbols and private
 * names cost there ten times the whole object. It is not for handlers; a context that is printed does not show it.
 */
class RunContext<K extends HookName> implements BaseContext {
  // `declare`: to define the field before the constructor assigns it costs more than all the rest.
  declare protected readonly run: Run<K>

  constructor(run: Run<K>) {
    this.run = run
  }

  get signal(): AbortSignal {
    return this.run.signal
  }

  get now(): () => number {
    return this.run.call.scope.now
  }

  get log(): Logger {
    return this.run.call.scope.logFor(this.run.handler.plugin)
  }

  toJSON(): object {
    return { hook: this.run.call.hook }
  }
}

/** What hooks have while there is a client. */
class SessionRunContext<K extends SessionHook> extends RunContext<K> implements ConnectContext {
  get session(): Session {
    return this.run.call.caller.session.view
  }

  get find(): <T>(fact: Fact<T>) => T | undefined {
    return (fact) => this.run.call.storeOf(fact.scope)?.find(fact)
  }

  get get(): <T>(fact: Fact<T>) => T {
    return <T>(fact: Fact<T>): T => {
      const store = this.run.call.storeOf(fact.scope)
      if (!store?.has(fact)) throw new Error(`Fact "${fact.name}" is not there: declare after: [fact], or use find`)
      return store.find(fact) as T // it was just seen to be there
    }
  }

  get set(): <T>(fact: Fact<T>, value: T) => void {
    return (fact, value) => {
      const { call, handler, over } = this.run
      if (over) throw new Error(`Fact "${fact.name}" was set after the run was over: ${over.message}`)
      if (!handler.provides.has(fact.name))
        throw new Error(`${handler.plugin}.${handler.hook} sets "${fact.name}" without declaring it: provides: [fact]`)
      const store = call.storeOf(fact.scope)
      if (!store) throw new Error(`Fact "${fact.name}" belongs to a ${fact.scope}, and there is none at ${handler.hook}`)
      if (call.isStale) return
      store.set(fact, value)
      call.written(fact.name)
    }
  }
}

class HeloRunContext extends SessionRunContext<'helo'> implements HeloContext {
  get helo(): Helo {
    return this.run.call.args.helo
  }
}

class AuthRunContext extends SessionRunContext<'auth'> implements AuthContext {
  get attempt(): AuthAttempt {
    return this.run.call.args.attempt
  }
}

class CommandRunContext extends SessionRunContext<CommandHook> implements CommandContext {
  get verb(): string {
    return this.run.call.args.verb
  }

  get argument(): string {
    return this.run.call.args.argument
  }
}

class ClosedRunContext extends SessionRunContext<'closed'> implements ClosedContext {
  get reason(): CloseReason {
    return this.run.call.args.reason
  }
}

class RefusedRunContext extends SessionRunContext<'refused'> implements RefusedContext {
  get hook(): HookName {
    return this.run.call.args.refusedAt
  }

  get plugin(): string | undefined {
    return this.run.call.args.refusedBy
  }

  get refusal(): Refusal {
    return this.run.call.args.refusal
  }

  get envelope(): Envelope | undefined {
    return this.run.call.transaction?.envelope
  }

  get recipient(): Address | undefined {
    return this.run.call.args.recipient
  }
}

/** What hooks have from MAIL on. */
class EnvelopeRunContext<K extends TransactionHook> extends SessionRunContext<K> implements DataContext {
  get helo(): Helo {
    return this.run.call.caller.session.helo as Helo // the wire takes no MAIL before it
  }

  get envelope(): Envelope {
    return this.run.call.caller.transaction.envelope
  }
}

class MailRunContext extends EnvelopeRunContext<'mail'> implements MailContext {
  get parameters(): MailParameters {
    return this.envelope.parameters
  }
}

class RecipientRunContext<K extends RecipientHook> extends EnvelopeRunContext<K> implements RcptContext {
  get recipient(): Address {
    return this.run.call.args.recipient
  }

  get parameters(): RcptParameters {
    return this.run.call.args.parameters
  }
}

class NexthopRunContext extends RecipientRunContext<'nexthop'> implements NexthopContext {
  get route(): Route {
    return this.run.call.args.route
  }
}

/** What hooks have when the message is there. */
class MessageRunContext<K extends MessageHook> extends EnvelopeRunContext<K> implements MessageContext {
  get message(): Message {
    return this.run.call.args.message
  }

  get points(): number {
    return this.run.call.caller.transaction.points
  }
}

class QueueRunContext<K extends QueueHook> extends MessageRunContext<K> implements QueueContext {
  get deliveries(): readonly Delivery[] {
    return this.run.call.args.deliveries
  }
}

class QuarantineRunContext extends QueueRunContext<'quarantine'> implements QuarantineContext {
  get reason(): string {
    return this.run.call.args.reason
  }
}

class AcceptedRunContext extends QueueRunContext<'accepted'> implements AcceptedContext {
  get receipt(): Receipt {
    return this.run.call.args.receipt
  }
}

/** What hooks of deliveries have: there is no client any more. */
class DeliveryRunContext<K extends DeliveryHook> extends RunContext<K> implements DeliveryContext {
  get id(): string {
    return this.run.call.args.delivery.id
  }

  get envelope(): DeliveryContext['envelope'] {
    return this.run.call.args.delivery.envelope
  }

  get route(): Route {
    return this.run.call.args.delivery.route
  }

  get recipients(): readonly Recipient[] {
    return this.run.call.args.delivery.recipients
  }

  get attempt(): number {
    return this.run.call.args.delivery.attempt
  }

  get queuedAt(): number {
    return this.run.call.args.delivery.queuedAt
  }
}

class ResultRunContext<K extends ResultHook> extends DeliveryRunContext<K> implements DeliveryResultContext {
  get reply(): Reply {
    return this.run.call.args.delivery.reply
  }

  get class(): string | undefined {
    return this.run.call.args.delivery.class
  }
}

class DeferredRunContext extends ResultRunContext<'deferred'> {
  get nextAttemptAt(): number {
    return this.run.call.args.delivery.nextAttemptAt as number // at this hook it is known
  }
}

type Make<K extends HookName> = (run: Run<K>) => HookContexts[K]

/** One function a hook, and none for several: each makes objects of one class, which costs a tenth of a class that is looked up. */
const MAKE: { readonly [K in HookName]: Make<K> } = {
  connect: (run) => new SessionRunContext(run),
  helo: (run) => new HeloRunContext(run),
  auth: (run) => new AuthRunContext(run),
  mail: (run) => new MailRunContext(run),
  rcpt: (run) => new RecipientRunContext(run),
  route: (run) => new RecipientRunContext(run),
  nexthop: (run) => new NexthopRunContext(run),
  data: (run) => new EnvelopeRunContext(run),
  receive: (run) => new EnvelopeRunContext(run),
  message: (run) => new MessageRunContext(run),
  rewrite: (run) => new MessageRunContext(run),
  quarantine: (run) => new QuarantineRunContext(run),
  queue: (run) => new QueueRunContext(run),
  verify: (run) => new CommandRunContext(run),
  expand: (run) => new CommandRunContext(run),
  help: (run) => new CommandRunContext(run),
  unknown: (run) => new CommandRunContext(run),
  delivery: (run) => new DeliveryRunContext(run),
  accepted: (run) => new AcceptedRunContext(run),
  refused: (run) => new RefusedRunContext(run),
  closed: (run) => new ClosedRunContext(run),
  delivered: (run) => new ResultRunContext(run),
  deferred: (run) => new DeferredRunContext(run),
  bounced: (run) => new ResultRunContext(run),
}

/** What the handler of a run is given. */
export function contextOf<K extends HookName>(run: Run<K>): HookContexts[K] {
  return MAKE[run.call.hook](run)
}
