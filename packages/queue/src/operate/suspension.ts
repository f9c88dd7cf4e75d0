/** Stops and starts deliveries to a destination, and says what that means: an operator must hear what still goes. */
import { meansDestination } from '../plan.ts'
import type { QueueStore, Suspension } from '../store.ts'
import { recipientsOf, type Selecting } from './filter.ts'

/** Messages looked at for what a suspension stops: it is in force already, and its operator in a hurry. */
const LOOK_LIMIT = 10_000

/** What a suspension stops, of what is in the queue now. */
export interface Suspended {
  readonly suspension: Suspension
  readonly messages: number
  readonly notes: readonly string[]
}

/** In force when it resolves. */
export async function suspendTarget(
  store: QueueStore,
  { target, reason }: { readonly target: string; readonly reason: string },
  selecting: Pick<Selecting, 'signal' | 'now'>,
): Promise<Suspended> {
  const suspension = { target: target.toLowerCase(), since: selecting.now(), reason }
  await store.suspend(suspension)
  // Of mail hosts and groups only the server knows which destinations they are.
  if (/^(mx|group):/.test(suspension.target)) return { suspension, messages: 0, notes: [] }
  return { suspension, ...(await stopped(store, suspension.target, selecting)) }
}

/** A domain whose route names its next hop goes by the destination of that, with other domains: an operator must hear that it still does. */
async function stopped(
  store: QueueStore,
  name: string,
  { signal }: Pick<Selecting, 'signal'>,
): Promise<Pick<Suspended, 'messages' | 'notes'>> {
  const others = new Set<string>()
  let [looked, messages] = [0, 0]
  for await (const entry of store.list({ signal })) {
    if (++looked > LOOK_LIMIT) break
    if (
      entry.message.deliveries.some(
        ({ destination }, at) => entry.states[at]?.status.kind !== 'done' && meansDestination(name, destination),
      )
    )
      messages++
    for (const { address, index } of recipientsOf(entry)) {
      const destination = entry.message.deliveries[index]?.destination ?? ''
      if (address.domain === name && !meansDestination(name, destination)) others.add(destination)
    }
  }
  const notes = [...others].map(
    (destination) =>
      `Mail for ${name} goes to the next hop that its route names: that is not stopped. It is, with all it carries, by: suspend ${destination}`,
  )
  if (others.size === 0 && messages === 0)
    notes.push(`Nothing that is in the queue now goes by ${JSON.stringify(name)}`)
  return { messages, notes }
}
