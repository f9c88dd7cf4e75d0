/**
 * What is counted, and under which names. Every label is a word of the operator's or of the protocol's: who connects, writes or
 * is written to must not decide how many series there are.
 */
import {
  type AcceptedContext,
  type DeliveryResultContext,
  feedback,
  type JudgedContext,
  type RefusedContext,
  type Session,
} from '@postroad/plugin'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { labelsOf, type OutboundTlsSeen } from './outbound-tls.ts'
import type { ConnectionSeen, HttpRequestSeen } from './requests.ts'
import type { PluginRun } from './runs.ts'

/** Seconds: from handlers that look something up in memory to those that ask a server and are given up. */
const RUN_BUCKETS = [0.0005, 0.002, 0.01, 0.05, 0.25, 1, 5, 10, 60]
/** Seconds: from mail that is passed on at once to what is tried for days. */
const DELIVERY_BUCKETS = [1, 5, 30, 120, 600, 3600, 14_400, 86_400, 432_000]
/** Octets. */
const SIZE_BUCKETS = [2_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000, 25_000_000]

/** The label of what no plugin said. */
const CORE = 'core'

/** Mail servers keep a connection over many sessions, and have several sessions on one: such connections are counted by themselves. */
const ASKED: ReadonlySet<Session['protocol'] | undefined> = new Set(['milter', 'policy'])

interface Opened {
  readonly listener: string
  readonly protocol: Session['protocol'] | undefined
}

interface Closed {
  readonly session: Opened
  readonly reason: string
}

type Observe = (seconds: number) => void

/** The numbers of one process, in a registry of their own. */
export class Meter {
  readonly registry = new Registry()
  readonly #registers = [this.registry]
  readonly #open = this.#gauge('connections_open', 'Connections now', ['listener'])
  readonly #connections = this.#counter('connections_total', 'Connections', ['listener'])
  readonly #closed = this.#counter('connections_closed_total', 'Connections that ended, by how', ['listener', 'reason'])
  readonly #accepted = this.#counter('messages_accepted_total', 'Messages that were answered 250', ['listener'])
  readonly #recipients = this.#counter('recipients_accepted_total', 'Recipients of those messages', ['listener'])
  readonly #size = this.#histogram('message_octets', 'Sizes of messages that were accepted or judged', {
    labelNames: ['listener'],
    buckets: SIZE_BUCKETS,
  })
  readonly #judged = this.#counter('judgements_total', 'What a server that takes the mail was told of messages', [
    'listener',
    'outcome',
  ])
  readonly #refused = this.#counter(
    'refusals_total',
    'Refusals that clients were told, by hook and by whose they were',
    ['listener', 'hook', 'plugin', 'kind'],
  )
  readonly #auth = this.#counter('auth_total', 'Attempts to log in', ['plugin', 'outcome'])
  readonly #opinions = this.#counter('opinions_total', 'What plugins said, obeyed or not', [
    'plugin',
    'hook',
    'kind',
    'shadow',
  ])
  readonly #receipts = this.#counter(
    'receipts_total',
    'Messages that were queued, passed on or set aside, by who took them',
    ['plugin', 'hook'],
  )
  readonly #failures = this.#counter('plugin_failures_total', 'Runs that threw, were late, or answered nonsense', [
    'plugin',
    'hook',
  ])
  readonly #seconds = this.#histogram('hook_seconds', 'How long runs of handlers took', {
    labelNames: ['plugin', 'hook'],
    buckets: RUN_BUCKETS,
  })
  readonly #deliveries = this.#counter('deliveries_total', 'Ends of delivery attempts, one for each recipient', [
    'via',
    'outcome',
    'class',
  ])
  readonly #unreturned = this.#counter(
    'unreturned_total',
    'Recipients of mail with the null reverse-path that were given up: nobody could be told',
    ['via'],
  )
  readonly #sent = this.#counter('sent_total', 'Recipients that mail was delivered to, by the domain of its sender', [
    'sender',
  ])
  readonly #feedback = this.#counter(
    'feedback_total',
    'What reports say of mail that was sent, by the domain of its sender: one for each recipient',
    ['sender', 'kind', 'fault'],
  )
  readonly #delay = this.#histogram('delivery_seconds', 'From 250 until the next hop had it', {
    labelNames: ['via'],
    buckets: DELIVERY_BUCKETS,
  })
  readonly #age = this.#histogram('deferred_seconds', 'Age of mail when an attempt was deferred, from 250 on', {
    labelNames: ['via'],
    buckets: DELIVERY_BUCKETS,
  })
  readonly #requests = this.#counter('http_requests_total', 'Answers of listeners of kind http', [
    'listener',
    'method',
    'route',
    'status',
  ])
  readonly #answering = this.#histogram('http_request_seconds', 'From a request of a route until its answer', {
    labelNames: ['listener', 'route'],
    buckets: RUN_BUCKETS,
  })
  readonly #tls = this.#counter('outbound_tls_total', 'Connections to next hops, by what came of TLS', [
    'policy',
    'tls_protocol_version',
    'tls_curve',
    'verified',
    'error_type',
  ])
  /** One histogram's labels are put together once, not at each run. */
  readonly #observers = new Map<string, Map<string, Observe>>()

  constructor() {
    this.#gauge('workers', 'Processes that these numbers are the sum of').set(1)
  }

  /** Of a session, which is a connection where a client of mail is the other end. */
  opened({ listener, protocol }: Opened): void {
    if (ASKED.has(protocol)) return
    this.#open.inc({ listener })
    this.#connections.inc({ listener })
  }

  closed({ session: { listener, protocol }, reason }: Closed): void {
    if (ASKED.has(protocol)) return
    this.#open.dec({ listener })
    this.#closed.inc({ listener, reason })
  }

  /** Of a listener whose connections are no sessions. */
  connected(change: ConnectionSeen): void {
    const { listener } = change
    const session = { listener, protocol: undefined }
    if (change.state === 'closed') this.closed({ session, reason: change.reason })
    else this.opened(session)
  }

  /** Paths and methods of callers' own are no labels. */
  requested({ listener, method, path, status, took }: HttpRequestSeen): void {
    this.#requests.inc({
      listener,
      method: path === undefined ? '' : method,
      route: path ?? '',
      status: String(status),
    })
    if (path !== undefined) this.#answering.observe({ listener, route: path }, took / 1000)
  }

  accepted({ session: { listener }, envelope, message, find }: AcceptedContext): void {
    // Whose mail it was is known by a token: strangers make no series.
    for (const { kind, fault = '', from } of find(feedback) ?? [])
      if (from !== undefined) this.#feedback.inc({ sender: from.slice(from.lastIndexOf('@') + 1), kind, fault })
    this.#accepted.inc({ listener })
    this.#recipients.inc({ listener }, envelope.recipients.length)
    this.#size.observe({ listener }, message.size)
  }

  judged({ session: { listener }, message, outcome }: JudgedContext): void {
    this.#judged.inc({ listener, outcome })
    if (message) this.#size.observe({ listener }, message.size)
  }

  refused({ session: { listener }, hook, plugin = CORE, refusal: { kind } }: RefusedContext): void {
    this.#refused.inc({ listener, hook, plugin, kind })
    if (hook === 'auth') this.#auth.inc({ plugin, outcome: kind === 'defer' ? 'deferred' : 'failed' })
  }

  /** How an attempt ended. */
  attempted(outcome: 'delivered' | 'deferred' | 'bounced', context: DeliveryResultContext): void {
    const { route, recipients, queuedAt, envelope } = context
    this.#deliveries.inc({ via: route.via, outcome, class: context.class ?? '' }, recipients.length)
    if (outcome === 'bounced' && envelope.from === undefined)
      this.#unreturned.inc({ via: route.via }, recipients.length)
    const age = (): number => Math.max(0, context.now() - queuedAt) / 1000
    if (outcome === 'delivered') this.#delay.observe({ via: route.via }, age())
    if (outcome === 'deferred') this.#age.observe({ via: route.via }, age())
  }

  /** Mail of a sender of the operator's own was delivered. */
  sent({ envelope: { from }, recipients }: DeliveryResultContext): void {
    if (from) this.#sent.inc({ sender: from.domain }, recipients.length)
  }

  /** What came of TLS with a next hop. */
  secured(session: OutboundTlsSeen): void {
    const labels = labelsOf(session)
    if (labels) this.#tls.inc(labels)
  }

  ran(run: PluginRun): void {
    const { plugin, hook } = run
    this.#observe(plugin, hook)((performance.now() - run.startedAt) / 1000)
    if (run.error !== undefined) this.#failures.inc({ plugin, hook })
    else if (run.result !== undefined) this.#answered(run, run.result)
  }

  #answered({ plugin, hook, shadow }: PluginRun, result: unknown): void {
    if (Array.isArray(result)) {
      for (const { kind } of result) this.#opinions.inc({ plugin, hook, kind, shadow: String(shadow) })
    } else if (shadow || typeof result !== 'object' || result === null || 'kind' in result) return
    else if (hook === 'auth') this.#auth.inc({ plugin, outcome: 'succeeded' })
    else if (hook === 'queue' || hook === 'quarantine') this.#receipts.inc({ plugin, hook })
  }

  #observe(plugin: string, hook: string): Observe {
    let hooks = this.#observers.get(plugin)
    if (!hooks) this.#observers.set(plugin, (hooks = new Map()))
    let observe = hooks.get(hook)
    if (!observe) {
      const series = this.#seconds.labels(plugin, hook)
      hooks.set(hook, (observe = (seconds) => series.observe(seconds)))
    }
    return observe
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name: `postroad_${name}`, help, labelNames, registers: this.#registers })
  }

  #gauge<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
    return new Gauge({ name: `postroad_${name}`, help, labelNames, registers: this.#registers })
  }

  #histogram<L extends string>(
    name: string,
    help: string,
    shape: { labelNames: readonly L[]; buckets: number[] },
  ): Histogram<L> {
    return new Histogram({ name: `postroad_${name}`, help, ...shape, registers: this.#registers })
  }
}
