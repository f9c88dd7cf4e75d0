/** How an event is written: one line of what is asked for again and again, then what programs are given, as JSON. */
import { makeQueueId } from '@postroad/mail'
import type { MailEvent, MessageTags } from '@postroad/plugin'
import { faultOf } from '../classify.ts'
import type { Lease, QueuedMessage } from '../model.ts'
import type { DeliveryEvent, Transition } from '../state.ts'

/** An event as it stands in an outbox. */
export interface WrittenEvent {
  /** The same whenever it is told: `evt_` and 20 characters. */
  readonly id: string
  readonly kind: MailEvent['kind']
  /** Events with the same key are told in their order. */
  readonly key: string
  /** What programs are given: JSON with `id`, `type`, `timestamp` and `data`. */
  readonly payload: string
}

interface EventPayload {
  readonly id: string
  readonly type: MailEvent['kind']
  /** RFC 3339. */
  readonly timestamp: string
  readonly data: Readonly<Record<string, unknown>> & MessageTags & { readonly to: readonly string[] }
}

/** Recipients of one event: a message to ten thousand is accepted in ten. */
const RECIPIENTS = 1_000

/** One event. `at` is in milliseconds since the epoch. */
export function writeEvent(kind: MailEvent['kind'], key: string, at: number, data: EventPayload['data']): string {
  const id = `evt_${makeQueueId(at)}`
  const payload: EventPayload = { id, type: kind, timestamp: timeOf(at), data }
  return `${id} ${kind} ${key}\n${JSON.stringify(payload)}`
}

/** Reads what {@link writeEvent} wrote. */
export function readEvent(event: string): WrittenEvent {
  const end = event.indexOf('\n')
  const first = event.indexOf(' ')
  const second = event.indexOf(' ', first + 1)
  const kind = event.slice(first + 1, second) as MailEvent['kind'] // as it was written
  return { id: event.slice(0, first), kind, key: event.slice(second + 1, end), payload: event.slice(end + 1) }
}

/** What a plugin tells. */
export function publishedEvent(event: MailEvent, at: number): string {
  const { kind, message, transaction, from, to, tenant, tags, metadata, detail } = event
  const about = { tenant: tenant ?? domainOf(from), tags, metadata }
  const key = encodeURIComponent(transaction ?? message ?? makeQueueId(at))
  return writeEvent(kind, key, at, { message, transaction, from, to, ...about, ...detail })
}

/** A message was taken. */
export function acceptedEvents(message: QueuedMessage): string[] {
  const to = message.deliveries.flatMap(({ recipients }) => recipients.map(({ address }) => address.toString()))
  const about = aboutOf(message)
  const { size, queuedAt } = message
  if (to.length <= RECIPIENTS) return [writeEvent('accepted', keyOf(message), queuedAt, { ...about, to, size })]
  const events: string[] = []
  for (let from = 0; from < to.length; from += RECIPIENTS) {
    const some = to.slice(from, from + RECIPIENTS)
    events.push(writeEvent('accepted', keyOf(message), queuedAt, { ...about, to: some, size }))
  }
  return events
}

/** An attempt has ended, or an operator has given up. */
export function endedEvent(
  event: DeliveryEvent,
  { message, index, state: before }: Lease,
  { now, state: { status } }: { readonly now: number } & Pick<Transition, 'state'>,
): string {
  const delivery = message.deliveries[index]
  const { name, recipients, reply, class: kind, remote, uncertain } = event
  const to = recipients.flatMap((at) => delivery?.recipients[at]?.address.toString() ?? [])
  return writeEvent(name, keyOf(message), now, {
    ...aboutOf(message),
    to,
    via: delivery?.route.via,
    host: remote,
    attempt: before.attempts + 1,
    reply: { code: reply.code, status: reply.status, text: reply.text },
    class: kind,
    fault: kind === undefined ? undefined : faultOf(reply),
    uncertain: uncertain || undefined,
    nextAttempt: name === 'deferred' && status.kind === 'scheduled' ? timeOf(status.at) : undefined,
  })
}

function aboutOf({ id, transaction, from, tags }: QueuedMessage) {
  return {
    message: id,
    transaction,
    from: from?.toString() ?? '',
    tenant: tags?.tenant ?? from?.domain,
    tags: tags?.tags,
    metadata: tags?.metadata,
  }
}

/** A message that is sent another way has another id, and the same transaction. */
function keyOf({ id, transaction }: QueuedMessage): string {
  return transaction === undefined ? id : encodeURIComponent(transaction)
}

function domainOf(from: string | undefined): string | undefined {
  const at = from?.lastIndexOf('@') ?? -1
  return at < 0 ? undefined : from?.slice(at + 1)
}

let lastSecond = Number.NaN
let secondText = ''

/** As `toISOString`, which is asked thousands of times a second for the same second. */
function timeOf(at: number): string {
  const second = Math.floor(at / 1_000)
  if (second !== lastSecond) {
    lastSecond = second
    secondText = new Date(second * 1_000).toISOString().slice(0, 20)
  }
  return `${secondText}${String(Math.floor(at) - second * 1_000).padStart(3, '0')}Z`
}
