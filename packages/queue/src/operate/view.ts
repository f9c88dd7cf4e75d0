/** Queued messages as the admin interface shows them. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import type { Reply } from '@postroad/mail'
import type { AttemptRecord, DeliveryState, DeliveryStatus, FinishedMessage, RecipientState } from '../model.ts'
import type { DestinationRules } from '../rule/destination-rules.ts'
import { lifeBegan } from '../state.ts'
import type { QueueEntry } from '../store.ts'
import { recipientsOf } from './filter.ts'

/** An answer without what the interface adds to each. */
export type Bare<T> = Omit<T, 'generation' | 'workers'>
type Row = ApiShape<'queuedRow'>
type Shown = Bare<ApiAnswer<'message'>>
type ShownDelivery = Shown['deliveries'][number]

/** Addresses of a row. */
const FEW = 3

/** A row of a list. */
export function rowOf(entry: QueueEntry): Row {
  const { message, states } = entry
  const pending = recipientsOf(entry)
  const open = states.filter(({ status }) => status.kind !== 'done')
  const next = open.flatMap(({ status }) => (status.kind === 'scheduled' ? [status.at] : []))
  const reply = pending.find((each) => each.state.reply)?.state.reply
  return {
    id: message.id,
    queuedAt: message.queuedAt,
    from: message.from?.toString() ?? '',
    to: pending.slice(0, FEW).map(({ address }) => address.toString()),
    recipients: pending.length,
    size: message.size,
    sites: sitesOf(entry),
    states: [...new Set(open.map(({ status }) => status.kind))],
    attempts: states.reduce((most, { attempts }) => Math.max(most, attempts), 0),
    ...(next.length > 0 && { nextAt: Math.round(Math.min(...next)) }),
    ...(reply && { reply: replyText(reply) }),
  }
}

/** Destinations for which it waits. */
export function sitesOf({ message, states }: QueueEntry): string[] {
  const open = message.deliveries.filter((_, at) => states[at]?.status.kind !== 'done')
  return [...new Set(open.map(({ destination }) => destination))]
}

/** All that is known of a message in the queue. */
export function messageOf({ message, states }: QueueEntry, rules: DestinationRules, now: number): Shown {
  const { id, queuedAt, from, size, transaction, reportOn } = message
  return {
    id,
    queuedAt,
    from: from?.toString() ?? '',
    size,
    ...(transaction !== undefined && { transaction }),
    ...(reportOn !== undefined && { reportOn }),
    deliveries: message.deliveries.flatMap((delivery, index): ShownDelivery[] => {
      const state = states[index]
      if (!state) return []
      const { status, attempts, recipients, history } = state
      const life = rules.scheduleOf(delivery.destination).lifeMs
      return [
        {
          site: delivery.destination,
          via: delivery.route.via,
          ...whereabouts(status),
          attempts,
          ...(status.kind !== 'done' && { givenUpAt: Math.round(lifeBegan(message, state, { now }) + life) }),
          recipients: delivery.recipients.map(({ address }, at) => recipientOf(address.toString(), recipients[at])),
          history: history.map(attemptOf),
        },
      ]
    }),
  }
}

/** What is left of one that has ended. */
export function finishedOf(message: FinishedMessage): Shown {
  const { id, queuedAt, finishedAt, from, size, recipients } = message
  const all = recipients.map(({ address, state }) => recipientOf(address, state))
  return {
    id,
    queuedAt,
    finishedAt,
    from,
    size,
    deliveries: [{ site: '', via: '', state: 'done', attempts: 0, recipients: all, history: [] }],
  }
}

function whereabouts(status: DeliveryStatus): Pick<ShownDelivery, 'state' | 'at' | 'text'> {
  const state = status.kind
  if (status.kind === 'scheduled') return { state, at: Math.round(status.at) }
  if (status.kind === 'waiting') return { state, at: Math.round(status.since) }
  if (status.kind === 'held') return { state, at: Math.round(status.since), text: status.reason }
  return { state }
}

function recipientOf(address: string, state: RecipientState | undefined): ShownDelivery['recipients'][number] {
  const { fate = 'unknown', reply, remote, at } = state ?? {}
  return {
    address,
    fate,
    ...(reply && { reply: replyOf(reply) }),
    ...(remote !== undefined && { remote }),
    ...(state?.class !== undefined && { class: state.class }),
    ...(at !== undefined && { at: Math.round(at) }),
  }
}

function attemptOf({ at, tookMs, outcomes }: AttemptRecord): ShownDelivery['history'][number] {
  return {
    at: Math.round(at),
    tookMs: Math.max(0, tookMs),
    outcomes: outcomes.map(({ kind, recipients, reply, remote, tls, uncertain }) => ({
      kind,
      recipients,
      reply: replyOf(reply),
      ...(remote !== undefined && { remote }),
      ...(tls !== undefined && { tls }),
      ...(uncertain !== undefined && { uncertain }),
    })),
  }
}

function replyOf({ code, status, text }: Reply): { code: number; status?: string; text: string } {
  return { code, ...(status !== undefined && { status }), text }
}

/** One line of it. */
export function replyText({ code, status, text }: Reply): string {
  return `${code}${status === undefined ? '' : ` ${status}`} ${text}`
}

/** The last reply of a delivery, and who said it when. */
export function lastReplyOf({ history }: DeliveryState): ApiShape<'site'>['lastReply'] {
  const attempt = history.at(-1)
  const said = attempt?.outcomes.at(-1)
  if (!attempt || !said) return undefined
  return { ...replyOf(said.reply), at: Math.round(attempt.at), ...(said.remote !== undefined && { host: said.remote }) }
}
