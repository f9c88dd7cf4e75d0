/** What the operator said of each destination: where its transactions are counted, its limits, and its schedule. */
import { domainTest } from '@postroad/options'
import type { Route } from '@postroad/plugin'
import { FIXED_BACKOFF, type SiteLimits, type SiteRule } from '../engine/site.ts'
import { DEFAULT_SCHEDULE, longestPause, type ScheduleOptions } from '../schedule.ts'
import type { DeliveryOptions, DestinationOptions } from './delivery-options.ts'

/** Transactions at once with a destination of which nothing is said. */
const CONCURRENCY = 20

/** The names of the best mail hosts of a domain. Rejects when there are none, or DNS does not answer. */
export type MailHosts = (domain: string) => Promise<readonly string[]>

/** An entry whose pattern, of destinations or of mail hosts, is ready to be asked. */
interface Entry extends DestinationOptions {
  readonly fits: (name: string) => boolean
}

/** The rules of all destinations, as the options of a queue plugin say them. */
export class DestinationRules {
  readonly #limited: readonly Entry[]
  readonly #scheduled: readonly { readonly entry: Entry; readonly schedule: ScheduleOptions }[]
  readonly #schedule: ScheduleOptions
  readonly #mailHosts: MailHosts | undefined

  /** @param mailHosts absent: `smtp` does not go by MX */
  constructor(
    options: Pick<DeliveryOptions, 'lanes' | 'life' | 'warnAfter' | 'retry' | 'retryByClass'>,
    mailHosts?: MailHosts,
  ) {
    this.#mailHosts = mailHosts
    this.#schedule = scheduleOf(options, DEFAULT_SCHEDULE)
    const entries = options.lanes.map((entry): Entry => ({ ...entry, fits: domainTest(entry.match ?? entry.mx ?? '') }))
    this.#limited = entries.filter((entry) => (entry.concurrency ?? entry.perSecond ?? entry.group) !== undefined)
    this.#scheduled = entries
      .filter(({ life, warnAfter, retry, retryByClass }) => (life ?? warnAfter ?? retry ?? retryByClass) !== undefined)
      // Waits that are given for a destination are meant as they stand: no class of failure has others by default.
      .map((entry) => ({
        entry,
        schedule: scheduleOf(entry, entry.retry ? { ...this.#schedule, classWaits: {} } : this.#schedule),
      }))
  }

  /** An operator wrote down limits. */
  get hasLimits(): boolean {
    return this.#limited.length > 0
  }

  /** When the mail of a destination is tried, and for how long. */
  readonly scheduleOf = (destination: string): ScheduleOptions => {
    const means = meaning(destination)
    return this.#scheduled.find(({ entry }) => means(entry))?.schedule ?? this.#schedule
  }

  /** Milliseconds that an attempt is away at most, whatever the destination. */
  get longestPauseMs(): number {
    return Math.max(...[this.#schedule, ...this.#scheduled.map(({ schedule }) => schedule)].map(longestPause))
  }

  /** Where the transactions of a destination are counted, and what is allowed there; a promise only when mail hosts decide. Never rejects. */
  readonly siteOf = (destination: string, { via, host }: Pick<Route, 'via' | 'host'>): SiteRule | Promise<SiteRule> => {
    const named = this.#limited.findIndex(meaning(destination))
    const entry = this.#limited[named]
    const [, domain] = split(destination)
    const own = this.#rule(entry?.group === undefined ? destination : `group:${entry.group}`, entry)
    if (via !== 'smtp' || host !== undefined || domain === '') return { ...own, backoff: FIXED_BACKOFF }
    if (!this.#mailHosts) return own
    const before = this.#limited.slice(0, entry ? named : undefined).filter(({ mx }) => mx !== undefined)
    // A rule that names the domain counts it by itself, whatever its mail hosts are.
    const isNamed = entry !== undefined && ((entry.match !== '*' && entry.match !== via) || entry.group !== undefined)
    if (before.length === 0 && isNamed) return own
    return this.#mailHosts(domain).then(
      (hosts) => this.#byHosts(hosts, { before, entry, own: isNamed ? own : undefined }),
      // The attempt itself will say what is wrong with DNS.
      () => own,
    )
  }

  #byHosts(
    hosts: readonly string[],
    {
      before,
      entry,
      own,
    }: { readonly before: readonly Entry[]; readonly entry: Entry | undefined; readonly own: SiteRule | undefined },
  ): SiteRule {
    const found = before.find(({ fits }) => hosts.some(fits))
    if (found)
      return {
        ...this.#rule(found.group === undefined ? `mx:${found.mx?.toLowerCase()}` : `group:${found.group}`, found),
        hosts,
      }
    return { ...(own ?? this.#rule(`mx:${hosts.join(',')}`, entry)), hosts }
  }

  /** The limits of a group are those of its first entry. */
  #rule(name: string, entry: DestinationOptions | undefined): SiteRule {
    const said = entry?.group === undefined ? entry : this.#limited.find(({ group }) => group === entry.group)
    return { name, limits: limitsOf(said), isWritten: said !== undefined }
  }
}

function limitsOf({
  concurrency = CONCURRENCY,
  perSecond,
}: Pick<DestinationOptions, 'concurrency' | 'perSecond'> = {}): SiteLimits {
  return perSecond === undefined ? { concurrency } : { concurrency, perSecond }
}

/** Transport, and domain or host without the port. */
function split(destination: string): [via: string, target: string] {
  const at = destination.indexOf(':')
  return at === -1 ? [destination, ''] : [destination.slice(0, at), destination.slice(at + 1).replace(/:\d+$/, '')]
}

/** Whether an entry names a destination: by transport, domain or host. */
function meaning(destination: string): (entry: Entry) => boolean {
  const [via, target] = split(destination)
  return ({ match, fits }) => match !== undefined && (match === via || fits(target))
}

function scheduleOf(
  { life, warnAfter, retry, retryByClass }: Pick<DestinationOptions, 'life' | 'warnAfter' | 'retry' | 'retryByClass'>,
  base: ScheduleOptions,
): ScheduleOptions {
  return {
    ...base,
    ...(life !== undefined && { lifeMs: life }),
    ...(warnAfter !== undefined && { warnAfterMs: warnAfter }),
    ...(retry && { waits: retry }),
    classWaits: { ...base.classWaits, ...(retryByClass as ScheduleOptions['classWaits']) }, // zod writes absent keys as undefined
  }
}
