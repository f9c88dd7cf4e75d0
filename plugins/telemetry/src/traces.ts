/** Spans: a session, the transactions within it, and the runs of handlers within those. */
import type { Context, Span, Tracer } from '@opentelemetry/api'
import {
  type AcceptedContext,
  type ClosedContext,
  type Envelope,
  type JudgedContext,
  type RefusedContext,
  type Session,
  textOf,
} from '@postroad/plugin'
import type { PluginRun } from './runs.ts'

type Api = typeof import('@opentelemetry/api')

interface Traced {
  readonly span: Span
  readonly context: Context
}

interface Open extends Traced {
  transaction: Traced | undefined
}

/** Refusals at these hooks are the end of a transaction, not of one recipient. */
const LAST = new Set(['data', 'message', 'queue'])

/** The sessions that are open, as spans of the tracer that the SDK of the process offers; without one, as nothing. */
export class Traces {
  readonly #api: Api
  readonly #tracer: Tracer
  readonly #sessions = new Map<string, Open>()

  constructor(api: Api) {
    this.#api = api
    this.#tracer = api.trace.getTracer('@postroad/telemetry')
  }

  opened({ id, listener, scope, protocol }: Session): void {
    const attributes = {
      'postroad.session': id,
      'postroad.listener': listener,
      'postroad.scope': scope,
      'network.protocol.name': protocol,
    }
    const span = this.#tracer.startSpan(`${protocol} session`, {
      kind: this.#api.SpanKind.SERVER,
      attributes,
      root: true,
    })
    this.#sessions.set(id, { ...this.#traced(span), transaction: undefined })
  }

  began({ id }: Session, envelope: Envelope): void {
    const session = this.#sessions.get(id)
    if (!session) return
    session.transaction?.span.end()
    const span = this.#tracer.startSpan(
      'transaction',
      { attributes: { 'postroad.transaction': envelope.id } },
      session.context,
    )
    session.transaction = this.#traced(span)
  }

  accepted({ session: { id }, envelope, message, receipt }: AcceptedContext): void {
    this.#sessions.get(id)?.transaction?.span.setAttributes({
      'postroad.outcome': 'accepted',
      'postroad.recipients': envelope.recipients.length,
      'postroad.octets': message.size,
      'postroad.receipt': receipt.id,
    })
    this.#end(id)
  }

  judged({ session: { id }, envelope, message, outcome, queueId }: JudgedContext): void {
    this.#sessions.get(id)?.transaction?.span.setAttributes({
      'postroad.outcome': outcome,
      'postroad.recipients': envelope.recipients.length,
      ...(message && { 'postroad.octets': message.size }),
      ...(queueId !== undefined && { 'postroad.queue_id': queueId }),
    })
    this.#end(id)
  }

  refused({ session: { id }, hook, plugin = 'core', refusal }: RefusedContext): void {
    const session = this.#sessions.get(id)
    const attributes = {
      'postroad.hook': hook,
      'postroad.plugin': plugin,
      'postroad.status': refusal.status,
      'postroad.code': refusal.code,
    }
    const { span } = session?.transaction ?? session ?? {}
    span?.addEvent('refused', attributes)
    if (!LAST.has(hook)) return
    span?.setAttribute('postroad.outcome', refusal.kind === 'defer' ? 'deferred' : 'rejected')
    this.#end(id)
  }

  closed({ session: { id }, reason }: ClosedContext): void {
    this.#end(id)
    this.#sessions.get(id)?.span.setAttribute('postroad.closed', reason).end()
    this.#sessions.delete(id)
  }

  /** A run that is over: of a session that is not traced, or of none, it is left out. */
  ran({ plugin, hook, session: id, shadow, startedAt, error }: PluginRun): void {
    const session = id === undefined ? undefined : this.#sessions.get(id)
    if (!session) return
    const attributes = { 'postroad.plugin': plugin, 'postroad.hook': hook, 'postroad.shadow': shadow }
    const startTime = performance.timeOrigin + startedAt
    const { context } = session.transaction ?? session
    const span = this.#tracer.startSpan(`${plugin} ${hook}`, { startTime, attributes }, context)
    if (error !== undefined) span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: textOf(error) })
    span.end()
  }

  #end(id: string): void {
    const session = this.#sessions.get(id)
    session?.transaction?.span.end()
    if (session) session.transaction = undefined
  }

  #traced(span: Span): Traced {
    return { span, context: this.#api.trace.setSpan(this.#api.ROOT_CONTEXT, span) }
  }
}
