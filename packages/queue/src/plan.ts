/** Splits the recipients of an accepted message into deliveries: recipients that go the same way share one, up to the size of a transaction. */
import {
  type Address,
  type Delivery,
  type MailParameters,
  makeQueueId,
  type RcptParameters,
  type Recipient,
  type Route,
} from '@postroad/mail'
import type { MessageTags } from '@postroad/plugin'
import type { QueuedDelivery, QueuedMessage } from './model.ts'

/** The `via` of what is taken and dropped. */
export const DISCARD = 'discard'

/** The `via` of our own mail that had no route when it was made: it is routed at each attempt. */
export const UNROUTED = 'ask-routes'

/** How messages are split. */
export interface PlanOptions {
  /** Recipients of one transaction; RFC 5321 §4.5.3.1.8 lets every server take 100. */
  readonly maxRecipients: number
}

/** What a queued message is made of. */
export interface PlanInput {
  readonly from: Address | undefined
  readonly parameters: MailParameters
  readonly deliveries: readonly Delivery[]
  readonly size: number
  readonly transaction?: string
  readonly reportOn?: string
  readonly tags?: MessageTags | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The part of a queued message that never changes. */
export function planMessage(input: PlanInput, options: PlanOptions): QueuedMessage {
  const { from, parameters, size, now, transaction, reportOn, tags } = input
  return {
    id: makeQueueId(now),
    queuedAt: now,
    from,
    parameters,
    ...(transaction === undefined ? {} : { transaction }),
    ...(reportOn === undefined ? {} : { reportOn }),
    ...(tags && { tags }),
    size,
    deliveries: input.deliveries.flatMap((delivery) => split(delivery, options)),
  }
}

/** What a delivery waits for, and by which it is suspended: the next hop if the route names one, else the domain. */
export function destinationOf({ via, host, port }: Route, address: Address): string {
  const isByDomain = via === 'smtp' && host === undefined
  const target = isByDomain ? address.domain : (host ?? '')
  if (target === '') return via
  return port === undefined ? `${via}:${target}` : `${via}:${target}:${port}`
}

/**
 * Whether a name that an operator gave, in lower case, means a destination: all of it, or without the transport, or without the port too. `*`
 * means all of them, `smtp:*` all that go by that transport.
 */
export function meansDestination(name: string, destination: string): boolean {
  const full = destination.toLowerCase()
  if (name.endsWith('*')) return name === '*' || name === `${full.slice(0, full.indexOf(':') + 1)}*`
  const target = full.slice(full.indexOf(':') + 1)
  return name === full || name === target || name === target.replace(/:\d+$/, '')
}

/** What a delivery is queued as: by destination, in transactions that are not too large. */
export function split({ route, recipients }: Delivery, { maxRecipients }: PlanOptions): QueuedDelivery[] {
  const { to: _, ...way } = route
  const destinations = new Map<string, Recipient[]>()
  for (const recipient of recipients) {
    for (const target of targetsOf(recipient, route)) {
      const destination = destinationOf(route, target.address)
      const members = destinations.get(destination)
      if (members) members.push(target)
      else destinations.set(destination, [target])
    }
  }
  return [...destinations].flatMap(([destination, members]) =>
    transactions(members, maxRecipients).map((recipients) => ({ route: way, destination, recipients })),
  )
}

/** Recipients of one destination in transactions that are not too large. */
export function transactions(members: readonly Recipient[], maxRecipients: number): readonly (readonly Recipient[])[] {
  return chunk(mailboxes(members), maxRecipients).map((some) => some.flat())
}

/** A key that is equal for equal mailboxes: domains are in lower case already, and a local part is compared octet by octet, RFC 5321 §2.4. */
export function mailboxKey({ local, domain }: Address): string {
  return `${local}@${domain}`
}

/** A recipient whose route replaces it stays known by its name of before, RFC 3461 §5.2.7. */
function targetsOf({ address, parameters }: Pick<Recipient, 'address' | 'parameters'>, { to }: Route): Recipient[] {
  if (!to) return [{ address, parameters }]
  const known: RcptParameters = {
    ...parameters,
    orcpt: parameters.orcpt ?? { type: 'rfc822', address: address.toString() },
  }
  return to.map((target) => ({ address: target, parameters: known }))
}

/** Recipients of one mailbox travel together, and are one of a transaction: an attempt hands them on once. */
function mailboxes(members: readonly Recipient[]): readonly (readonly Recipient[])[] {
  if (members.length === 1) return [members]
  const found = new Map<string, Recipient[]>()
  for (const member of members) {
    const key = mailboxKey(member.address)
    const others = found.get(key)
    if (others) others.push(member)
    else found.set(key, [member])
  }
  return [...found.values()]
}

function chunk<T>(all: readonly T[], size: number): (readonly T[])[] {
  if (all.length <= size) return [all]
  const chunks: (readonly T[])[] = []
  for (let at = 0; at < all.length; at += size) chunks.push(all.slice(at, at + size))
  return chunks
}
