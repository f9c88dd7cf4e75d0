/** The queue by destination: how much waits where, for how long, and what was said last. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { meansDestination } from '../plan.ts'
import type { QueueEntry, QueueStore, Suspension } from '../store.ts'
import { recipientsOf } from './filter.ts'
import { type Bare, lastReplyOf } from './view.ts'

type Sites = Bare<ApiAnswer<'sites'>>
type Site = ApiShape<'site'>

/** Ends of the classes of age, all but the last: 5 minutes, an hour, 6 hours, a day. */
export const AGES: readonly number[] = [300_000, 3_600_000, 21_600_000, 86_400_000]
/** Messages that are looked at: who has more is told that the rest was not counted. */
const LOOK_LIMIT = 200_000
/** Milliseconds for the same. */
const LOOK_MS = 5_000
/** Domains of a destination that are named. */
const NAMED = 20

interface Counting {
  messages: number
  recipients: number
  held: number
  octets: number
  oldestAt: number
  nextAt: number
  readonly ages: number[]
  readonly domains: Map<string, number>
  lastReply: Site['lastReply']
}

/** Counts; the oldest first, so that what is not counted is the newest. */
export async function sitesOfQueue(
  store: QueueStore,
  { name, now, signal }: { readonly name: string; readonly signal: AbortSignal; now(): number },
): Promise<Sites> {
  const [began, sites] = [now(), new Map<string, Counting>()]
  const ages = [...AGES, 0].map(() => 0)
  let [messages, complete, oldestAt] = [0, true, Number.POSITIVE_INFINITY]
  for await (const entry of store.list({ signal })) {
    if (messages >= LOOK_LIMIT || (messages % 1_000 === 999 && now() - began > LOOK_MS)) {
      complete = false
      break
    }
    messages++
    count(entry, sites, began)
    const at = classOf(entry.message.queuedAt, began)
    ages[at] = (ages[at] ?? 0) + 1
    oldestAt = Math.min(oldestAt, entry.message.queuedAt)
  }
  const [suspensions, stats] = await Promise.all([store.suspensions(), store.stats()])
  for (const { target } of suspensions) if (target.includes(':') && !sites.has(target)) sites.set(target, counting())
  return {
    queue: name,
    bounds: [...AGES],
    ages,
    ...(Number.isFinite(oldestAt) && { oldestAt }),
    sites: [...sites].map(([site, one]) => shown(site, one, suspensions)).sort((a, b) => b.messages - a.messages),
    messages: complete ? messages : Math.max(messages, stats.messages),
    corrupt: stats.corrupt,
    ...(stats.freeBytes !== undefined && { freeOctets: stats.freeBytes }),
    complete,
  }
}

function counting(): Counting {
  return {
    messages: 0,
    recipients: 0,
    held: 0,
    octets: 0,
    oldestAt: Number.POSITIVE_INFINITY,
    nextAt: Number.POSITIVE_INFINITY,
    ages: [...AGES, 0].map(() => 0),
    domains: new Map(),
    lastReply: undefined,
  }
}

function count(entry: QueueEntry, sites: Map<string, Counting>, now: number): void {
  const { message, states } = entry
  const touched = new Set<Counting>()
  const age = classOf(message.queuedAt, now)
  for (const [index, { destination }] of message.deliveries.entries()) {
    const state = states[index]
    if (!state || state.status.kind === 'done') continue
    let site = sites.get(destination)
    if (!site) sites.set(destination, (site = counting()))
    touched.add(site)
    if (state.status.kind === 'held') site.held++
    if (state.status.kind === 'scheduled') site.nextAt = Math.min(site.nextAt, state.status.at)
    const reply = lastReplyOf(state)
    if (reply && reply.at >= (site.lastReply?.at ?? 0)) site.lastReply = reply
  }
  for (const site of touched) {
    site.messages++
    site.octets += message.size
    site.oldestAt = Math.min(site.oldestAt, message.queuedAt)
    site.ages[age] = (site.ages[age] ?? 0) + 1
  }
  for (const { address, index } of recipientsOf(entry)) {
    const site = sites.get(message.deliveries[index]?.destination ?? '')
    if (!site) continue
    site.recipients++
    site.domains.set(address.domain, (site.domains.get(address.domain) ?? 0) + 1)
  }
}

function classOf(queuedAt: number, now: number): number {
  const age = AGES.findIndex((end) => now - queuedAt < end)
  return age < 0 ? AGES.length : age
}

function shown(site: string, one: Counting, suspensions: readonly Suspension[]): Site {
  const domains = [...one.domains].sort(([, a], [, b]) => b - a)
  const stop = suspensions.find(({ target }) => meansDestination(target, site))
  return {
    site,
    domains: domains.slice(0, NAMED).map(([domain]) => domain),
    domainCount: domains.length,
    messages: one.messages,
    recipients: one.recipients,
    held: one.held,
    ages: one.ages,
    octets: one.octets,
    ...(Number.isFinite(one.oldestAt) && { oldestAt: one.oldestAt }),
    ...(one.lastReply && { lastReply: one.lastReply }),
    ...(Number.isFinite(one.nextAt) && { nextAt: Math.round(one.nextAt) }),
    ...(stop && { suspended: { target: stop.target, since: stop.since, reason: stop.reason } }),
  }
}
