/** Notices that the wall clock was set back: what was scheduled by it before would wait that much longer. */

/** Milliseconds that a clock must be set back by to be noticed; it may be slowed down by less from look to look. */
const STEP_MS = 1_000
/** Milliseconds after which the schedule is looked at again, whatever the clock did: what was begun before a step may be written down after it. */
const AGAIN_MS = 3_600_000

/** See above; costs a subtraction a look. */
export class WallWatch {
  /** How much the wall clock was ahead of the monotonic one when it was last looked at. */
  #ahead = Number.NEGATIVE_INFINITY
  /** By the monotonic clock; at first nobody knows what the clock did before. */
  #lookAt = Number.NEGATIVE_INFINITY

  /** Whether there may be entries from a time that is not to come: since the start, a step back, or for long nobody looked for them. */
  isDoubtful(now: number, elapsed: number): boolean {
    const ahead = now - elapsed
    if (this.#ahead - ahead > STEP_MS) this.#lookAt = elapsed
    this.#ahead = ahead
    return elapsed >= this.#lookAt
  }

  /** The schedule was looked at. */
  looked(elapsed: number): void {
    this.#lookAt = elapsed + AGAIN_MS
  }
}
