/** All lanes that are in use; those that are idle are forgotten. */
import { Lane } from './lane.ts'
import type { EngineOptions, Job } from './options.ts'

/** Lanes by name. */
export class LaneBook {
  readonly #options: EngineOptions
  readonly #lanes = new Map<string, Lane<Job>>()
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
    const lane = new Lane<Job>(name, this.#options.limits(name), this.#options.backoff)
    lane.isSuspended = this.#isSuspended(name)
    this.#lanes.set(name, lane)
    return lane
  }

  [Symbol.iterator](): Iterator<Lane<Job>> {
    return this.#lanes.values()
  }

  /** Lanes, or domains of lanes, that the operator has stopped; true when one of before is stopped no more. */
  suspend(targets: readonly string[]): boolean {
    this.#suspended = targets
    let isResumed = false
    for (const lane of this.#lanes.values()) {
      const was = lane.isSuspended
      lane.isSuspended = this.#isSuspended(lane.name)
      isResumed ||= was && !lane.isSuspended
    }
    return isResumed
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

  /** Forgets a lane of which there is nothing to remember. */
  forget(lane: Lane<Job>, now: number): void {
    if (lane.isIdle(now)) this.#lanes.delete(lane.name)
  }

  /** Forgets all such lanes: a million dead domains must not stay in memory. */
  prune(now: number): void {
    for (const lane of this.#lanes.values()) this.forget(lane, now)
  }

  #isSuspended(name: string): boolean {
    return this.#suspended.some((target) => name === target || name.endsWith(`:${target}`))
  }
}
