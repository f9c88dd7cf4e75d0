/** So many at once, the others in the order in which they came. */
export class Slots {
  readonly #max: number
  readonly #waiting = new Set<() => void>()
  #taken = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Those that have one, and those that wait. */
  get load(): number {
    return this.#taken + this.#waiting.size
  }

  /** Resolves to what gives it back. @throws the reason of `signal` when that fires first */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#taken < this.#max) this.#taken++
    else await this.#wait(signal)
    return () => this.#next()
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(go)
        reject(signal.reason)
      }
      const go = (): void => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      this.#waiting.add(go)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  /** Hands the place on, or frees it. */
  #next(): void {
    const [next] = this.#waiting
    if (!next) {
      this.#taken--
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
