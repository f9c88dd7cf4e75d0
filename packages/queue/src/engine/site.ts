/** Where the transactions of one or of many destinations are counted: how many at once, how fast, and when to leave it alone. Pure but for its own counters; time comes from outside, by a clock that never jumps. */

import type { Reply } from '@postroad/mail'
import { classify } from '../classify.ts'

/** What the operator allows a site. */
export interface SiteLimits {
  /** Transactions at once. */
  readonly concurrency: number
  /** Transactions a second; absent: as fast as it goes. */
  readonly perSecond?: number
}

/** Where the transactions of a destination are counted, and what is allowed there. */
export interface SiteRule {
  /** Destinations whose rule has the same name share everything below. */
  readonly name: string
  readonly limits: SiteLimits
  /** The best mail hosts of the domain, when they were looked up. */
  readonly hosts?: readonly string[]
  /** An operator wrote the limits down: they hold over all processes. */
  readonly isWritten?: boolean
  /** Default: that of the engine. */
  readonly backoff?: BackoffOptions
}

/** How a site backs off. Milliseconds. */
export interface BackoffOptions {
  /** Failures in a row, of the destination and not of a message, before it is left alone. */
  readonly failures: number
  readonly firstMs: number
  readonly maxMs: number
}

/** Three failures in a row close a site for half a minute, at most for half an hour. */
export const DEFAULT_BACKOFF: BackoffOptions = Object.freeze({ failures: 3, firstMs: 30_000, maxMs: 1_800_000 })

/** A next hop that the operator has named is his own, or paid for: it is back after a restart, and wants its mail then. */
export const FIXED_BACKOFF: BackoffOptions = Object.freeze({ ...DEFAULT_BACKOFF, firstMs: 5_000 })

/** Transactions at once with a destination that has not answered yet, RFC 5321 §4.5.4.1 wants care; grows with every success. */
const FIRST_WINDOW = 5

/** How long the failures of a destination that nobody writes to are remembered, in milliseconds. */
const MEMORY_MS = 3_600_000

/** What a reply says of the destination as a whole. */
export type Health = 'up' | 'slow' | 'down'

/** Reads a failure for what it says of the destination: of one recipient or message it says nothing. */
export function healthOf(reply: Reply): Health {
  const kind = classify(reply)
  if (kind === 'network' || kind === 'dns' || reply.code === 421) return 'down'
  return kind === 'rate' ? 'slow' : 'up'
}

/** In how many milliseconds to come to a site that opens again, not all at once: over as much time as it stays closed, at most ten minutes. */
export function spread(until: number, now: number): number {
  const ms = until - now
  return Math.round(ms + Math.random() * Math.min(600_000, ms))
}

/** Something that has jobs: a destination. */
export interface JobQueue<J> {
  readonly length: number
  shift(mayTakeBacklog: boolean): J | undefined
}

/** One site: its window, its rate, its back-off and the destinations that take turns. `J` is what the engine queues. */
export class Site<J> {
  readonly name: string
  readonly limits: SiteLimits
  /** Destinations with jobs, in the order of their turns. */
  readonly ready = new Set<JobQueue<J>>()
  /** The reply that closed the site, until it opens. */
  lastFailure: Reply | undefined
  readonly #backoff: BackoffOptions
  #active = 0
  #window: number
  #failures = 0
  #blocks = 0
  #blockedUntil = 0
  #nextStart = 0
  #lastStart = 0

  constructor({ name, limits }: Pick<SiteRule, 'name' | 'limits'>, backoff: BackoffOptions = DEFAULT_BACKOFF) {
    this.name = name
    this.limits = limits
    this.#backoff = backoff
    this.#window = Math.min(FIRST_WINDOW, limits.concurrency)
  }

  /** Whether there were failures within the last hour: for so long they are remembered, with the destinations that had them. */
  hasFailures(now: number): boolean {
    return this.#failures > 0 && now - Math.max(this.#lastStart, this.#blockedUntil) <= MEMORY_MS
  }

  /** Nothing is under way, and nothing to remember. */
  isIdle(now: number): boolean {
    return this.#active === 0 && !this.hasFailures(now)
  }

  /** It was closed, and no transaction has shown yet that it is up again. */
  get isDoubtful(): boolean {
    return this.#blocks > 0
  }

  /** Something is under way, or about to be. */
  get isBusy(): boolean {
    return this.#active > 0 || this.ready.size > 0
  }

  /** Until when the destination is left alone; 0: it is not. */
  blockedUntil(now: number): number {
    return this.#blockedUntil > now ? this.#blockedUntil : 0
  }

  /** When the next transaction may start: now or before, later, or `Infinity` when one must end first. */
  readyAt(now: number): number {
    // While it is closed jobs run without a connection; they need no slot.
    if (this.blockedUntil(now) > 0) return now
    return this.#active >= this.#window ? Number.POSITIVE_INFINITY : this.#nextStart
  }

  /** The next job: destinations take turns. */
  shift(mayTakeBacklog: boolean): J | undefined {
    for (const destination of this.ready) {
      const job = destination.shift(mayTakeBacklog)
      if (!job) continue
      this.ready.delete(destination)
      if (destination.length > 0) this.ready.add(destination)
      return job
    }
    return undefined
  }

  started(now: number): void {
    this.#active++
    this.#lastStart = now
    if (this.limits.perSecond !== undefined)
      this.#nextStart = Math.max(this.#nextStart, now - 1_000) + 1_000 / this.limits.perSecond
  }

  /** Ends a transaction. `failure` is the reply all recipients got, when all were deferred. */
  ended(failure: Reply | undefined, now: number, random = Math.random()): void {
    this.#active--
    const health = failure ? healthOf(failure) : 'up'
    if (health === 'up') {
      this.#failures = 0
      this.#blocks = 0
      this.#window = Math.min(this.#window + 1, this.limits.concurrency)
      return
    }
    this.#window = Math.max(1, Math.floor(this.#window / 2))
    // Transactions that were under way when the site closed say nothing new.
    if (this.blockedUntil(now) > 0 || ++this.#failures < this.#backoff.failures) return
    const wait = Math.min(this.#backoff.firstMs * 2 ** this.#blocks, this.#backoff.maxMs)
    this.#blocks++
    // One failure closes it again: the first transaction after the wait is a probe.
    this.#failures = this.#backoff.failures - 1
    this.#window = 1
    this.#blockedUntil = now + wait * (0.75 + random / 2)
    this.lastFailure = failure
  }

  /** A job ends that made no connection. */
  skipped(): void {
    this.#active--
  }
}
