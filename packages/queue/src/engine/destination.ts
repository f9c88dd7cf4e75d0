/** One destination as the queue knows it: a domain, or the host of a route. What it has to do, and where its transactions are counted. */
import type { Site } from './site.ts'

/** The work of one destination that is in memory. `J` is what the engine queues. */
export class Destination<J> {
  readonly name: string
  /** Just accepted; go first. */
  readonly fresh: J[] = []
  /** Came from the store. */
  readonly backlog: J[] = []
  /** More of it waits in the store. */
  hasStored = false
  isSuspended = false
  /** Unknown until the mail hosts have been looked up. */
  site: Site<J> | undefined
  /** Best mail hosts. */
  hosts: readonly string[] = []
  /** It is being found out where this destination belongs. */
  isLocating = false
  /** When to find out again, by the monotonic clock. */
  locateAt = Number.NEGATIVE_INFINITY
  #turn = 0

  constructor(name: string) {
    this.name = name
  }

  get length(): number {
    return this.fresh.length + this.backlog.length
  }

  /** Nothing to remember: the destination can be forgotten. */
  isIdle(now: number): boolean {
    return this.length === 0 && !this.hasStored && !this.isSuspended && !this.isLocating && !this.site?.hasFailures(now)
  }

  /** Until when the destination is left alone; 0: it is not, as far as is known. */
  blockedUntil(now: number): number {
    return this.site?.blockedUntil(now) ?? 0
  }

  /** The next job: three fresh ones for one of the backlog, so that neither starves. */
  shift(mayTakeBacklog: boolean): J | undefined {
    const wantsBacklog = this.fresh.length === 0 || this.#turn % 4 === 3
    this.#turn++
    if (wantsBacklog && mayTakeBacklog && this.backlog.length > 0) return this.backlog.shift()
    return this.fresh.shift()
  }

  /** Empties the destination. */
  clear(): J[] {
    this.site?.ready.delete(this)
    return [...this.fresh.splice(0), ...this.backlog.splice(0)]
  }
}
