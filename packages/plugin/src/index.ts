/**
 * Everything a plugin author imports: types and a dozen small functions, and the words of mail among it (from `@postroad/mail`).
 *
 * A plugin is data. definePlugin (define.ts) makes it: a name, a schema for its options, what it needs and provides, and its hooks, either
 * written down or made by `setup` from options and services. Nothing runs until a server uses it.
 *
 *   hooks.ts      the hooks by name: what kind each is, what its handler gets and may answer
 *   context.ts    what a handler gets at each moment; what does not exist yet is not there, so it does not compile
 *   verdict.ts    opinions: accept, reject, defer, quarantine, discard, suspect. What they are worth is the operator's word
 *   rewrite.ts    edits of the envelope, at `rewrite`
 *   fact.ts       what a plugin finds out, typed: who reads a fact runs after who provides it
 *   health.ts     what `postroad doctor` asks a plugin
 *   http.ts       routes that a plugin serves on listeners of kind `http`
 *   service.ts    what lives longer than a session: Store, Limiter, Lock, Dns, Clock, Spool, and services of plugins
 *   events.ts     the service that takes events for programs, and loses none
 *   feed.ts       the service that tells what happens, as it happens: for who shows or keeps it
 *   feedback.ts   what others report of mail that was sent
 *   delivery-hooks.ts  the service by which a queue asks and tells the hooks of its deliveries
 *   queue.ts      the service that sends mail of one's own
 *   suppression.ts  the service that knows who is not written to any more
 *   host.ts       the server as its operators see it, and what plugins let programs do
 *   session.ts    what is known of the client
 *   policy.ts     facts that policy plugins share (an allow list that fitted, for one), and what a finding is worth
 *
 * Two rules of naming carry the semantics of hooks: a protocol noun (`mail`, `rcpt`) is a moment that one may influence, a past participle
 * (`accepted`, `refused`) has happened. No exception is a verdict: a handler that throws has failed, and `onError` says what that is worth.
 *
 * Where to begin: define.ts, then hooks.ts. A tutorial is in docs/tutorial.md, rules to copy in docs/cookbook.
 */
export type {
  Address,
  Ambiguity,
  Attachment,
  AuthAttempt,
  Envelope,
  HeaderField,
  Headers,
  Helo,
  Identity,
  Mechanism,
  Message,
  Mime,
  Recipient,
  Reply,
  Route,
  ScramKeys,
  TlsAnswer,
  TlsPolicy,
  TlsQuestion,
} from '@postroad/mail'
export { waysOf } from '@postroad/mail'
export type {
  AcceptedContext,
  AuthContext,
  BaseContext,
  ClosedContext,
  CommandContext,
  ConnectContext,
  DataContext,
  DeliveryContext,
  DeliveryResultContext,
  HeloContext,
  HookContext,
  JudgedContext,
  JudgementOutcome,
  Logger,
  MailContext,
  MessageContext,
  NexthopContext,
  QuarantineContext,
  QueueContext,
  RcptContext,
  ReceiveSink,
  RefusedContext,
  RewriteContext,
  TlsContext,
} from './context.ts'
export {
  type CommandIo,
  definePlugin,
  type Plugin,
  type PluginCommand,
  type PluginFactory,
  type PluginInstance,
  type Role,
  type Schema,
  type SchemaIssue,
  type Setup,
} from './define.ts'
export { type DeliveryFacts, DeliveryHooks } from './delivery-hooks.ts'
export { Events, type MailEvent, type MessageTags, messageTags } from './events.ts'
export { defineFact, type Fact, type FactScope } from './fact.ts'
export { Feed, type FeedOpened, type FeedRecord, type FeedRun, type FeedWatcher } from './feed.ts'
export { type Feedback, feedback } from './feedback.ts'
export type { HealthCheck, HealthFinding } from './health.ts'
export {
  type Changes,
  HOOKS,
  type HookHandlers,
  type HookKind,
  type HookName,
  type HookOptions,
  type Hooks,
  type KnownWay,
  type QueueFeature,
} from './hooks.ts'
export { type Desk, desk, Host, type HostDesk, type HostOperator, type HostSetting, MetricsDesk } from './host.ts'
export type { HttpCaller, HttpContext, HttpIdentify, HttpReply, HttpRole, HttpRoute } from './http.ts'
export {
  type Action,
  type Allowed,
  allowedClient,
  allowedRecipient,
  allowedSender,
  ambiguousMessage,
  knownRecipient,
  opinionOf,
  type ReverseDns,
  reverseDns,
} from './policy.ts'
export {
  LearningDesk,
  QuarantineDesk,
  type QuarantinedMessage,
  type ReleaseOutcome,
} from './quarantine-desk.ts'
export { type ComposedMail, type OutgoingMail, Queue, SendError, type SendMailOptions, type SentMail } from './queue.ts'
export { type AddedRecipient, type Rewrite, type RewriteOptions, rewrite, rewriteProblem } from './rewrite.ts'
export {
  type Allowance,
  Clock,
  type DefaultService,
  Dns,
  type DnsAnswer,
  type DnsFailure,
  defineService,
  Limiter,
  Lock,
  type Rate,
  type Service,
  Spool,
  Store,
} from './service.ts'
export type { Receipt, Session, SessionProtocol, SessionRole } from './session.ts'
export { type Suppression, type SuppressionReason, Suppressions } from './suppression.ts'
export { errorOf, textOf } from './thrown.ts'
export {
  accept,
  type CommandOpinion,
  type CommandReply,
  type Defer,
  type DeliveryOpinion,
  defer,
  discard,
  type MessageOpinion,
  type Opinion,
  type PermanentStatus,
  quarantine,
  type Refusal,
  type Reject,
  reject,
  reply,
  reroute,
  type Suspect,
  suspect,
  type TransientStatus,
} from './verdict.ts'
