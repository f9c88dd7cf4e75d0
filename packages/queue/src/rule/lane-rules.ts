/** What the operator said of each destination: its limits, and its schedule. */
import type { LaneLimits } from '../engine/lane.ts'
import { matchesDomain } from '../plan.ts'
import { DEFAULT_SCHEDULE, type ScheduleOptions } from '../schedule.ts'
import type { DeliveryOptions, LaneOptions } from './delivery-options.ts'

/** Transactions at once with a destination of which nothing is said. */
const CONCURRENCY = 20

/** See above. */
export class LaneRules {
  /** Lanes that several destinations share. */
  readonly groups: readonly (readonly [pattern: string, lane: string])[]
  readonly #limited: readonly LaneOptions[]
  readonly #scheduled: readonly { readonly entry: LaneOptions; readonly schedule: ScheduleOptions }[]
  readonly #schedule: ScheduleOptions

  constructor(options: DeliveryOptions) {
    const { lanes } = options
    this.groups = lanes.flatMap(({ match, group }) => (group === undefined ? [] : [[match, group] as const]))
    this.#schedule = scheduleOf(options, DEFAULT_SCHEDULE)
    this.#limited = lanes.filter((entry) => (entry.concurrency ?? entry.perSecond ?? entry.group) !== undefined)
    this.#scheduled = lanes
      .filter(({ life, warnAfter, retry, retryByClass }) => (life ?? warnAfter ?? retry ?? retryByClass) !== undefined)
      // Waits that are given for a destination are meant as they stand: no class of failure has others by default.
      .map((entry) => ({ entry, schedule: scheduleOf(entry, entry.retry ? { ...this.#schedule, classWaits: {} } : this.#schedule) }))
  }

  /** When the mail of a lane is tried, and for how long. */
  readonly scheduleOf = (lane: string): ScheduleOptions =>
    this.#scheduled.find(({ entry }) => means(entry, lane))?.schedule ?? this.#schedule

  /** What a lane may do. */
  readonly limitsOf = (lane: string): LaneLimits => {
    const { concurrency = CONCURRENCY, perSecond } = this.#limited.find((entry) => means(entry, lane)) ?? {}
    return perSecond === undefined ? { concurrency } : { concurrency, perSecond }
  }
}

/** Whether an entry means a lane: by transport, group, domain or host. */
function means({ match, group }: LaneOptions, lane: string): boolean {
  const at = lane.indexOf(':')
  const via = at === -1 ? lane : lane.slice(0, at)
  const target = at === -1 ? '' : lane.slice(at + 1).replace(/:\d+$/, '')
  return match === via || group === target || matchesDomain(match, target)
}

function scheduleOf(
  { life, warnAfter, retry, retryByClass }: Pick<LaneOptions, 'life' | 'warnAfter' | 'retry' | 'retryByClass'>,
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
