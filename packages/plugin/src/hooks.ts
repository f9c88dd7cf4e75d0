import type { Identity, Mechanism, Message, Route, TlsAnswer } from '@postroad/mail'
import type {
  AcceptedContext,
  AuthContext,
  ClosedContext,
  CommandContext,
  ConnectContext,
  DataContext,
  DeliveryContext,
  DeliveryResultContext,
  HeloContext,
  JudgedContext,
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
import type { Fact } from './fact.ts'
import type { Rewrite } from './rewrite.ts'
import type { Receipt } from './session.ts'
import type { CommandOpinion, CommandReply, DeliveryOpinion, MessageOpinion, Refusal } from './verdict.ts'

type Maybe<T> = T | void | undefined
type Async<T> = T | Promise<T>

/** *Ask* hooks: handlers of a wave run at the same time, the most severe opinion wins. */
type Ask<C, O> = (context: C) => Async<Maybe<O | readonly O[]>>
/** *First* hooks: handlers run in turn until one answers. */
type First<C, R> = (context: C) => Async<Maybe<R>>
/** *Fold* hooks: each handler gets what the one before returned. */
type Fold<C, T> = (context: C) => Async<Maybe<T>>
/** *Tap* hooks: each handler may return something that listens. */
type Tap<C, T> = (context: C) => Async<Maybe<T>>
/** *Tell* hooks: handlers hear what happened; the answer is ignored, errors are only logged. */
type Tell<C> = (context: C) => Async<void>

/** A protocol noun: you may influence. A past participle: it has happened. */
export interface HookHandlers {
  connect: Ask<ConnectContext, CommandOpinion>
  helo: Ask<HeloContext, CommandOpinion>
  auth: First<AuthContext, Identity | Refusal>
  mail: Ask<MailContext, CommandOpinion>
  rcpt: Ask<RcptContext, CommandOpinion>
  route: First<RcptContext, Route | Refusal>
  nexthop: Ask<NexthopContext, CommandOpinion>
  data: Ask<DataContext, CommandOpinion>
  receive: Tap<DataContext, ReceiveSink>
  message: Ask<MessageContext, MessageOpinion>
  rewrite: Fold<RewriteContext, Message | Rewrite>
  quarantine: First<QuarantineContext, Receipt>
  queue: First<QueueContext, Receipt | Refusal>
  verify: First<CommandContext, CommandReply>
  expand: First<CommandContext, CommandReply>
  help: First<CommandContext, CommandReply>
  unknown: First<CommandContext, CommandReply>
  delivery: Ask<DeliveryContext, DeliveryOpinion>
  tls: First<TlsContext, TlsAnswer>
  accepted: Tell<AcceptedContext>
  judged: Tell<JudgedContext>
  refused: Tell<RefusedContext>
  closed: Tell<ClosedContext>
  delivered: Tell<DeliveryResultContext>
  deferred: Tell<DeliveryResultContext>
  bounced: Tell<DeliveryResultContext>
}

/** Name of a hook. */
export type HookName = keyof HookHandlers

/** An SMTP feature that only the owner of the `queue` hook can promise, because it must survive the queue. */
export type QueueFeature = '8BITMIME' | 'BINARYMIME' | 'SMTPUTF8' | 'DSN' | 'REQUIRETLS'

/** What may stand beside a handler. */
export interface HookOptions {
  /**
   * Run after these plugins, or after whoever provides these facts. Plugins go by their own names, and each stands for all its uses,
   * whatever `as` calls them. Names that are not in use are ignored.
   */
  readonly after?: readonly (string | Fact<unknown>)[]
  /** Run before these plugins, named as in `after`. */
  readonly before?: readonly string[]
  /** Facts this handler sets. */
  readonly provides?: readonly Fact<unknown>[]
  /** Milliseconds until a run counts as failed; default 10,000, `queue` 60,000. The operator's word goes before. */
  readonly timeout?: number
  /**
   * Several uses of this plugin in one scope wait for each other here, in the order of `use` where the operator has said no other: each sees
   * what the one before has done. Other plugins stay beside them. Default: they run at the same time.
   */
  readonly inTurn?: boolean
}

/** A way that mail may go, and where the operator wrote it down. */
export interface KnownWay {
  readonly via: string
  /** `domains["example.com"]`: the place in the plugin's options. */
  readonly at: string
}

/** What `postroad check` is told of ways: it finds those that no plugin takes. */
interface SaysWays {
  /** The ways it may answer with, as far as they are known before any mail; asked when a configuration is looked at. Absent: none is. */
  readonly ways?: () => Iterable<KnownWay>
}

/**
 * What a `rewrite` handler changes. Handlers run in this order, and within one kind in that of `after`, `before` and `use`: so a signature is
 * made of what leaves. `seal` is for signatures; nothing but another seal comes after it.
 */
export type Changes = 'body' | 'envelope' | 'header' | 'seal'

/** Hooks of opinions that are given while there is a client. */
type Asked = 'connect' | 'helo' | 'mail' | 'rcpt' | 'nexthop' | 'data' | 'message'

type Extra<K extends HookName> = K extends Asked
  ? {
      /**
       * It only looks, and never has an opinion: one that it gives all the same is a failure. Then nobody expects points of it, and a scope
       * needs no quarantine because of it.
       */
      readonly observes?: boolean
      /** `false`: it may refuse, and never gives points; those that it gives all the same are a failure. A scope needs no quarantine because of it. */
      readonly points?: boolean
    }
  : K extends 'auth'
    ? {
        readonly mechanisms: readonly Mechanism[]
        /** SCRAM is passed on to somebody else (`relay` of the attempt), who is not at our end of TLS: SCRAM-SHA-256-PLUS is not offered. */
        readonly relays?: boolean
      }
    : K extends 'rewrite'
      ? {
          /** What it changes, which is when it runs; a handler that changes several says the first. Default `header`. */
          readonly changes?: Changes
        }
      : K extends 'route'
        ? SaysWays
        : K extends 'queue'
          ? SaysWays & {
              readonly supports?: readonly QueueFeature[]
              /**
               * Whether routes with this `via` are taken. A recipient nobody takes is then refused at RCPT, and recipients nobody takes together
               * are taken one after the other. Absent: all may be.
               */
              readonly carries?: (via: string) => boolean
              /**
               * A folder of its own in which a message that is too large for memory is to be written while it comes: it may take the file over
               * (`message.file()`), and sweeps what a crash leaves there, files with names of queue ids.
               */
              readonly spool?: string
            }
          : {}

/** A bare function, or the function with its options (as in Rollup). `auth` always says its mechanisms. */
export type Hook<K extends HookName> =
  | (K extends 'auth' ? never : HookHandlers[K])
  | (HookOptions & Extra<K> & { readonly handler: HookHandlers[K] })

/** Handlers by hook. */
export type Hooks = { readonly [K in HookName]?: Hook<K> }

/** How the answers of a hook are put together. */
export type HookKind = 'ask' | 'first' | 'fold' | 'tap' | 'tell'

/** What the reference says of a hook; `docs/hooks.md` is made of it. */
export interface HookInfo {
  readonly name: HookName
  readonly kind: HookKind
  readonly moment: string
  readonly answer: string
  readonly silence: string
}

const info = (name: HookName, kind: HookKind, moment: string, answer = '–', silence = '–'): HookInfo => ({
  name,
  kind,
  moment,
  answer,
  silence,
})

/** Every hook, in the order of the protocol. */
export const HOOKS: readonly HookInfo[] = [
  info('connect', 'ask', 'TCP accepted (after PROXY), before the banner', 'opinion', '220'),
  info('helo', 'ask', 'HELO, EHLO, LHLO; again after STARTTLS', 'opinion', '250 and the EHLO keywords'),
  info('auth', 'first', 'AUTH; mechanisms are declared beside the handler', 'identity or refusal', '535 5.7.8'),
  info('mail', 'ask', 'MAIL FROM', 'opinion', '250 2.1.0'),
  info('rcpt', 'ask', 'each RCPT TO', 'opinion', 'goes to `route`'),
  info('route', 'first', 'a recipient that was let through', 'a route, or a refusal', '550 5.7.1 relaying denied'),
  info('nexthop', 'ask', 'the recipient has a route: will the next hop take it?', 'opinion', '250 2.1.5'),
  info('data', 'ask', 'DATA or the first BDAT, before 354', 'opinion', '354'),
  info('receive', 'tap', 'while the bytes arrive', 'a sink, or nothing', 'the bytes go to the content store only'),
  info(
    'message',
    'ask',
    'after the final dot: the content is there',
    'opinion, for all or some recipients; also quarantine, discard',
    'goes on',
  ),
  info(
    'rewrite',
    'fold',
    'accepted so far; first who changes bodies, then envelopes, headers, seals',
    'the changed message, or `rewrite()` with edits of the envelope',
    'unchanged',
  ),
  info('quarantine', 'first', 'the decision was to quarantine', 'a receipt', '451 4.3.0'),
  info('queue', 'first', 'take responsibility, RFC 5321 §4.2.5', 'a receipt, or a refusal', '451 4.3.0'),
  info('verify', 'first', 'VRFY', 'a reply', '252 2.5.1'),
  info('expand', 'first', 'EXPN', 'a reply', '502 5.5.1'),
  info('help', 'first', 'HELP', 'a reply', '214 2.0.0'),
  info('unknown', 'first', 'any other verb', 'a reply', '500 5.5.2'),
  info('accepted', 'tell', 'a message was taken: 250 is being said'),
  info('judged', 'tell', 'a message was judged for the server in charge (role `filter` only)'),
  info('refused', 'tell', 'a connection, command, recipient or message was refused'),
  info('closed', 'tell', 'the connection is gone'),
  info(
    'delivery',
    'ask',
    'before each delivery attempt of a queued message',
    'defer, reject (a bounce) or reroute; a refusal for all or some recipients',
    'the attempt is made',
  ),
  info(
    'tls',
    'first',
    'before a connection to a mail host, for each host and address',
    'a TLS policy, or that the host must not get the mail',
    'what the route or the options of the queue say',
  ),
  info('delivered', 'tell', 'the next hop has taken it for these recipients'),
  info('deferred', 'tell', 'an attempt failed for now'),
  info('bounced', 'tell', 'given up for these recipients'),
]
