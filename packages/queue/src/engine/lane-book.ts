/** All lanes and sites that are in use; those that are idle are forgotten. */
import { domainTest } from '@postroad/options'
import type { Route } from '@postroad/plugin'
import { meansLane } from '../plan.ts'
import { Lane } from './lane.ts'
import type { EngineOptions, Job } from './options.ts'
import { Site, type SiteRule } from './site.ts'

/** How long a looked-up site is good for, in milliseconds: domains move. DNS has its own idea, and its own cache. */
const LOCATED_MS = 300_000

/** Lanes and sites by name. */
export class LaneBook {
  readonly #options: EngineOptions
  readonly #lanes = new Map<string, Lane<Job>>()
  readonly #sites = new Map<string, Site<Job>>()
  #suspended: readonly string[] = []

  constructor(options: EngineOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#lanes.size
  }

  get(name: string): Lane<Job> {
    const known = this.#lanes.get(name)
    if (known) return known
    const lane = new Lane<Job>(name)
    lane.isSuspended = this.#isSuspended(lane)
    this.#lanes.set(name, lane)
    return lane
  }

  [Symbol.iterator](): Iterator<Lane<Job>> {
    return this.#lanes.values()
  }

  get sites(): Iterable<Site<Job>> {
    return this.#sites.values()
  }

  /** Finds out where the lane's transactions are counted, unless that is known; calls back when it had to wait for it. */
  locate(lane: Lane<Job>, route: Route, located: () => void): void {
    if (lane.isLocating || lane.locateAt > this.#options.clock.monotonic()) return
    const rule = this.#options.siteOf(lane.name, route)
    if (!(rule instanceof Promise)) {
      this.#place(lane, rule)
      lane.locateAt = Number.POSITIVE_INFINITY
      return
    }
    lane.isLocating = true
    const found = (site: SiteRule): void => {
      lane.isLocating = false
      lane.locateAt = this.#options.clock.monotonic() + LOCATED_MS
      this.#place(lane, site)
      located()
    }
    rule.then(found, (error: unknown) => {
      // It is not to reject; a lane that waits for it for ever would be worse than one that is counted with care.
      this.#options.log.error({ error, lane: lane.name }, 'it could not be found out where a lane is counted')
      found({ name: lane.name, limits: { concurrency: 1 } })
    })
  }

  /** Takes the targets an operator has stopped: lanes, domains, groups, mail hosts. Lanes that were not stopped before. */
  suspend(targets: readonly string[]): readonly Lane<Job>[] {
    if (targets.length === 0 && this.#suspended.length === 0) return []
    this.#suspended = targets
    return [...this.#lanes.values()].filter((lane) => {
      const was = lane.isSuspended
      lane.isSuspended = this.#isSuspended(lane)
      return lane.isSuspended && !was
    })
  }

  /** Lanes for which the store has something. */
  noteStored(names: readonly string[]): void {
    for (const name of names) this.get(name).hasStored = true
  }

  /** Lanes with little to do for which the store has more. */
  hungry(): Lane<Job>[] {
    const low = Math.max(1, this.#options.laneLimit / 4)
    return [...this.#lanes.values()].filter((lane) => lane.hasStored && !lane.isSuspended && lane.length < low)
  }

  /** Forgets lanes and sites of which there is nothing to remember: a million dead domains must not stay in memory. */
  prune(now: number): void {
    const used = new Set<Site<Job>>()
    for (const lane of this.#lanes.values()) {
      if (lane.isIdle(now)) this.#lanes.delete(lane.name)
      else if (lane.site) used.add(lane.site)
    }
    for (const site of this.#sites.values()) if (!used.has(site) && site.isIdle(now)) this.#sites.delete(site.name)
  }

  #place(lane: Lane<Job>, rule: SiteRule): void {
    if (lane.site?.name !== rule.name) {
      lane.site?.ready.delete(lane)
      lane.site = this.#sites.get(rule.name) ?? new Site<Job>(rule, rule.backoff ?? this.#options.backoff)
      this.#sites.set(rule.name, lane.site)
    }
    lane.hosts = rule.hosts ?? []
    lane.isSuspended = this.#isSuspended(lane)
    if (lane.length > 0) lane.site.ready.add(lane)
  }

  #isSuspended({ name, site, hosts }: Lane<Job>): boolean {
    return this.#suspended.some((target) => {
      if (meansLane(target, name) || target === site?.name) return true
      return target.startsWith('mx:') && hosts.some(domainTest(target.slice(3)))
    })
  }
}
