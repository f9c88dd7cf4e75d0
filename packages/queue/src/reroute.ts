/**
 * Sends what is queued another way, by the operator's word: works in any process, with or without a server. The envelope of a
 * queued message never changes; what is left of it becomes a message of its own, in the same step in which the old one ends.
 */

import { isQueueId, type MailParameters, makeQueueId, type Recipient } from '@postroad/mail'
import type { Route } from '@postroad/plugin'
import { birth } from './birth.ts'
import type { DeliveryState, Lease, QueuedDelivery, QueuedMessage } from './model.ts'
import { split, transactions } from './plan.ts'
import { isPending } from './state.ts'
import type { QueueStore } from './store.ts'

/** What is sent another way. */
export interface RerouteInput {
  readonly id: string
  readonly now: number
  /** Of one transaction. */
  readonly maxRecipients: number
  /** The way of a recipient; nothing: it stays as it is. */
  wayOf(recipient: Recipient, delivery: QueuedDelivery): Promise<readonly Route[] | undefined>
}

/** What became of it. */
export interface Rerouted {
  /** Indexes of the deliveries that go another way now. */
  readonly deliveries: readonly number[]
  /** Id under which they do. */
  readonly id: string | undefined
}

/** The ways that what is pending of a delivery would go; nothing when it stays as it is. */
export async function waysOfDelivery(
  delivery: QueuedDelivery,
  state: { readonly recipients: Lease['state']['recipients'] },
  { wayOf, maxRecipients }: Pick<RerouteInput, 'wayOf' | 'maxRecipients'>,
): Promise<QueuedDelivery[] | undefined> {
  const pending = delivery.recipients.filter((_, at) => isPending(state.recipients[at]))
  const planned: QueuedDelivery[] = []
  for (const recipient of pending) {
    const ways = await wayOf(recipient, delivery)
    if (ways === undefined) return undefined
    for (const route of ways)
      planned.push(...split({ route, recipients: [{ ...recipient, route }] }, { maxRecipients }))
  }
  const merged = together(planned, maxRecipients)
  const isSame =
    merged.length === 1 && merged[0]?.destination === delivery.destination && alike(merged[0].route, delivery.route)
  return merged.length === 0 || isSame ? undefined : merged
}

/** Reroutes whatever of a message is pending, not being tried right now, and not in a pending report. */
export async function reroute(store: QueueStore, input: RerouteInput): Promise<Rerouted> {
  const { id, now } = input
  const entry = isQueueId(id) ? await store.get(id) : undefined
  const wanted: {
    readonly index: number
    readonly deliveries: readonly QueuedDelivery[]
    readonly state: DeliveryState
  }[] = []
  for (const [index, state] of (entry?.states ?? []).entries()) {
    const delivery = entry?.message.deliveries[index]
    if (!delivery || state.status.kind === 'done' || state.status.kind === 'claimed' || state.pendingReport) continue
    const deliveries = await waysOfDelivery(delivery, state, input)
    if (deliveries) wanted.push({ index, deliveries, state })
  }
  const taken: { readonly lease: Lease; readonly deliveries: readonly QueuedDelivery[] }[] = []
  for (const { index, deliveries, state } of wanted) {
    const lease = await store.claimOne(id, index)
    // The message may have been tried while the routes were asked for: a recipient that has it by now must not get it again.
    if (lease && !isAsPending(lease.state, state)) await store.release([lease], { kind: 'scheduled', at: now })
    else if (lease) taken.push({ lease, deliveries })
  }
  const [first, ...also] = taken.map(({ lease }) => ({ lease, state: ended(lease, now) }))
  if (!first) return { deliveries: [], id: undefined }
  const leases = taken.map(({ lease }) => lease)
  try {
    const { message } = first.lease
    const next: QueuedMessage = {
      ...message,
      id: makeQueueId(now),
      parameters: released(message.parameters, now),
      deliveries: taken.flatMap(({ deliveries }) => deliveries),
    }
    const result = await store.record({
      ...first,
      also,
      spawn: [{ message: next, source: store.content(message) }],
      now,
    })
    if (result === 'lost') await store.release(leases, { kind: 'scheduled', at: now })
    else
      await begin(store, birth.leases(next, store.owner), {
        before: taken.flatMap(({ lease, deliveries }) => deliveries.map(() => lease.state)),
        now,
      })
    return result === 'lost'
      ? { deliveries: [], id: undefined }
      : { deliveries: leases.map(({ index }) => index), id: next.id }
  } catch (error) {
    await store.release(leases, { kind: 'scheduled', at: now })
    throw error
  }
}

/** What of the earlier states is still true: a sender who was warned is not warned again, and a lifetime that was begun anew goes on. */
async function begin(
  store: QueueStore,
  leases: readonly Lease[],
  { before, now }: { readonly before: readonly DeliveryState[]; readonly now: number },
): Promise<void> {
  const status = { kind: 'scheduled', at: now } as const
  const ends = leases.map((lease, at) => {
    const { warned = false, countedFrom } = before[at] ?? {}
    return { lease, state: { ...lease.state, status, warned, ...(countedFrom !== undefined && { countedFrom }) } }
  })
  const [first, ...also] = ends
  if (first && ends.some(({ state }) => state.warned || state.countedFrom !== undefined))
    await store.record({ ...first, also, now })
  else await store.release(leases, status)
}

function isAsPending({ recipients }: DeliveryState, before: DeliveryState): boolean {
  return recipients.every((each, at) => isPending(each) === isPending(before.recipients[at]))
}

/** Ends the old deliveries without a notification: their recipients are still to be reached, as another message. */
function ended({ state }: Lease, now: number): Lease['state'] {
  const reply = { code: 250, text: 'Rerouted by the operator' }
  const recipients = state.recipients.map((each) =>
    isPending(each) ? ({ fate: 'cancelled', reply, at: now } as const) : each,
  )
  return { ...state, status: { kind: 'done' }, recipients }
}

function together(deliveries: readonly QueuedDelivery[], most: number): QueuedDelivery[] {
  const merged: {
    readonly route: QueuedDelivery['route']
    readonly destination: string
    readonly recipients: Recipient[]
  }[] = []
  for (const { route, destination, recipients } of deliveries) {
    const same = merged.find((each) => each.destination === destination && alike(each.route, route))
    if (same) same.recipients.push(...recipients)
    else merged.push({ route, destination, recipients: [...recipients] })
  }
  return merged.flatMap(({ recipients, ...way }) =>
    transactions(recipients, most).map((some) => ({ ...way, recipients: some })),
  )
}

function alike(a: QueuedDelivery['route'], b: QueuedDelivery['route']): boolean {
  const key = ({ via, host, port, settings }: QueuedDelivery['route']) =>
    JSON.stringify([via, host, port, settings && Object.entries(settings).toSorted()])
  return key(a) === key(b)
}

/** `via`, `via:host`, `via:host:port`; a host of IPv6 in brackets. @throws {TypeError} with a sentence for the operator */
export function parseWay(text: string): Route {
  const match = /^([a-z][\w-]*)(?::(\[[0-9a-f:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?)?$/i.exec(text)
  const [, via = '', host, port] = match ?? []
  if (!match || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535)
    throw new TypeError(`--via takes transport, transport:host or transport:host:port, not "${text}"`)
  return {
    via,
    ...(host !== undefined && { host: host.replace(/^\[|\]$/g, '') }),
    ...(port !== undefined && { port: Number(port) }),
  }
}

/** Whose time has come is not held for it again. */
function released({ holdUntil, ...parameters }: MailParameters, now: number): MailParameters {
  return holdUntil === undefined || holdUntil <= now ? parameters : { ...parameters, holdUntil }
}
