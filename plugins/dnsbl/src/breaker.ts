/** Leaves a list out that does not answer, so that it does not delay every message, and tries it again later. */
import type { Clock } from '@postroad/plugin'

/** Settings of a {@link Breaker}. */
export interface BreakerOptions {
  /** In a row, until it opens. */
  readonly failures: number
  /** Milliseconds until one call is let through again. */
  readonly pause: number
  readonly clock: Pick<Clock, 'now'>
}

/** Closed: calls go through. Open: none do. Half open, after the pause: one does, and its outcome decides. */
export class Breaker {
  readonly #options: BreakerOptions
  #failures = 0
  #openUntil = 0

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  /** Whether a call may be made now; asking takes the one try of a half-open breaker. */
  allows(): boolean {
    const { clock, failures, pause } = this.#options
    if (this.#failures < failures) return true
    if (clock.now() < this.#openUntil) return false
    this.#openUntil = clock.now() + pause
    return true
  }

  succeeded(): void {
    this.#failures = 0
  }

  /** Tells whether this failure opened it. */
  failed(): boolean {
    const { clock, failures, pause } = this.#options
    this.#failures++
    if (this.#failures < failures) return false
    this.#openUntil = clock.now() + pause
    return this.#failures === failures
  }
}
