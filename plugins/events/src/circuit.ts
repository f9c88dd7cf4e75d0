/** When an endpoint is asked again that did not work: exponential back-off with chance, and one request at a time while it is open. */

/** Failures one after the other with which it opens. */
const OPENS_AT = 5
const FIRST_MS = 1_000
const LONGEST_MS = 300_000

/** The circuit of one endpoint. Times in milliseconds, of a clock that never jumps. */
export class Circuit {
  readonly #random: () => number
  #failures = 0
  #opensAt = 0
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures
  }

  /** It does not work: only one request at a time looks whether it does again. */
  get isOpen(): boolean {
    return this.#failures >= OPENS_AT
  }

  /** From when on it may be asked. */
  get readyAt(): number {
    return this.#opensAt
  }

  succeeded(): void {
    this.#failures = 0
    this.#opensAt = 0
    this.#failedAt = Number.NEGATIVE_INFINITY
  }

  /** A request has failed that began at `startedAt`. Those that were on their way together have failed once. */
  failed(elapsed: number, startedAt: number, retryAfterMs = 0): void {
    if (startedAt <= this.#failedAt) {
      this.#opensAt = Math.max(this.#opensAt, elapsed + retryAfterMs)
      return
    }
    this.#failedAt = elapsed
    this.#failures++
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.#failures - 1, 20))
    // Half of it is chance: those who wait for one server do not come together.
    const wait = longest / 2 + (longest / 2) * this.#random()
    this.#opensAt = Math.max(this.#opensAt, elapsed + Math.max(wait, retryAfterMs))
  }
}
