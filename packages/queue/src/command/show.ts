/** What an operator sees of one message. */

import type { ApiShape } from '@postroad/admin-api'
import type { Reply } from '@postroad/mail'
import type { CommandIo } from '@postroad/plugin'
import type { AttemptRecord, DeliveryState, DeliveryStatus, FinishedMessage, RecipientState } from '../model.ts'
import type { DestinationRules } from '../rule/destination-rules.ts'
import { lifeBegan } from '../state.ts'
import type { QueueEntry } from '../store.ts'

/** One line of a list. */
export function summary({ message, states }: QueueEntry, now: number): Record<string, string | number | undefined> {
  const pending = states.flatMap(({ recipients }) => recipients).filter(({ fate }) => fate === 'pending')
  const next = states
    .map(({ status }) => ('at' in status ? status.at : Number.POSITIVE_INFINITY))
    .reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const first = message.deliveries
    .find((_, at) => states[at]?.status.kind !== 'done')
    ?.recipients[0]?.address.toString()
  const reply = pending.find((each) => each.reply)?.reply
  return {
    id: message.id,
    age: age(Math.max(0, now - message.queuedAt)),
    size: message.size,
    state: [...new Set(states.map(({ status }) => status.kind).filter((kind) => kind !== 'done'))].join(','),
    from: message.from?.toString() ?? '<>',
    to: `${first ?? ''}${pending.length > 1 ? ` +${pending.length - 1}` : ''}`,
    attempts: Math.max(...states.map(({ attempts }) => attempts)),
    next: Number.isFinite(next) ? (next <= now ? 'now' : age(next - now)) : undefined,
    reason: reply && text(reply),
  }
}

/** One destination: what an operator asks first when a queue grows. */
export function siteRow(site: ApiShape<'site'>, now: number): Record<string, string | number | undefined> {
  const { oldestAt, nextAt, lastReply, suspended } = site
  return {
    destination: site.site,
    messages: site.messages,
    held: site.held,
    size: site.octets,
    oldest: oldestAt === undefined ? undefined : age(Math.max(0, now - oldestAt)),
    next: nextAt === undefined ? undefined : nextAt <= now ? 'now' : age(nextAt - now),
    suspended: suspended && (suspended.reason || 'yes'),
    reason: lastReply && safe([lastReply.code, lastReply.status, lastReply.text].filter(Boolean).join(' ')),
  }
}

/** All there is to know of a queued message. */
export function showQueued(
  { message, states }: QueueEntry,
  rules: DestinationRules,
  io: CommandIo & { now(): number },
): void {
  if (io.json) {
    const deliveries = message.deliveries.map((delivery, at) => ({ ...plain(delivery), ...known(states[at]) }))
    io.print(JSON.stringify({ ...message, from: message.from?.toString() ?? '', deliveries }))
    return
  }
  const { id, from, size, queuedAt, transaction, reportOn, parameters } = message
  io.print(`${id}  from <${from ?? ''}>  ${size} octets`)
  io.print(
    `  queued ${time(queuedAt)}${transaction === undefined ? '' : `, transaction ${transaction}`}${reportOn === undefined ? '' : `, reports on ${reportOn}`}`,
  )
  if (Object.keys(parameters).length > 0) io.print(`  parameters ${JSON.stringify(parameters)}`)
  for (const [at, delivery] of message.deliveries.entries()) {
    const state = states[at]
    if (!state) continue
    io.print(
      `  ${delivery.destination}: ${state.pendingReport ? 'the sender is told soon' : whereabouts(state.status)}, ${state.attempts} attempts, until ${time(lifeBegan(message, state, { now: io.now() }) + rules.scheduleOf(delivery.destination).lifeMs)}`,
    )
    for (const [which, { address }] of delivery.recipients.entries())
      io.print(`    ${address}: ${fate(state.recipients[which])}`)
    for (const attempt of state.history) showAttempt(attempt, io)
  }
}

/** What became of a message that is not queued any more. */
export function showFinished(message: FinishedMessage, io: CommandIo): void {
  if (io.json) {
    io.print(JSON.stringify(message))
    return
  }
  io.print(`${message.id}  from <${message.from}>  ${message.size} octets`)
  io.print(`  queued ${time(message.queuedAt)}, finished ${time(message.finishedAt)}`)
  for (const { address, state } of message.recipients) io.print(`    ${address}: ${fate(state)}`)
  if (message.recipientCount > message.recipients.length)
    io.print(`    and ${message.recipientCount - message.recipients.length} more`)
}

function showAttempt({ at, tookMs, outcomes }: AttemptRecord, io: CommandIo): void {
  for (const { kind, recipients, reply, remote, tls, uncertain } of outcomes)
    io.print(
      `      ${time(at)} (${tookMs} ms) ${kind} ×${recipients}: ${remote === undefined ? '' : `${safe(remote)} said `}${text(reply)}${tls === undefined ? '' : ` [${safe(tls)}]`}${uncertain ? ' (may have arrived)' : ''}`,
    )
}

function whereabouts(status: DeliveryStatus): string {
  if (status.kind === 'scheduled') return `next attempt ${time(status.at)}`
  if (status.kind === 'waiting') return `waits for its destination since ${time(status.since)}`
  if (status.kind === 'held') return `held since ${time(status.since)}: ${safe(status.reason)}`
  return status.kind === 'claimed' ? `is being tried by ${status.owner}` : 'done'
}

function fate(state: RecipientState | undefined): string {
  if (!state) return 'unknown'
  const { remote, reply } = state
  return `${state.fate}${state.class === undefined ? '' : ` (${state.class})`}${reply ? `: ${remote === undefined ? '' : `${safe(remote)} said `}${text(reply)}` : ''}`
}

function text({ code, status, text: words }: Reply): string {
  return `${code}${status === undefined ? '' : ` ${status}`} ${safe(words)}`
}

/** Foreign text on a terminal: no control characters. */
function safe(words: string): string {
  return words.slice(0, 500).replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, ' ')
}

function plain(delivery: QueueEntry['message']['deliveries'][number]): object {
  return {
    route: delivery.route,
    lane: delivery.destination,
    addresses: delivery.recipients.map(({ address, parameters }) => ({ address: address.toString(), parameters })),
  }
}

/** What the model says of a state, a store may know more, under names that scripts read. */
function known(state: DeliveryState | undefined): object {
  if (!state) return {}
  const { status, attempts, recipients, history, warned, pendingHold } = state
  return { place: status, attempts, recipients, history, warned, ...(pendingHold && { wish: 'hold' }) }
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** The largest unit that says enough: `3d`, `4h`, `15m`, `8s`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds >= 172_800) return `${Math.floor(seconds / 86_400)}d`
  if (seconds >= 7_200) return `${Math.floor(seconds / 3_600)}h`
  return seconds >= 120 ? `${Math.floor(seconds / 60)}m` : `${seconds}s`
}
