/**
 * Sends what is queued another way, by the operator's word: works in any process, with or without a server. The envelope of a
 * queued message never changes; what is left of it becomes a message of its own, in the same step in which the old one ends.
 */

import { isQueueId, makeQueueId, type Recipient } from '@postroad/mail'
import type { Route } from '@postroad/plugin'
import { bornClaims, type Claim, type DeliveryState, type QueuedDelivery, type QueuedMessage } from './model.ts'
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
  state: { readonly recipients: Claim['state']['recipients'] },
  { wayOf, maxRecipients }: Pick<RerouteInput, 'wayOf' | 'maxRecipients'>,
): Promise<QueuedDelivery[] | undefined> {
  const pending = delivery.recipients.filter((_, at) => isPending(state.recipients[at]))
  const planned: QueuedDelivery[] = []
  for (const recipient of pending) {
    const ways = await wayOf(recipient, delivery)
    if (ways === undefined) return undefined
    for (const route of ways) planned.push(...split({ route, recipients: [{ ...recipient, route }] }, { maxRecipients }))
  }
  const merged = together(planned, maxRecipients)
  const isSame = merged.length === 1 && merged[0]?.lane === delivery.lane && alike(merged[0].route, delivery.route)
  return merged.length === 0 || isSame ? undefined : merged
}

/** Reroutes whatever of a message is pending, not being tried right now, and not owed to the sender. */
export async function reroute(store: QueueStore, input: RerouteInput): Promise<Rerouted> {
  const { id, now } = input
  const entry = isQueueId(id) ? await store.get(id) : undefined
  const wanted: { readonly index: number; readonly deliveries: readonly QueuedDelivery[]; readonly state: DeliveryState }[] = []
  for (const [index, state] of (entry?.states ?? []).entries()) {
    const delivery = entry?.message.deliveries[index]
    if (!delivery || state.place.kind === 'done' || state.place.kind === 'claimed' || state.owed) continue
    const deliveries = await waysOfDelivery(delivery, state, input)
    if (deliveries) wanted.push({ index, deliveries, state })
  }
  const taken: { readonly claim: Claim; readonly deliveries: readonly QueuedDelivery[] }[] = []
  for (const { index, deliveries, state } of wanted) {
    const claim = await store.claimOne(id, index)
    // Tried while the ways were asked for: who has it by now must not get it again.
    if (claim && !isAsPending(claim.state, state)) await store.release([claim], { kind: 'scheduled', at: now })
    else if (claim) taken.push({ claim, deliveries })
  }
  const [first, ...also] = taken.map(({ claim }) => ({ claim, state: ended(claim, now) }))
  if (!first) return { deliveries: [], id: undefined }
  const claims = taken.map(({ claim }) => claim)
  try {
    const { message } = first.claim
    const next: QueuedMessage = { ...message, id: makeQueueId(now), deliveries: taken.flatMap(({ deliveries }) => deliveries) }
    const result = await store.settle({ ...first, also, spawn: [{ message: next, source: store.body(message) }], now })
    if (result === 'lost') await store.release(claims, { kind: 'scheduled', at: now })
    else
      await begin(store, bornClaims(next, store.owner), {
        before: taken.flatMap(({ claim, deliveries }) => deliveries.map(() => claim.state)),
        now,
      })
    return result === 'lost' ? { deliveries: [], id: undefined } : { deliveries: claims.map(({ index }) => index), id: next.id }
  } catch (error) {
    await store.release(claims, { kind: 'scheduled', at: now })
    throw error
  }
}

/** Who was warned is not warned again, and a life that was counted anew goes on: what of the states of before is still true. */
async function begin(
  store: QueueStore,
  claims: readonly Claim[],
  { before, now }: { readonly before: readonly DeliveryState[]; readonly now: number },
): Promise<void> {
  const place = { kind: 'scheduled', at: now } as const
  const ends = claims.map((claim, at) => {
    const { warned = false, countedFrom } = before[at] ?? {}
    return { claim, state: { ...claim.state, place, warned, ...(countedFrom !== undefined && { countedFrom }) } }
  })
  const [first, ...also] = ends
  if (first && ends.some(({ state }) => state.warned || state.countedFrom !== undefined)) await store.settle({ ...first, also, now })
  else await store.release(claims, place)
}

function isAsPending({ recipients }: DeliveryState, before: DeliveryState): boolean {
  return recipients.every((each, at) => isPending(each) === isPending(before.recipients[at]))
}

/** Nobody is told: the recipients are still to be reached, as another message. */
function ended({ state }: Claim, now: number): Claim['state'] {
  const reply = { code: 250, text: 'Rerouted by the operator' }
  const recipients = state.recipients.map((each) => (isPending(each) ? ({ fate: 'cancelled', reply, at: now } as const) : each))
  return { ...state, place: { kind: 'done' }, recipients }
}

function together(deliveries: readonly QueuedDelivery[], most: number): QueuedDelivery[] {
  const merged: { readonly route: QueuedDelivery['route']; readonly lane: string; readonly recipients: Recipient[] }[] = []
  for (const { route, lane, recipients } of deliveries) {
    const same = merged.find((each) => each.lane === lane && alike(each.route, route))
    if (same) same.recipients.push(...recipients)
    else merged.push({ route, lane, recipients: [...recipients] })
  }
  return merged.flatMap(({ recipients, ...way }) => transactions(recipients, most).map((some) => ({ ...way, recipients: some })))
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
  return { via, ...(host !== undefined && { host: host.replace(/^\[|\]$/g, '') }), ...(port !== undefined && { port: Number(port) }) }
}
