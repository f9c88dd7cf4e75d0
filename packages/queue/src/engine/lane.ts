/** One destination: how many at once, how fast, and when to leave it alone. Pure but for its own counters; time comes from outside. */
import { classify } from '../classify.ts'
import type { Reply } from '../model.ts'

/** What the operator allows a lane. */
export interface LaneLimits {
  /** Transactions at once. */
  readonly concurrency: number
  /** Transactions a second; absent: as fast as it goes. */
  readonly perSecond?: number
}

/** How a lane backs off. Milliseconds. */
export interface BackoffOptions {
  /** Failures in a row, of the destination and not of a message, before it is left alone. */
  readonly failures: number
  readonly firstMs: number
  readonly maxMs: number
}

/** Three failures in a row close a lane for half a minute, at most for half an hour. */
export const DEFAULT_BACKOFF: BackoffOptions = Object.freeze({ failures: 3, firstMs: 30_000, maxMs: 1_800_000 })

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

/** See above. `J` is what the engine queues. */
export class Lane<J> {
  readonly name: string
  readonly limits: LaneLimits
  /** Just accepted; go first. */
  readonly fresh: J[] = []
  /** Came from the store. */
  readonly backlog: J[] = []
  /** More of it waits in the store. */
  hasStored = false
  isSuspended = false
  active = 0
  /** The reply that closed the lane, until it opens. */
  lastFailure: Reply | undefined
  readonly #backoff: BackoffOptions
  #window: number
  #failures = 0
  #blocks = 0
  #blockedUntil = 0
  #nextStart = 0
  #lastStart = 0
  #turn = 0

  constructor(name: string, limits: LaneLimits, backoff: BackoffOptions = DEFAULT_BACKOFF) {
    this.name = name
    this.limits = limits
    this.#backoff = backoff
    this.#window = Math.min(FIRST_WINDOW, limits.concurrency)
  }

  get length(): number {
    return this.fresh.length + this.backlog.length
  }

  /** Nothing to remember: the lane can be forgotten. Failures are remembered for an hour. */
  isIdle(now: number): boolean {
    if (this.active > 0 || this.length > 0 || this.hasStored || this.isSuspended) return false
    return this.#failures === 0 || now - Math.max(this.#lastStart, this.#blockedUntil) > MEMORY_MS
  }

  /** Until when the destination is left alone; 0: it is not. */
  blockedUntil(now: number): number {
    return this.#blockedUntil > now ? this.#blockedUntil : 0
  }

  /** When the next transaction may start: now or before, later, or `Infinity` when one must end first. */
  readyAt(now: number): number {
    // Behind a closed lane jobs run without a connection; they need no place in it.
    if (this.blockedUntil(now) > 0) return now
    if (this.isSuspended || this.active >= this.#window) return Number.POSITIVE_INFINITY
    return this.#nextStart
  }

  /** The next job: three fresh ones for one of the backlog, so that neither starves. */
  shift(mayTakeBacklog: boolean): J | undefined {
    const wantsBacklog = this.fresh.length === 0 || this.#turn % 4 === 3
    this.#turn++
    if (wantsBacklog && mayTakeBacklog && this.backlog.length > 0) return this.backlog.shift()
    return this.fresh.shift()
  }

  /** Empties the lane. */
  clear(): J[] {
    return [...this.fresh.splice(0), ...this.backlog.splice(0)]
  }

  started(now: number): void {
    this.active++
    this.#lastStart = now
    if (this.limits.perSecond !== undefined) this.#nextStart = Math.max(this.#nextStart, now - 1_000) + 1_000 / this.limits.perSecond
  }

  /** Ends a transaction. `failure` is the reply all recipients got, when all were deferred. */
  ended(failure: Reply | undefined, now: number, random = Math.random()): void {
    this.active--
    const health = failure ? healthOf(failure) : 'up'
    if (health === 'up') {
      this.#failures = 0
      this.#blocks = 0
      this.#window = Math.min(this.#window + 1, this.limits.concurrency)
      return
    }
    this.#window = Math.max(1, Math.floor(this.#window / 2))
    // Transactions that were under way when the lane closed say nothing new.
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
    this.active--
  }
}
