/** Finds what can be told in one notification: other deliveries of a message that owe news, or are late as well. */
import type { DsnRecipient } from '../dsn/dsn.ts'
import type { Claim, DeliveryState, Place } from '../model.ts'
import { isPending, lifeBegan, told, wants } from '../state.ts'
import type { QueueStore, Settlement } from '../store.ts'
import type { EngineOptions } from './options.ts'

/** Ends of deliveries of one message, and what is told of them. */
export interface News {
  readonly ends: readonly Pick<Settlement, 'claim' | 'state'>[]
  readonly reports: readonly DsnRecipient[]
}

/** Claims that owe news, by message. */
export function byMessage(claims: readonly Claim[]): Claim[][] {
  const messages = new Map<string, Claim[]>()
  for (const claim of claims) {
    const known = messages.get(claim.message.id)
    if (known) known.push(claim)
    else messages.set(claim.message.id, [claim])
  }
  return [...messages.values()]
}

/** The news that one message owes: of these claims, and of whatever else of it owes and is free. */
export async function owedNews(store: QueueStore, claims: readonly Claim[]): Promise<News> {
  const id = claims[0]?.message.id ?? ''
  const { states } = (await store.get(id)) ?? { states: [] }
  const others = await claimFree(store, id, states.map(({ owed, place }, index) => owed !== undefined && isFree(place) && claims.every((claim) => claim.index !== index))) // biome-ignore format: long
  const all = [...claims, ...others].map((claim) => ({ claim, ...told(claim.state) }))
  return { ends: all, reports: all.flatMap(({ claim, reports }) => reports.map((each) => ({ ...each, delivery: claim.index }))) }
}

/** Other deliveries of a message that is told to be late, when they are late too: they are told with it, and go back to where they were. */
export async function lateNews({ store, scheduleOf }: EngineOptions, claim: Claim, now: number): Promise<News> {
  const { message } = claim
  const { states } = (await store.get(message.id)) ?? { states: [] }
  const isLate = (state: DeliveryState, index: number): boolean => {
    const { place, warned, owed } = state
    if (!isFree(place) || warned || owed !== undefined) return false
    const { warnAfterMs } = scheduleOf(message.deliveries[index]?.lane ?? '')
    return warnAfterMs > 0 && now - lifeBegan(message, state, { now }) >= warnAfterMs
  }
  const others = await claimFree(store, message.id, states.map(isLate))
  // A claim has forgotten where its delivery was.
  const ends = others.map((other) => ({
    claim: other,
    state: { ...other.state, place: placeBefore(states[other.index], now), warned: true },
  }))
  const reports = others.flatMap(({ index, state }) => {
    const delivery = message.deliveries[index]
    const until = lifeBegan(message, state, { now }) + scheduleOf(delivery?.lane ?? '').lifeMs
    return state.recipients.flatMap((each, recipient): DsnRecipient[] =>
      delivery && isPending(each) && wants(delivery, recipient, 'DELAY')
        ? [{ action: 'delayed', recipient, delivery: index, state: each, until }]
        : [],
    )
  })
  return { ends, reports }
}

function placeBefore(state: DeliveryState | undefined, now: number): Place {
  return state && isFree(state.place) ? state.place : { kind: 'scheduled', at: now }
}

function isFree({ kind }: Place): boolean {
  return kind === 'scheduled' || kind === 'waiting'
}

/** Claims those deliveries that are wanted; who was quicker keeps theirs. */
async function claimFree(store: QueueStore, id: string, wanted: readonly boolean[]): Promise<Claim[]> {
  const taken = await Promise.allSettled(wanted.map((isWanted, index) => (isWanted ? store.claimOne(id, index) : undefined)))
  // What could not be claimed is told by itself later; what could is in our hands.
  return taken.flatMap((each) => (each.status === 'fulfilled' && each.value ? [each.value] : []))
}
