/** Carriers that ask the lanes of all nodes before they make a connection. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Carrier,
  type CarrierJob,
  type CarrierRecipient,
  type Carriers,
  type LaneLimits,
  laneOf,
  type RecipientOutcome,
  type Reply,
} from '@postroad/queue'
import { healthOf, type SharedLanes } from './shared-lanes.ts'

/** Milliseconds between tries while Redis is away: nobody knows then how many connections there are. */
const AWAY_PAUSE_MS = 500

const LATE: Reply = { code: 451, status: '4.4.5', text: 'The destination had no place free in time' }

/** What limiting needs. */
export interface LimitedOptions {
  readonly lanes: SharedLanes
  readonly groups: readonly (readonly [pattern: string, lane: string])[]
  limits(lane: string): LaneLimits
  /** Aborted when the process ends: who still waits then is put back without an attempt. */
  readonly closing: AbortSignal
}

/** Wraps carriers; what is local (`maildir`, `discard`) has a lane like everything else. */
export function limitedCarriers(carriers: Carriers, options: LimitedOptions): Carriers {
  return (route) => {
    const found = carriers(route)
    if (!found) return undefined
    const deliver = (job: CarrierJob): Promise<readonly RecipientOutcome[]> => deliverWithin(found.carrier, job, options)
    return { relays: found.relays, carrier: { deliver } }
  }
}

async function deliverWithin(carrier: Carrier, job: CarrierJob, options: LimitedOptions): Promise<readonly RecipientOutcome[]> {
  const [first] = job.recipients
  if (!first) return []
  const lane = laneOf(job.route, first.address, options.groups)
  const entry = await enter(lane, job.signal, options)
  if (typeof entry !== 'string') return job.recipients.map((recipient) => ({ recipient, kind: 'deferred', reply: entry }))
  let outcomes: readonly RecipientOutcome[] | undefined
  try {
    outcomes = await carrier.deliver(job)
    return outcomes
  } finally {
    const failure = outcomes && commonFailure(outcomes)
    await options.lanes.leave(lane, entry, { health: outcomes ? (failure ? healthOf(failure) : 'up') : 'none', reply: failure })
  }
}

/** The permit, or why there is none. */
async function enter(lane: string, signal: AbortSignal, { lanes, limits, closing }: LimitedOptions): Promise<string | Reply> {
  while (!signal.aborted && !closing.aborted) {
    const entry = await lanes.enter(lane, limits(lane)).catch(() => ({ kind: 'wait', ms: AWAY_PAUSE_MS }) as const)
    if (entry.kind === 'enter') return entry.permit
    if (entry.kind === 'closed') return entry.reply
    await sleep(entry.ms, undefined, { signal: AbortSignal.any([signal, closing]) }).catch(() => {}) // the loop looks why
  }
  // No attempt was made, so none is to be counted: the claim goes back when the store closes.
  if (closing.aborted) return new Promise(() => {})
  return LATE
}

/** The failure that all recipients share: it may be the destination's. */
function commonFailure(outcomes: readonly RecipientOutcome<CarrierRecipient>[]): Reply | undefined {
  return outcomes.every(({ kind }) => kind === 'deferred') ? outcomes[0]?.reply : undefined
}
