/** Notices that the wall clock was set. Back: what was scheduled by it before would wait that much longer. Forth: what was queued before would be that much older. */

/** Milliseconds that a clock must be set back by to be noticed; it may be slowed down by less from look to look. */
const STEP_MS = 1_000
/** Milliseconds after which the schedule is looked at again, whatever the clock did: what was begun before a step may be written down after it. */
const AGAIN_MS = 3_600_000

/** Milliseconds that a clock must be set forth by to make anybody older. */
const FORTH_MS = 60_000
/** How many steps forth are remembered; a machine that sleeps takes one each time. */
const STEPS = 32

/** A watch over the wall clock, beside a clock that never jumps; a look costs a subtraction. */
export class WallWatch {
  /** How much the wall clock was ahead of the monotonic one when it was last looked at. */
  #ahead = Number.NEGATIVE_INFINITY
  /** By the monotonic clock. At the start it is not known what the wall clock did before. */
  #lookAt = Number.NEGATIVE_INFINITY
  /** What the clock said when it was set forth, by how much, and since when it had said such times. */
  #forth: { readonly since: number; readonly until: number; readonly by: number }[] = []

  /** Whether there may be entries from a time that is not to come: since the start, a step back, or for long nobody looked for them. */
  isDoubtful(now: number, elapsed: number): boolean {
    const ahead = now - elapsed
    if (this.#ahead - ahead > STEP_MS) this.#lookAt = elapsed
    const by = ahead - this.#ahead
    if (by > FORTH_MS && Number.isFinite(by)) this.#setForth(this.#ahead + elapsed, by)
    this.#ahead = ahead
    return elapsed >= this.#lookAt
  }

  /** A time that was written down before the clock was set forth, by the clock of now. */
  today(time: number): number {
    let today = time
    // What is neither of a stretch nor was moved out of one was written by a clock of before, which was right.
    for (const { since, until, by } of this.#forth)
      if (today <= until && (today >= since || today !== time)) today += by
    return today
  }

  /** The schedule was looked at. */
  looked(elapsed: number): void {
    this.#lookAt = elapsed + AGAIN_MS
  }

  #setForth(until: number, by: number): void {
    const last = this.#forth.at(-1)
    this.#forth = [
      ...this.#forth.slice(1 - STEPS),
      { since: last ? last.until + last.by : Number.NEGATIVE_INFINITY, until, by },
    ]
  }
}
