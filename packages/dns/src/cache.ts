/** What has been learnt, until its time is up: least recently used entries go first. */

/** Something that is worth keeping until `expires`, milliseconds since the epoch. */
export interface Expiring {
  readonly expires: number
}

/** A bounded map of things that expire. */
export class Cache<T extends Expiring> {
  readonly #entries = new Map<string, T>()
  readonly #limit: number

  /** @param limit number of entries */
  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string, now: number): T | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (entry.expires <= now) {
      this.#entries.delete(key)
      return undefined
    }
    // A Map iterates in the order of insertion: the newest use is last. While there is much room the order does not matter yet.
    if (this.#entries.size * 2 > this.#limit) {
      this.#entries.delete(key)
      this.#entries.set(key, entry)
    }
    return entry
  }

  set(key: string, entry: T, now: number): void {
    if (entry.expires <= now) return
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    if (this.#entries.size <= this.#limit) return
    const oldest = this.#entries.keys().next()
    if (!oldest.done) this.#entries.delete(oldest.value)
  }

  clear(): void {
    this.#entries.clear()
  }
}
