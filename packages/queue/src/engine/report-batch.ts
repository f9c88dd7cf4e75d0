/** Finds what can be told in one notification: other deliveries of a message whose report is pending, or that are late as well. */
import type { DsnRecipient } from '../dsn/dsn.ts'
import type { DeliveryState, DeliveryStatus, Lease } from '../model.ts'
import { isPending, lifeBegan, reported, wants } from '../state.ts'
import type { LeaseEnd, QueueStore } from '../store.ts'
import type { EngineOptions } from './options.ts'

/** Ends of deliveries of one message, and what is told of them. */
export interface ReportBatch {
  readonly ends: readonly Pick<LeaseEnd, 'lease' | 'state'>[]
  readonly reports: readonly DsnRecipient[]
}

/** Leases with pending reports, by message. */
export function byMessage(leases: readonly Lease[]): Lease[][] {
  const messages = new Map<string, Lease[]>()
  for (const lease of leases) {
    const known = messages.get(lease.message.id)
    if (known) known.push(lease)
    else messages.set(lease.message.id, [lease])
  }
  return [...messages.values()]
}

/** All pending reports of one message: of these leases, and of whatever else of it has one and is free. */
export async function pendingReports(store: QueueStore, leases: readonly Lease[]): Promise<ReportBatch> {
  const id = leases[0]?.message.id ?? ''
  const { states } = (await store.get(id)) ?? { states: [] }
  const others = await claimFree(store, id, states.map(({ pendingReport, status }, index) => pendingReport !== undefined && isFree(status) && leases.every((lease) => lease.index !== index))) // biome-ignore format: long
  const all = [...leases, ...others].map((lease) => ({ lease, ...reported(lease.state) }))
  return {
    ends: all,
    reports: all.flatMap(({ lease, reports }) => reports.map((each) => ({ ...each, delivery: lease.index }))),
  }
}

/** Other deliveries of a message that is told to be late, when they are late too: they are told with it, and go back to where they were. */
export async function lateReports(
  { store, scheduleOf }: EngineOptions,
  lease: Lease,
  now: number,
): Promise<ReportBatch> {
  const { message } = lease
  const { states } = (await store.get(message.id)) ?? { states: [] }
  const isLate = (state: DeliveryState, index: number): boolean => {
    const { status, warned, pendingReport } = state
    if (!isFree(status) || warned || pendingReport !== undefined) return false
    const { warnAfterMs } = scheduleOf(message.deliveries[index]?.destination ?? '')
    return warnAfterMs > 0 && now - lifeBegan(message, state, { now }) >= warnAfterMs
  }
  const others = await claimFree(store, message.id, states.map(isLate))
  // A lease has forgotten where its delivery was.
  const ends = others.map((other) => ({
    lease: other,
    state: { ...other.state, status: statusBefore(states[other.index], now), warned: true },
  }))
  const reports = others.flatMap(({ index, state }) => {
    const delivery = message.deliveries[index]
    const until = lifeBegan(message, state, { now }) + scheduleOf(delivery?.destination ?? '').lifeMs
    return state.recipients.flatMap((each, recipient): DsnRecipient[] =>
      delivery && isPending(each) && wants(delivery, recipient, 'DELAY')
        ? [{ action: 'delayed', recipient, delivery: index, state: each, until }]
        : [],
    )
  })
  return { ends, reports }
}

function statusBefore(state: DeliveryState | undefined, now: number): DeliveryStatus {
  return state && isFree(state.status) ? state.status : { kind: 'scheduled', at: now }
}

function isFree({ kind }: DeliveryStatus): boolean {
  return kind === 'scheduled' || kind === 'waiting'
}

/** Claims the deliveries that are wanted; one that another process has claimed first stays with it. */
async function claimFree(store: QueueStore, id: string, wanted: readonly boolean[]): Promise<Lease[]> {
  const taken = await Promise.allSettled(
    wanted.map((isWanted, index) => (isWanted ? store.claimOne(id, index) : undefined)),
  )
  // What could not be claimed is told by itself later; what could is in our hands.
  return taken.flatMap((each) => (each.status === 'fulfilled' && each.value ? [each.value] : []))
}
