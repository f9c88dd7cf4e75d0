/** Ends a message by the operator's word: works in any process, with or without a server. */

import type { Reply } from '@postroad/mail'
import { birth } from './birth.ts'
import { type ReporterOptions, report } from './engine/reporter.ts'
import type { EventWriter } from './outbox/event-writer.ts'
import { cancel } from './state.ts'
import type { QueueStore } from './store.ts'

/** What is given up, and why. */
export interface GiveUpInput {
  readonly id: string
  /** Told to the sender; 5yz. */
  readonly reply: Reply
  readonly now: number
  /** What is written down for programs. */
  readonly events?: EventWriter | undefined
}

/**
 * Gives up whatever of a message is pending and not being tried right now; the sender is told in one notification. Resolves to
 * the indexes of the deliveries that have ended.
 */
export async function giveUp(
  store: QueueStore,
  { id, reply, now, events: writer }: GiveUpInput,
  options: ReporterOptions,
): Promise<readonly number[]> {
  const { states } = (await store.get(id)) ?? { states: [] }
  const taken = await Promise.all(
    states.map(({ status }, index) => (status.kind === 'done' ? undefined : store.claimOne(id, index))),
  )
  const leases = taken.filter((lease) => lease !== undefined)
  const ends = leases.flatMap((lease) => {
    const delivery = lease.message.deliveries[lease.index]
    return delivery ? [{ lease, ...cancel(lease.message, delivery, { state: lease.state, reply, now }) }] : []
  })
  const [first, ...also] = ends
  if (!first) return []
  try {
    const { message } = first.lease
    const reports = ends.flatMap((end) => end.reports.map((each) => ({ ...each, delivery: end.lease.index })))
    const spawn = await report({ message, reports, source: store.content(message), now }, options)
    const events = ends.flatMap((end) => writer?.ended(end.lease, end, now) ?? [])
    const result = await store.record({ lease: first.lease, state: first.state, also, spawn, events, now })
    // A process that delivers will find them there; this one may only take mail in.
    const left = result === 'lost' ? leases : spawn.flatMap((each) => birth.leases(each.message, store.owner))
    await store.release(left, { kind: 'scheduled', at: now })
    return result === 'lost' ? [] : leases.map(({ index }) => index)
  } catch (error) {
    await store.release(leases, { kind: 'scheduled', at: now })
    throw error
  }
}
