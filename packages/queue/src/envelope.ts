/** How a message stands in a store: JSON, because it costs a microsecond, can be read in an emergency, and grows without migration. */
import { type Address, Mailbox, type MailParameters, type RcptParameters, type Route } from '@postroad/mail'
import type { MessageTags } from '@postroad/plugin'
import type { QueuedDelivery, QueuedMessage } from './model.ts'

type StoredAddress = readonly [local: string, domain: string, text?: string]

interface StoredDelivery {
  readonly r: Omit<Route, 'to'>
  readonly l: string
  readonly c: readonly (readonly [StoredAddress, RcptParameters?])[]
}

/** What never changes of a message; stores add what they need to know of its content. */
export interface StoredEnvelope {
  readonly q: number
  /** Absent: the null reverse-path. */
  readonly f?: StoredAddress
  readonly p?: MailParameters
  readonly t?: string
  readonly r?: string
  /** Absent before there were events. */
  readonly g?: MessageTags
  readonly s: number
  readonly d: readonly StoredDelivery[]
}

/** A message as it is stored. */
export function storeEnvelope(message: QueuedMessage): StoredEnvelope {
  const { queuedAt, from, parameters, transaction, reportOn, tags, size, deliveries } = message
  return {
    q: queuedAt,
    ...(from && { f: storeAddress(from) }),
    ...(!isEmpty(parameters) && { p: parameters }),
    ...(transaction !== undefined && { t: transaction }),
    ...(reportOn !== undefined && { r: reportOn }),
    ...(tags && { g: tags }),
    s: size,
    d: deliveries.map(storeDelivery),
  }
}

/** The message that was stored. */
export function loadEnvelope(id: string, { q, f, p, t, r, g, s, d }: StoredEnvelope): QueuedMessage {
  return {
    id,
    queuedAt: q,
    from: f && loadAddress(f),
    parameters: p ?? {},
    ...(t !== undefined && { transaction: t }),
    ...(r !== undefined && { reportOn: r }),
    ...(g && { tags: g }),
    size: s,
    deliveries: d.map(loadDelivery),
  }
}

function isEmpty(parameters: object): boolean {
  for (const _ in parameters) return false
  return true
}

function storeAddress(address: Address): StoredAddress {
  const { local, domain } = address
  const text = address.toString()
  return text === `${local}@${domain}` ? [local, domain] : [local, domain, text]
}

function storeDelivery({ route, destination, recipients }: QueuedDelivery): StoredDelivery {
  const { to: _, ...way } = route
  return {
    r: way,
    l: destination,
    c: recipients.map(({ address, parameters }) =>
      isEmpty(parameters) ? [storeAddress(address)] : [storeAddress(address), parameters],
    ),
  }
}

function loadDelivery({ r, l, c }: StoredDelivery): QueuedDelivery {
  return {
    route: r,
    destination: l,
    recipients: c.map(([address, parameters = {}]) => ({ address: loadAddress(address), parameters })),
  }
}

/** It was checked when it came in. The text that older versions stored beside it follows from the parts. */
function loadAddress([local, domain]: StoredAddress): Address {
  return new Mailbox(local, domain, !isAscii(local))
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false
  return true
}
