/** The canonical line: one JSON object a transaction (and one a session) that answers "why was this mail refused?" by itself. */

import type { CloseReason } from '@postroad/mail'
import type { AuthAttempt, DeliveryResultContext, JudgementOutcome } from '@postroad/plugin'
import type { WireReply } from '@postroad/smtp'
import type { SessionState } from './session.ts'
import type { Transaction } from './transaction.ts'

/** What was said of a message that another server takes or refuses. */
export interface JudgedRecord {
  readonly outcome: JudgementOutcome
  readonly reason?: string
}

/** What is logged at the end of a transaction. */
export function transactionRecord(
  transaction: Transaction,
  reply: WireReply | readonly WireReply[],
  judged?: JudgedRecord | undefined,
): object {
  const { session, envelope, recipients, refused, asked, met, decisions } = transaction
  const rewritten = transaction.edits?.toJSON()
  const own = { ...session.facts.toJSON(), ...transaction.facts.toJSON() }
  return {
    event: 'transaction',
    id: envelope.id,
    ...client(session),
    from: transaction.from?.toString() ?? '',
    // Parameters, as the client gave them: what is run again is to be the same mail.
    ...(Object.keys(envelope.parameters).length > 0 ? { mail: envelope.parameters } : {}),
    ...(asked.length > 0 ? { rcpt: asked } : {}),
    to: recipients.map((recipient) => recipient.address.toString()),
    ...(refused.length > 0
      ? { refused: refused.map(({ to, plugin, refusal }) => ({ to, plugin, reply: said(refusal) })) }
      : {}),
    ...transaction.description,
    size: transaction.size,
    points: Math.round((session.points + decisions.points) * 100) / 100,
    ...(met.length > 0 ? { thresholds: met } : {}),
    ...(Object.keys(own).length > 0 ? { facts: own } : {}),
    ...opinions(
      [...(session.decisions.opinions() ?? []), ...(decisions.opinions() ?? [])],
      session.decisions.dropped + decisions.dropped,
    ),
    plugins: times(session.decisions.times(), decisions.times()),
    ...(rewritten ? { rewritten } : {}),
    ...(transaction.queuedBy ? { queue: transaction.queuedBy, receipt: transaction.receipt } : {}),
    ...(judged ? { judged: { outcome: judged.outcome, reason: judged.reason, queueId: session.peer.queueId } } : {}),
    ms: since(session, transaction.startedAt),
    reply: 'code' in reply ? said(reply) : reply.map(said),
  }
}

/** By the clock of the wall, as the time of the record; one that was set back meanwhile makes no time of less than nothing. */
function since({ scope }: SessionState, at: number): number {
  return Math.max(0, scope.now() - at)
}

/** What is logged when a connection is gone. */
export function sessionRecord(session: SessionState, reason: CloseReason): object {
  const opinions = session.decisions.opinions()
  return {
    event: 'session',
    id: session.id,
    ...client(session),
    ...session.counts,
    ...(opinions ? { opinions } : {}),
    ms: since(session, session.openedAt),
    closed: reason,
  }
}

/** What is logged of an attempt to log in that was refused. */
export function authRecord(session: SessionState, { mechanism, username }: AuthAttempt, reply: WireReply): object {
  return { event: 'auth', id: session.id, ...client(session), mechanism, user: username, reply: said(reply) }
}

/** What is told of recipients of a queued message to whom the same has happened; the log has the line of the queue. */
export function deliveryRecord(
  event: 'delivered' | 'deferred' | 'bounced',
  delivery: Omit<DeliveryResultContext, 'signal' | 'log' | 'now'>,
): object {
  const { id, envelope, recipients, route, attempt, reply, class: kind, host, tookMs, nextAttemptAt } = delivery
  return {
    event,
    id,
    ...(envelope.id === id ? {} : { transaction: envelope.id }),
    from: envelope.from?.toString() ?? '',
    to: recipients.map(({ address }) => address.toString()),
    via: route.via,
    attempt,
    ...(kind === undefined ? {} : { class: kind }),
    ...(host === undefined ? {} : { host }),
    ...(tookMs === undefined ? {} : { ms: tookMs }),
    ...(nextAttemptAt === undefined ? {} : { next: nextAttemptAt }),
    queuedAt: delivery.queuedAt,
    reply: said(reply),
  }
}

function client({ view, peer, helo, identity }: SessionState): object {
  const { tls } = view
  return {
    listener: view.listener,
    ...(view.protocol === 'smtp' ? {} : { protocol: view.protocol }),
    remote: view.remote.address,
    port: view.remote.port,
    helo: helo?.name,
    ...(helo?.extended === false ? { verb: 'HELO' } : {}),
    ...(tls ? { tls: { version: tls.version, cipher: tls.cipher, ...(tls.group ? { group: tls.group } : {}) } } : {}),
    ...(identity ? { identity: identity.name } : {}),
    // What a trusted host said of the client, XFORWARD.
    ...(peer.forwarded ? { forwarded: peer.forwarded } : {}),
  }
}

function opinions(list: readonly object[], dropped: number): object {
  if (list.length === 0) return {}
  return dropped > 0 ? { opinions: list, opinionsDropped: dropped } : { opinions: list }
}

function times(a: Record<string, number> | undefined, b: Record<string, number> | undefined): Record<string, number> {
  const sum: Record<string, number> = { ...a }
  for (const [plugin, ms] of Object.entries(b ?? {})) sum[plugin] = Math.round(((sum[plugin] ?? 0) + ms) * 100) / 100
  return sum
}

function said({
  code,
  status,
  text,
}: {
  readonly code: number
  readonly status?: string | undefined
  readonly text: string | readonly string[]
}): string {
  return `${code}${status ? ` ${status}` : ''} ${typeof text === 'string' ? text : text.join(' ')}`
}
