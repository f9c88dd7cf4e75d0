/**
 * The state machine of a delivery: pure functions from a state and what happened to the next state, and to what has to be
 * told. Who stores and who sends is not known here. The states are listed in `STATES.md`.
 */

import { describeTls, type Outcome, type Reply, type TlsOutcome } from '@postroad/mail'
import type { BounceClass } from './bounce-table.ts'
import { classify } from './classify.ts'
import type {
  AttemptRecord,
  DeliveryState,
  DeliveryStatus,
  EndedWay,
  QueuedDelivery,
  QueuedMessage,
  RecipientState,
} from './model.ts'
import { nextAttemptAt, type ScheduleOptions } from './schedule.ts'
import type { Operation } from './store.ts'

/** What a notification says of a recipient, RFC 3464 §2.3.3. */
export type ReportAction = 'failed' | 'delayed' | 'delivered' | 'relayed'

/** One recipient in a notification to come. */
export interface Report {
  readonly action: ReportAction
  /** Index in the delivery's recipients. */
  readonly recipient: number
  readonly state: RecipientState
  /** With `delayed`: until when it is tried, in milliseconds since the epoch. */
  readonly until?: number
}

/** Recipients to whom the same happened, for the hooks and the log. */
export interface DeliveryEvent {
  readonly name: 'delivered' | 'deferred' | 'bounced'
  readonly recipients: readonly number[]
  readonly reply: Reply
  readonly class: BounceClass | undefined
  readonly remote: string | undefined
  readonly tls: TlsOutcome | undefined
  readonly uncertain: boolean
}

/** A step of the machine. */
export interface Transition {
  readonly state: DeliveryState
  readonly reports: readonly Report[]
  readonly events: readonly DeliveryEvent[]
}

/** How an attempt ended. */
export interface Attempted {
  readonly message: QueuedMessage
  readonly delivery: QueuedDelivery
  readonly state: DeliveryState
  /** In the order of the delivery's recipients; nothing for those that were final before. */
  readonly outcomes: readonly (Outcome | undefined)[]
  /** What has come of the ways of a recipient that goes several. */
  readonly ended?: readonly EndedWay[]
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly now: number
  /** When the message was queued, by the clock of now, as far as is known. */
  readonly today?: number
  /** The transport hands on to another server (smtp) instead of delivering for good (lmtp, maildir). */
  readonly relays: boolean
  /** No connection was made: the attempt is not counted. */
  readonly untried?: boolean
  /** When to come again at the latest, because the destination is only left alone until then. */
  readonly opensAt?: number | undefined
  readonly schedule: ScheduleOptions
  /** From 0 up to 1. */
  readonly random: number
}

/** How many attempts a state remembers: the first four and the latest twelve. */
const HISTORY_HEAD = 4
const HISTORY_TAIL = 12

/** Applies the outcomes of an attempt. */
export function afterAttempt(attempted: Attempted): Transition {
  const { state, message } = attempted
  const recipients = state.recipients.map((before, at) => resolveRecipient(before, attempted.outcomes[at], attempted))
  const attempts = state.attempts + (attempted.untried ? 0 : 1)
  const isLate = isLateNow(attempted) && !state.warned
  const countedFrom = bornAt(attempted)
  const reports = message.from === undefined ? [] : reportsOf(attempted, recipients, isLate)
  const next: DeliveryState = {
    status: nextStatus(attempted, recipients, attempts),
    attempts,
    recipients,
    history: attempted.untried ? state.history : remember(state.history, recordOf(attempted)),
    warned: state.warned || (isLate && recipients.some(isPending)),
    ...(countedFrom !== message.queuedAt && { countedFrom }),
  }
  const events = eventsOf(attempted, recipients)
  return { ...postponed({ state: next, reports }, message, attempted.now + attempted.schedule.reportDelayMs), events }
}

/** The pending report of a delivery, and its state when that has been made. */
export function reported({ pendingReport = [], ...state }: DeliveryState): Pick<Transition, 'state' | 'reports'> {
  const reports = pendingReport.flatMap((recipient): Report[] => {
    const failed = state.recipients[recipient]
    return failed ? [{ action: 'failed', recipient, state: failed }] : []
  })
  return { state: { ...state, status: { kind: 'done' } }, reports }
}

/** Other deliveries of the message may fail within moments: when nothing else is to be done here, its failures wait to be told with theirs. */
function postponed(
  { state, reports }: Pick<Transition, 'state' | 'reports'>,
  message: QueuedMessage,
  at: number,
): Pick<Transition, 'state' | 'reports'> {
  const pendingReport = reports.filter(({ action }) => action === 'failed').map(({ recipient }) => recipient)
  if (message.deliveries.length === 1 || state.status.kind !== 'done' || pendingReport.length === 0)
    return { state, reports }
  return {
    state: { ...state, status: { kind: 'scheduled', at }, pendingReport },
    reports: reports.filter(({ action }) => action !== 'failed'),
  }
}

/** Gives up on everything that is pending, by the operator's word. */
export function cancel(
  message: QueuedMessage,
  delivery: QueuedDelivery,
  before: { readonly state: DeliveryState; readonly reply: Reply; readonly now: number },
): Transition {
  const due = reported(before.state).reports
  const recipients = before.state.recipients.map((recipient): RecipientState => {
    return isPending(recipient)
      ? { fate: 'cancelled', reply: before.reply, class: 'policy', at: before.now }
      : recipient
  })
  const changed = recipients.flatMap((_, at) => (isPending(before.state.recipients[at]) ? [at] : []))
  const wanted = message.from === undefined ? [] : changed.filter((at) => wants(delivery, at, 'FAILURE'))
  return {
    state: { ...reported(before.state).state, recipients },
    reports: [
      ...due,
      ...wanted.map(
        (recipient): Report => ({ action: 'failed', recipient, state: recipients[recipient] ?? { fate: 'cancelled' } }),
      ),
    ],
    events: [
      {
        name: 'bounced',
        recipients: changed,
        reply: before.reply,
        class: 'policy',
        remote: undefined,
        tls: undefined,
        uncertain: false,
      },
    ],
  }
}

/** Whether a recipient is still to be reached. */
export function isPending(recipient: RecipientState | undefined): boolean {
  return recipient?.fate === 'pending'
}

/**
 * From when the life of a delivery counts. Of a message that comes from the future, since the clock was set back, from when that was
 * first seen; of one from a past that was none, since the clock was set forth, from `today`: when it was queued by the clock of now.
 * What lies behind `now` was reckoned by another clock again, and counts for nothing.
 */
export function lifeBegan(
  { queuedAt }: Pick<QueuedMessage, 'queuedAt'>,
  { countedFrom = queuedAt }: { readonly countedFrom?: number | undefined },
  { now, today = queuedAt }: { readonly now: number; readonly today?: number | undefined },
): number {
  if (now < queuedAt) return Math.min(countedFrom, now)
  return Math.max(queuedAt, ...[countedFrom, today].filter((at) => at <= now))
}

/** Whether a sender wants to hear of this, RFC 3461 §4.1. */
export function wants(delivery: QueuedDelivery, recipient: number, what: 'SUCCESS' | 'FAILURE' | 'DELAY'): boolean {
  const notify = delivery.recipients[recipient]?.parameters.notify
  // RFC 3461 §4.1: absent means failure and, where the server likes to, delay.
  return notify === undefined ? what !== 'SUCCESS' : notify.includes(what)
}

function resolveRecipient(before: RecipientState, outcome: Outcome | undefined, attempted: Attempted): RecipientState {
  if (!isPending(before) || outcome === undefined) return before
  const { reply, remote } = outcome
  const said = remote === undefined ? { reply, at: attempted.now } : { reply, remote, at: attempted.now }
  if (outcome.kind === 'delivered')
    return { fate: attempted.relays && outcome.dsnRelayed !== true ? 'relayed' : 'delivered', ...said }
  const failure = { ...said, class: classify(reply) }
  if (outcome.kind === 'failed') return { fate: 'failed', ...failure }
  if (attempted.now >= expiryOf(attempted)) return { fate: 'expired', ...failure }
  const { ended = before.ended } = attempted
  return { fate: 'pending', ...failure, ...(ended && { ended }) }
}

function nextStatus(attempted: Attempted, recipients: readonly RecipientState[], attempts: number): DeliveryStatus {
  const { now, schedule, random, opensAt = Number.POSITIVE_INFINITY } = attempted
  const expiresAt = expiryOf(attempted)
  const times: number[] = []
  for (const [at, recipient] of recipients.entries()) {
    if (!isPending(recipient)) continue
    const hintMs = attempted.outcomes[at]?.retryAfterMs
    const failure = {
      attempts: Math.max(1, attempts),
      now,
      expiresAt,
      class: recipient.reply ? classify(recipient.reply) : 'other',
    } as const
    times.push(nextAttemptAt(hintMs === undefined ? failure : { ...failure, hintMs }, schedule, random))
  }
  return times.length === 0 ? { kind: 'done' } : { kind: 'scheduled', at: Math.min(...times, opensAt) }
}

/** The operator's word of today counts, not that of the day the message came: a life that is shortened ends old mail too. */
function expiryOf(attempted: Attempted): number {
  return bornAt(attempted) + attempted.schedule.lifeMs
}

function isLateNow(attempted: Attempted): boolean {
  const { now, schedule } = attempted
  return schedule.warnAfterMs > 0 && now - bornAt(attempted) >= schedule.warnAfterMs
}

function bornAt({ message, state, now, today }: Attempted): number {
  return lifeBegan(message, state, { now, today })
}

function reportsOf(attempted: Attempted, recipients: readonly RecipientState[], isLate: boolean): Report[] {
  const { state, delivery, outcomes } = attempted
  return recipients.flatMap((after, recipient): Report[] => {
    if (!isPending(state.recipients[recipient])) return []
    const report = (action: ReportAction): Report[] => [
      action === 'delayed'
        ? { action, recipient, state: after, until: expiryOf(attempted) }
        : { action, recipient, state: after },
    ]
    if (after.fate === 'failed' || after.fate === 'expired')
      return wants(delivery, recipient, 'FAILURE') ? report('failed') : []
    if (after.fate === 'pending') return isLate && wants(delivery, recipient, 'DELAY') ? report('delayed') : []
    // RFC 3461 §5.2.1: a next hop that was told NOTIFY reports by itself.
    if (outcomes[recipient]?.dsnRelayed === true || !wants(delivery, recipient, 'SUCCESS')) return []
    return report(after.fate === 'relayed' ? 'relayed' : 'delivered')
  })
}

function eventsOf(attempted: Attempted, recipients: readonly RecipientState[]): DeliveryEvent[] {
  const groups = new Map<string, DeliveryEvent & { recipients: number[] }>()
  for (const [at, after] of recipients.entries()) {
    const outcome = attempted.outcomes[at]
    if (outcome === undefined || !isPending(attempted.state.recipients[at])) continue
    const name =
      after.fate === 'pending'
        ? 'deferred'
        : after.fate === 'failed' || after.fate === 'expired'
          ? 'bounced'
          : 'delivered'
    const { reply, remote, tls } = outcome
    const key = recipients.length === 1 ? '' : JSON.stringify([name, reply.code, reply.status, reply.text, remote])
    const group = groups.get(key)
    if (group) group.recipients.push(at)
    else
      groups.set(key, {
        name,
        recipients: [at],
        reply,
        class: name === 'delivered' ? undefined : classify(reply),
        remote,
        tls,
        uncertain: outcome.uncertain ?? false,
      })
  }
  return [...groups.values()]
}

function recordOf({ outcomes, startedAt, now }: Attempted): AttemptRecord {
  const [only] = outcomes
  if (only && outcomes.length === 1) {
    const { kind, reply } = only
    return { at: startedAt, tookMs: now - startedAt, outcomes: [{ kind, recipients: 1, reply, ...howOf(only) }] }
  }
  const groups = new Map<string, AttemptRecord['outcomes'][number] & { recipients: number }>()
  for (const outcome of outcomes) {
    if (outcome === undefined) continue
    const { kind, reply, remote } = outcome
    const key = JSON.stringify([kind, reply.code, reply.status, reply.text, remote])
    const group = groups.get(key)
    if (group) group.recipients++
    else groups.set(key, { kind, recipients: 1, reply, ...howOf(outcome) })
  }
  return { at: startedAt, tookMs: now - startedAt, outcomes: [...groups.values()] }
}

function howOf({
  remote,
  tls,
  uncertain,
}: Outcome): Pick<AttemptRecord['outcomes'][number], 'remote' | 'tls' | 'uncertain'> {
  return {
    ...(remote !== undefined && { remote }),
    ...(tls !== undefined && { tls: describeTls(tls) }),
    ...(uncertain && { uncertain }),
  }
}

function remember(history: readonly AttemptRecord[], record: AttemptRecord): readonly AttemptRecord[] {
  const all = [...history, record]
  return all.length <= HISTORY_HEAD + HISTORY_TAIL ? all : [...all.slice(0, HISTORY_HEAD), ...all.slice(-HISTORY_TAIL)]
}

/** What is stored when a lease ends: the operator may have asked for something while the attempt ran. For stores. */
export function withPendingHold<S extends DeliveryState>(
  { pendingHold: _, ...state }: S,
  pendingHold: DeliveryState['pendingHold'],
  now = momentOf(state.status),
): Omit<S, 'pendingHold'> {
  if (!pendingHold || state.status.kind === 'done') return state
  return { ...state, status: { kind: 'held', since: now, reason: 'operator' } }
}

function momentOf(status: DeliveryStatus): number {
  return 'at' in status ? status.at : 'since' in status ? status.since : 0
}

/** The state after an operator's `hold`, `release` or `retry`; nothing when it changes nothing. */
export function operated<S extends DeliveryState>(state: S, operation: Operation, now: number): S | undefined {
  if (operation.kind === 'delete' || operation.kind === 'cancel') return undefined
  const { kind } = state.status
  if (operation.kind === 'hold') {
    if (kind === 'claimed') return state.pendingHold ? undefined : { ...state, pendingHold: true }
    return kind === 'scheduled' || kind === 'waiting'
      ? { ...state, status: { kind: 'held', since: now, reason: operation.reason } }
      : undefined
  }
  if (operation.kind === 'release' && kind === 'claimed' && state.pendingHold) {
    const { pendingHold: _, ...without } = state
    return without as S // a pending hold is optional in every S
  }
  const isFree = kind === 'held' || (operation.kind === 'retry' && (kind === 'scheduled' || kind === 'waiting'))
  return isFree ? { ...state, status: { kind: 'scheduled', at: now } } : undefined
}

/** The state of a delivery whose message an operator deletes; its status is left to the store. */
export function withdrawn<S extends DeliveryState>(state: S, now: number): S {
  const reply = { code: 250, text: 'Deleted by the operator' }
  return {
    ...state,
    recipients: state.recipients.map(
      (each): RecipientState => (isPending(each) ? { fate: 'cancelled', reply, at: now } : each),
    ),
  }
}
