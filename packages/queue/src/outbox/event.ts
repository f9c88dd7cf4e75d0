/** How an event is written: one line of what is asked for again and again, then what programs are given, as JSON. */
import { makeQueueId } from '@postroad/mail'
import type { MailEvent } from '@postroad/plugin'
import { faultOf } from '../classify.ts'
import type { Lease, QueuedDelivery, QueuedMessage } from '../model.ts'
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

/** Recipients of one event: a message to ten thousand is accepted in ten. */
const RECIPIENTS = 1_000

/** One event. `at` is in milliseconds since the epoch; `data` is JSON. What programs are given has `id`, `type`, `timestamp` and `data`. */
function writeEvent(kind: MailEvent['kind'], key: string, at: number, data: string): string {
  const id = `evt_${makeQueueId(at)}`
  return `${id} ${kind} ${key}\n{"id":"${id}","type":"${kind}","timestamp":"${timeOf(at)}","data":${data}}`
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
  return writeEvent(kind, key, at, JSON.stringify({ message, transaction, from, to, ...about, ...detail }))
}

/** A message was taken. */
export function acceptedEvents(message: QueuedMessage): string[] {
  const { key, about } = describe(message)
  const { size, queuedAt, deliveries } = message
  const to = deliveries.flatMap(({ recipients }) => recipients.map(addressOf))
  const write = (to: string): string => writeEvent('accepted', key, queuedAt, `{${about},"to":[${to}],"size":${size}}`)
  if (to.length <= RECIPIENTS) return [write(to.join(','))]
  const events: string[] = []
  for (let from = 0; from < to.length; from += RECIPIENTS)
    events.push(write(to.slice(from, from + RECIPIENTS).join(',')))
  return events
}

/** An attempt has ended, or an operator has given up. */
export function endedEvent(
  event: DeliveryEvent,
  { message, index, state: before }: Lease,
  { now, state: { status } }: { readonly now: number } & Pick<Transition, 'state'>,
): string {
  const { key, about } = describe(message)
  const delivery = message.deliveries[index]
  const { name, recipients, reply, class: kind, remote, uncertain } = event
  let to = ''
  for (const at of recipients) {
    const one = delivery?.recipients[at]
    if (one) to += to === '' ? addressOf(one) : `,${addressOf(one)}`
  }
  const data =
    `{${about},"to":[${to}]${member('via', delivery?.route.via)}${member('host', remote)},"attempt":${before.attempts + 1}` +
    `,"reply":{"code":${reply.code}${member('status', reply.status)}${member('text', reply.text)}}` +
    member('class', kind) +
    member('fault', kind === undefined ? undefined : faultOf(reply)) +
    (uncertain ? ',"uncertain":true' : '') +
    member('nextAttempt', name === 'deferred' && status.kind === 'scheduled' ? timeOf(status.at) : undefined)
  return writeEvent(name, key, now, `${data}}`)
}

/** What all events of a message have. */
interface Description {
  readonly key: string
  /** Members of JSON. */
  readonly about: string
}

/** Most messages end in the process that has taken them: what was said of them is said again. */
const described = new WeakMap<QueuedMessage, Description>()

function describe(message: QueuedMessage): Description {
  const known = described.get(message)
  if (known) return known
  const { id, transaction, from, tags } = message
  const about =
    `"message":${quoted(id)}${member('transaction', transaction)}${member('from', from?.toString() ?? '')}` +
    member('tenant', tags?.tenant ?? from?.domain) +
    (tags?.tags === undefined ? '' : `,"tags":${JSON.stringify(tags.tags)}`) +
    (tags?.metadata === undefined ? '' : `,"metadata":${JSON.stringify(tags.metadata)}`)
  const description: Description = {
    // A message that is sent another way has another id, and the same transaction.
    key: transaction === undefined ? id : encodeURIComponent(transaction),
    about,
  }
  described.set(message, description)
  return description
}

function addressOf({ address }: QueuedDelivery['recipients'][number]): string {
  return quoted(address.toString())
}

/** One more member of JSON; none without a value. Written by hand: there are two events a message, and a general way costs more than all else of them. */
function member(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${quoted(value)}`
}

const PLAIN = /^[ !#-[\]-~]*$/

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
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
