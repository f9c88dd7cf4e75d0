/** FindTransport that ask for a slot before they make a connection: limits then hold over all processes, not in each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Job, NotTried, type Outcome, type Reply, type Transport } from '@postroad/mail'
import type { Route } from '@postroad/plugin'
import { destinationOf } from '../plan.ts'
import { commonFailure } from './attempt.ts'
import type { FindTransport } from './find-transport.ts'
import { healthOf, type SiteRule } from './site.ts'
import type { SiteSlots } from './slots.ts'

/** Milliseconds between tries while nobody can say how many connections there are. */
const AWAY_PAUSE_MS = 500
/** The longest pause in milliseconds: so soon it is seen that the process ends. */
const MAX_PAUSE_MS = 1_000

/** What limiting needs. */
export interface LimitedOptions {
  readonly slots: SiteSlots
  siteOf(destination: string, route: Route): SiteRule | Promise<SiteRule>
  /** Whether a site's limits are shared; where not, each process has them for itself. */
  isShared(site: SiteRule): boolean
  /** Aborted when the process ends: who still waits then is given back. */
  readonly closing: AbortSignal
}

/** Wraps transports; what is local (`maildir`, `discard`) has a destination like everything else. */
export function limitedTransports(transports: FindTransport, options: LimitedOptions): FindTransport {
  return (route) => {
    const found = transports(route)
    if (!found) return undefined
    const deliver = (job: Job): Promise<readonly Outcome[]> => deliverWithin(found.transport, job, options)
    return { relays: found.relays, transport: { deliver } }
  }
}

async function deliverWithin(
  transport: Pick<Transport, 'deliver'>,
  job: Job,
  options: LimitedOptions,
): Promise<readonly Outcome[]> {
  const [first] = job.recipients
  if (!first) return []
  const site = await options.siteOf(destinationOf(job.route, first.address), job.route)
  if (!options.isShared(site)) return transport.deliver(job)
  const entry = await enter(site, job.signal, options)
  if (typeof entry !== 'string')
    return job.recipients.map((recipient) => ({ recipient, kind: 'deferred', reply: entry }))
  let outcomes: readonly Outcome[] | undefined
  try {
    outcomes = await transport.deliver(job)
    return outcomes
  } finally {
    const reply = outcomes && commonFailure(outcomes)
    const health = outcomes ? (reply && healthOf(reply) !== 'up' ? 'down' : 'up') : 'none'
    await options.slots.leave(site.name, entry, { health, reply, backoff: site.backoff })
  }
}

/** The slot, or the reply that closed the site. */
async function enter(
  { name, limits }: SiteRule,
  signal: AbortSignal,
  { slots, closing }: LimitedOptions,
): Promise<string | Reply> {
  while (!signal.aborted && !closing.aborted) {
    const entry = await slots.enter(name, limits).catch(() => ({ kind: 'wait', ms: AWAY_PAUSE_MS }) as const)
    if (entry.kind === 'enter') return entry.slot
    if (entry.kind === 'closed') return entry.reply
    await sleep(Math.min(entry.ms, MAX_PAUSE_MS), undefined, { signal }).catch(() => {}) // the loop looks why
  }
  throw new NotTried()
}
