/** The time of all connections of a listener, and the one timer that looks at their deadlines. */

/** Coarse: `now` moves when the timer fires. A deadline costs its connection one assignment, and no timer. */
export class TickingClock {
  /** Milliseconds, monotonic, as of the last tick. */
  now = 0
  #intervalMs: number
  readonly #onTick: (now: number, lateMs: number) => void
  #timer: NodeJS.Timeout | undefined

  constructor(intervalMs: number, onTick: (now: number, lateMs: number) => void) {
    this.#intervalMs = intervalMs
    this.#onTick = onTick
  }

  /** Ticks until {@link stop}; does not keep the process alive. */
  start(): void {
    if (this.#timer !== undefined) return
    this.now = performance.now()
    this.#timer = setInterval(() => this.tick(), this.#intervalMs).unref()
  }

  /** Ticks in this interval from now on. */
  pace(intervalMs: number): void {
    if (intervalMs === this.#intervalMs) return
    this.#intervalMs = intervalMs
    if (this.#timer === undefined) return
    this.stop()
    this.start()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** What the timer does; tests call it themselves. */
  tick(now = performance.now()): void {
    const lateMs = Math.max(0, now - this.now - this.#intervalMs)
    this.now = now
    this.#onTick(now, lateMs)
  }
}
