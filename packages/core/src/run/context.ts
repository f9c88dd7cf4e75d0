/**
 * What a handler is given: one small object a run, whose fields are read from session, transaction and arguments only when
 * the handler asks for them. It has the fields that the hook's type promises, and no handler can change it.
 */
import type { CloseReason, Delivery, MailParameters, RcptParameters, TlsQuestion } from '@postroad/mail'
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
  JudgedContext,
  JudgementOutcome,
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
  TlsContext,
} from '@postroad/plugin'
import type { AnyHandler, HookContexts } from '../plan/handler.ts'
import type { HookCall } from './call.ts'
import { RunFate } from './run-fate.ts'

type DeliveryHook = 'delivery' | 'delivered' | 'deferred' | 'bounced'
type ResultHook = Exclude<DeliveryHook, 'delivery'>
type SessionHook = Exclude<HookName, DeliveryHook | 'tls'>
type CommandHook = 'verify' | 'expand' | 'help' | 'unknown'
type RecipientHook = 'rcpt' | 'route' | 'nexthop'
type QueueHook = 'quarantine' | 'queue' | 'accepted'
type MessageHook = 'message' | 'rewrite' | QueueHook
type TransactionHook = 'mail' | RecipientHook | 'data' | 'receive' | MessageHook | 'judged'

/**
 * The context of a run: what all hooks have. Its own fields have plain names, because many classes share this constructor: symbols and private
 * names cost there ten times the whole object. They are not for handlers; a context that is printed does not show them.
 */
export class RunContext<K extends HookName = HookName> implements BaseContext {
  // `declare`: to define the fields before the constructor assigns them costs more than all the rest.
  declare protected readonly call: HookCall<K>
  declare protected readonly handler: AnyHandler
  declare protected fate: RunFate | undefined

  constructor(call: HookCall<K>, handler: AnyHandler) {
    this.call = call
    this.handler = handler
    this.fate = undefined
  }

  /** The run is over: its signal fires, and facts are no longer taken from it. */
  static end(context: RunContext, reason: Error): void {
    context.fate ??= new RunFate()
    context.fate.end(reason)
  }

  /** The signal fires, and the run may still answer. */
  static abort(context: RunContext, reason: Error): void {
    context.fate ??= new RunFate()
    context.fate.abort(reason)
  }

  get signal(): AbortSignal {
    this.fate ??= new RunFate()
    return this.fate.signal(this.call.lifetime.ended)
  }

  get now(): () => number {
    return this.call.scope.now
  }

  get log(): Logger {
    return this.call.scope.logFor(this.handler.plugin)
  }

  toJSON(): object {
    return { hook: this.call.hook }
  }
}

/** What hooks have while there is a client. */
class SessionRunContext<K extends SessionHook> extends RunContext<K> implements ConnectContext {
  get session(): Session {
    return this.call.caller.session.view
  }

  get find(): <T>(fact: Fact<T>) => T | undefined {
    return (fact) => this.call.storeOf(fact.scope)?.find(fact)
  }

  get get(): <T>(fact: Fact<T>) => T {
    return <T>(fact: Fact<T>): T => {
      const store = this.call.storeOf(fact.scope)
      if (!store?.has(fact)) throw new Error(`Fact "${fact.name}" is not there: declare after: [fact], or use find`)
      return store.find(fact) as T // it was just seen to be there
    }
  }

  get set(): <T>(fact: Fact<T>, value: T) => void {
    return (fact, value) => {
      const { call, handler } = this
      const over = this.fate?.over
      if (over) throw new Error(`Fact "${fact.name}" was set after the run was over: ${over.message}`)
      if (!handler.provides.has(fact.name))
        throw new Error(`${handler.plugin}.${handler.hook} sets "${fact.name}" without declaring it: provides: [fact]`)
      const store = call.storeOf(fact.scope)
      if (!store)
        throw new Error(`Fact "${fact.name}" belongs to a ${fact.scope}, and there is none at ${handler.hook}`)
      if (call.isStale) return
      store.set(fact, value)
      call.written(fact.name)
    }
  }
}

class HeloRunContext extends SessionRunContext<'helo'> implements HeloContext {
  get helo(): Helo {
    return this.call.args.helo
  }
}

class AuthRunContext extends SessionRunContext<'auth'> implements AuthContext {
  get attempt(): AuthAttempt {
    return this.call.args.attempt
  }
}

class CommandRunContext<K extends CommandHook> extends SessionRunContext<K> implements CommandContext {
  get verb(): string {
    return this.call.args.verb
  }

  get argument(): string {
    return this.call.args.argument
  }
}

class ClosedRunContext extends SessionRunContext<'closed'> implements ClosedContext {
  get reason(): CloseReason {
    return this.call.args.reason
  }
}

class RefusedRunContext extends SessionRunContext<'refused'> implements RefusedContext {
  get hook(): HookName {
    return this.call.args.refusedAt
  }

  get plugin(): string | undefined {
    return this.call.args.refusedBy
  }

  get refusal(): Refusal {
    return this.call.args.refusal
  }

  get envelope(): Envelope | undefined {
    return this.call.transaction?.envelope
  }

  get recipient(): Address | undefined {
    return this.call.args.recipient
  }
}

/** What hooks have from MAIL on. */
class EnvelopeRunContext<K extends TransactionHook> extends SessionRunContext<K> implements DataContext {
  get helo(): Helo {
    return this.call.caller.session.helo as Helo // the wire takes no MAIL before it
  }

  get envelope(): Envelope {
    return this.call.caller.transaction.envelope
  }
}

class MailRunContext extends EnvelopeRunContext<'mail'> implements MailContext {
  get parameters(): MailParameters {
    return this.envelope.parameters
  }
}

class RecipientRunContext<K extends RecipientHook> extends EnvelopeRunContext<K> implements RcptContext {
  get recipient(): Address {
    return this.call.args.recipient
  }

  get parameters(): RcptParameters {
    return this.call.args.parameters
  }
}

class NexthopRunContext extends RecipientRunContext<'nexthop'> implements NexthopContext {
  get route(): Route {
    return this.call.args.route
  }
}

/** What hooks have when the message is there. */
class MessageRunContext<K extends MessageHook> extends EnvelopeRunContext<K> implements MessageContext {
  get message(): Message {
    return this.call.args.message
  }

  get points(): number {
    return this.call.caller.transaction.points
  }
}

class QueueRunContext<K extends QueueHook> extends MessageRunContext<K> implements QueueContext {
  get deliveries(): readonly Delivery[] {
    return this.call.args.deliveries
  }
}

class QuarantineRunContext extends QueueRunContext<'quarantine'> implements QuarantineContext {
  get reason(): string {
    return this.call.args.reason
  }
}

class AcceptedRunContext extends QueueRunContext<'accepted'> implements AcceptedContext {
  get receipt(): Receipt {
    return this.call.args.receipt
  }
}

/** The message may be missing: a server in charge may have asked about the envelope only. */
class JudgedRunContext extends EnvelopeRunContext<'judged'> implements JudgedContext {
  get message(): Message | undefined {
    return this.call.args.message
  }

  get points(): number {
    return this.call.caller.transaction.points
  }

  get outcome(): JudgementOutcome {
    return this.call.args.outcome
  }

  get queueId(): string | undefined {
    return this.call.args.queueId
  }
}

/** What hooks of deliveries have: there is no client any more. */
class DeliveryRunContext<K extends DeliveryHook> extends RunContext<K> implements DeliveryContext {
  get id(): string {
    return this.call.args.delivery.id
  }

  get envelope(): DeliveryContext['envelope'] {
    return this.call.args.delivery.envelope
  }

  get route(): Route {
    return this.call.args.delivery.route
  }

  get recipients(): readonly Recipient[] {
    return this.call.args.delivery.recipients
  }

  get attempt(): number {
    return this.call.args.delivery.attempt
  }

  get queuedAt(): number {
    return this.call.args.delivery.queuedAt
  }
}

/** A host that mail is about to be brought to. */
class TlsRunContext extends RunContext<'tls'> implements TlsContext {
  get domain(): string | undefined {
    return this.call.args.host.domain
  }

  get canonicalDomain(): string | undefined {
    return this.call.args.host.canonicalDomain
  }

  get host(): TlsQuestion['host'] {
    return this.call.args.host.host
  }

  get address(): string | undefined {
    return this.call.args.host.address
  }

  get isAddressSecure(): boolean {
    return this.call.args.host.isAddressSecure
  }

  get canonical(): string {
    return this.call.args.host.canonical
  }

  get port(): number {
    return this.call.args.host.port
  }

  get isRequired(): boolean {
    return this.call.args.host.isRequired
  }

  get note(): TlsQuestion['note'] {
    return this.call.args.host.note
  }
}

class ResultRunContext<K extends ResultHook> extends DeliveryRunContext<K> implements DeliveryResultContext {
  get reply(): Reply {
    return this.call.args.delivery.reply
  }

  get class(): string | undefined {
    return this.call.args.delivery.class
  }
  get host(): string | undefined {
    return this.call.args.delivery.host
  }
  get tookMs(): number | undefined {
    return this.call.args.delivery.tookMs
  }
}

class DeferredRunContext extends ResultRunContext<'deferred'> {
  get nextAttemptAt(): number {
    return this.call.args.delivery.nextAttemptAt as number // at this hook it is known
  }
}

/** What a handler is given, as the guard has it. */
export type Made<K extends HookName> = HookContexts[K] & RunContext<K>

type Make<K extends HookName> = (call: HookCall<K>, handler: AnyHandler) => Made<K>

/** One function a hook, and none for several: each makes objects of one class, which costs a tenth of a class that is looked up. */
const MAKE: { readonly [K in HookName]: Make<K> } = {
  connect: (call, handler) => new SessionRunContext(call, handler),
  helo: (call, handler) => new HeloRunContext(call, handler),
  auth: (call, handler) => new AuthRunContext(call, handler),
  mail: (call, handler) => new MailRunContext(call, handler),
  rcpt: (call, handler) => new RecipientRunContext(call, handler),
  route: (call, handler) => new RecipientRunContext(call, handler),
  nexthop: (call, handler) => new NexthopRunContext(call, handler),
  data: (call, handler) => new EnvelopeRunContext(call, handler),
  receive: (call, handler) => new EnvelopeRunContext(call, handler),
  message: (call, handler) => new MessageRunContext(call, handler),
  rewrite: (call, handler) => new MessageRunContext(call, handler),
  quarantine: (call, handler) => new QuarantineRunContext(call, handler),
  queue: (call, handler) => new QueueRunContext(call, handler),
  verify: (call, handler) => new CommandRunContext(call, handler),
  expand: (call, handler) => new CommandRunContext(call, handler),
  help: (call, handler) => new CommandRunContext(call, handler),
  unknown: (call, handler) => new CommandRunContext(call, handler),
  delivery: (call, handler) => new DeliveryRunContext(call, handler),
  tls: (call, handler) => new TlsRunContext(call, handler),
  accepted: (call, handler) => new AcceptedRunContext(call, handler),
  judged: (call, handler) => new JudgedRunContext(call, handler),
  refused: (call, handler) => new RefusedRunContext(call, handler),
  closed: (call, handler) => new ClosedRunContext(call, handler),
  delivered: (call, handler) => new ResultRunContext(call, handler),
  deferred: (call, handler) => new DeferredRunContext(call, handler),
  bounced: (call, handler) => new ResultRunContext(call, handler),
}

/** What the handler of a run is given. */
export function contextOf<K extends HookName>(call: HookCall<K>, handler: AnyHandler): Made<K> {
  return MAKE[call.hook](call, handler)
}
