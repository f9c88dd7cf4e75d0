/** All destinations and sites that are in use; those that are idle are forgotten. */
import { domainTest } from '@postroad/options'
import type { Route } from '@postroad/plugin'
import { meansDestination } from '../plan.ts'
import { Destination } from './destination.ts'
import type { EngineJob, EngineOptions } from './options.ts'
import { Site, type SiteRule } from './site.ts'

/** How long a looked-up site is good for, in milliseconds: domains move. DNS has its own idea, and its own cache. */
const LOCATED_MS = 300_000

/** Destinations and sites by name. */
export class Registry {
  readonly #options: EngineOptions
  readonly #destinations = new Map<string, Destination<EngineJob>>()
  readonly #sites = new Map<string, Site<EngineJob>>()
  #suspended: readonly string[] = []

  constructor(options: EngineOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#destinations.size
  }

  get(name: string): Destination<EngineJob> {
    const known = this.#destinations.get(name)
    if (known) return known
    const destination = new Destination<EngineJob>(name)
    destination.isSuspended = this.#isSuspended(destination)
    this.#destinations.set(name, destination)
    return destination
  }

  [Symbol.iterator](): Iterator<Destination<EngineJob>> {
    return this.#destinations.values()
  }

  get sites(): Iterable<Site<EngineJob>> {
    return this.#sites.values()
  }

  /** Finds out where the destination's transactions are counted, unless that is known; calls back when it had to wait for it. */
  locate(destination: Destination<EngineJob>, route: Route, located: () => void): void {
    if (destination.isLocating || destination.locateAt > this.#options.clock.monotonic()) return
    const rule = this.#options.siteOf(destination.name, route)
    if (!(rule instanceof Promise)) {
      this.#assign(destination, rule)
      destination.locateAt = Number.POSITIVE_INFINITY
      return
    }
    destination.isLocating = true
    const found = (site: SiteRule): void => {
      destination.isLocating = false
      destination.locateAt = this.#options.clock.monotonic() + LOCATED_MS
      this.#assign(destination, site)
      located()
    }
    rule.then(found, (error: unknown) => {
      // It is not to reject; a destination that waits for it for ever would be worse than one that is counted with care.
      this.#options.log.error(
        { error, lane: destination.name },
        'it could not be found out where a destination is counted',
      )
      found({ name: destination.name, limits: { concurrency: 1 } })
    })
  }

  /** Takes the targets an operator has stopped: destinations, domains, groups, mail hosts. Destinations that were not stopped before. */
  suspend(targets: readonly string[]): readonly Destination<EngineJob>[] {
    if (targets.length === 0 && this.#suspended.length === 0) return []
    this.#suspended = targets
    return [...this.#destinations.values()].filter((destination) => {
      const was = destination.isSuspended
      destination.isSuspended = this.#isSuspended(destination)
      return destination.isSuspended && !was
    })
  }

  /** Destinations for which the store has something. */
  noteStored(names: readonly string[]): void {
    for (const name of names) this.get(name).hasStored = true
  }

  /** Destinations with little to do for which the store has more. */
  hungry(): Destination<EngineJob>[] {
    const low = Math.max(1, this.#options.destinationLimit / 4)
    return [...this.#destinations.values()].filter(
      (destination) => destination.hasStored && !destination.isSuspended && destination.length < low,
    )
  }

  /** Forgets destinations and sites of which there is nothing to remember: a million dead domains must not stay in memory. */
  prune(now: number): void {
    const used = new Set<Site<EngineJob>>()
    for (const destination of this.#destinations.values()) {
      if (destination.isIdle(now)) this.#destinations.delete(destination.name)
      else if (destination.site) used.add(destination.site)
    }
    for (const site of this.#sites.values()) if (!used.has(site) && site.isIdle(now)) this.#sites.delete(site.name)
  }

  #assign(destination: Destination<EngineJob>, rule: SiteRule): void {
    if (destination.site?.name !== rule.name) {
      destination.site?.ready.delete(destination)
      destination.site = this.#sites.get(rule.name) ?? new Site<EngineJob>(rule, rule.backoff ?? this.#options.backoff)
      this.#sites.set(rule.name, destination.site)
    }
    destination.hosts = rule.hosts ?? []
    destination.isSuspended = this.#isSuspended(destination)
    if (destination.length > 0) destination.site.ready.add(destination)
  }

  #isSuspended({ name, site, hosts }: Destination<EngineJob>): boolean {
    return this.#suspended.some((target) => {
      if (meansDestination(target, name) || target === site?.name) return true
      return target.startsWith('mx:') && hosts.some(domainTest(target.slice(3)))
    })
  }
}
