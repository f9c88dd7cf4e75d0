/** Addresses that could not be connected to a moment ago: tried last, so that not every message waits for them again. */

/** Milliseconds an address is avoided. */
const AVOIDED_MS = 60_000
/** Addresses remembered. */
const MAX_ADDRESSES = 1000

/** A short memory of addresses. */
export class Unreachable {
  readonly #until = new Map<string, number>()
  readonly #now: () => number

  /** @param now milliseconds that only grow; for tests */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  add(address: string): void {
    // The oldest entry goes; a map keeps the order of insertion.
    this.#until.delete(address)
    const [oldest] = this.#until.keys()
    if (this.#until.size >= MAX_ADDRESSES && oldest !== undefined) this.#until.delete(oldest)
    this.#until.set(address, this.#now() + AVOIDED_MS)
  }

  has(address: string): boolean {
    const until = this.#until.get(address)
    if (until === undefined) return false
    if (until > this.#now()) return true
    this.#until.delete(address)
    return false
  }

  delete(address: string): void {
    this.#until.delete(address)
  }
}
