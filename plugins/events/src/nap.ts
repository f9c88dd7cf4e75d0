/** Sleep that ends early when something happens. */
import type { Clock } from '@postroad/plugin'

/** The sleep of one loop. */
export class Nap {
  readonly #clock: Clock
  #wake: (() => void) | undefined
  #isAwake = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ends the sleep, or lets the next one not begin. */
  wake(): void {
    this.#isAwake = true
    this.#wake?.()
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isAwake) {
      const ends = new AbortController()
      const wake = (): void => ends.abort()
      this.#wake = wake
      signal.addEventListener('abort', wake, { once: true })
      await this.#clock.sleep(ms, ends.signal).catch(() => undefined) // it was woken
      signal.removeEventListener('abort', wake)
      this.#wake = undefined
    }
    this.#isAwake = false
  }
}
