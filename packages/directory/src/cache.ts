/** Answers that were given, for a while: as many as the operator says, the one not used for longest goes first. */
import type { DirectoryEntry } from './entry.ts'

/** An answer, and since when it is known. */
export interface KeptAnswer {
  /** Undefined: there is no such key. */
  readonly entry: DirectoryEntry | undefined
  /** Milliseconds, by the monotonic clock. */
  readonly at: number
  /** Milliseconds: until then it is as good as a new one. */
  readonly until: number
}

/** Keys beyond this are not kept: nobody has such a name. */
const LONGEST = 1_024

/** Least recently used goes. */
export class AnswerCache {
  readonly #size: number
  readonly #kept = new Map<string, KeptAnswer>()

  constructor(size: number) {
    this.#size = size
  }

  get size(): number {
    return this.#kept.size
  }

  get(key: string): KeptAnswer | undefined {
    const kept = this.#kept.get(key)
    // Moved to the end: a `Map` is in the order in which its keys were put in.
    if (kept !== undefined) {
      this.#kept.delete(key)
      this.#kept.set(key, kept)
    }
    return kept
  }

  set(key: string, kept: KeptAnswer): void {
    if (this.#size === 0 || key.length > LONGEST) return
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    if (this.#kept.size <= this.#size) return
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined) this.#kept.delete(oldest)
  }

  delete(key: string): void {
    this.#kept.delete(key)
  }

  clear(): void {
    this.#kept.clear()
  }
}
