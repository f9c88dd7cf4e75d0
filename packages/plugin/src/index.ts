/**
 * Everything a plugin author imports: types and a dozen small functions, and the words of mail among it (from `@postroad/mail`).
 *
 * A plugin is data. definePlugin (define.ts) makes it: a name, a schema for its options, what it needs and provides, and its hooks, either
 * written down or made by `setup` from options and services. Nothing runs until a server uses it.
 *
 *   hooks.ts      the hooks by name: what kind each is, what its handler gets and may answer
 *   context.ts    what a handler gets at each moment; what does not exist yet is not there, so it does not compile
 *   verdict.ts    opinions: accept, reject, defer, quarantine, discard, suspect. What they are worth is the operator's word
 *   fact.ts       what a plugin finds out, typed: who reads a fact runs after who provides it
 *   service.ts    what lives longer than a session: Store, Limiter, Lock, Dns, Clock, Spool, and services of plugins
 *   delivery-hooks.ts  the service by which a queue asks and tells the hooks of its deliveries
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
  Attachment,
  AuthAttempt,
  CloseReason,
  Delivery,
  Endpoint,
  Envelope,
  HeaderField,
  Headers,
  Helo,
  Identity,
  MailParameters,
  Mechanism,
  Message,
  Mime,
  RcptParameters,
  Recipient,
  Reply,
  Route,
  RoutedRecipient,
  ScramKeys,
  TlsInfo,
} from '@postroad/mail'
export { waysOf } from '@postroad/mail'
export * from './context.ts'
export * from './define.ts'
export * from './delivery-hooks.ts'
export * from './fact.ts'
export * from './hooks.ts'
export * from './policy.ts'
export * from './service.ts'
export * from './session.ts'
export * from './thrown.ts'
export * from './verdict.ts'
