/** Collects distinct hashes of one message after the other without clearing anything between them. */

const SLOTS = 8192
const MASK = SLOTS - 1

/** A set of hashes, at most `limit` a message; small enough to stay in the cache of a core. */
export class FeatureSet {
  readonly #keys = new Int32Array(SLOTS)
  // A slot is taken when it has the number of this turn: nothing needs to be emptied.
  readonly #turns = new Uint32Array(SLOTS)
  readonly #found: Int32Array
  #turn = 0
  #count = 0

  constructor(limit: number) {
    this.#found = new Int32Array(Math.min(limit, SLOTS / 2))
  }

  get isFull(): boolean {
    return this.#count === this.#found.length
  }

  /** Forgets what the last message had. */
  begin(): void {
    this.#count = 0
    this.#turn = (this.#turn + 1) >>> 0
    if (this.#turn === 0) {
      this.#turns.fill(0)
      this.#turn = 1
    }
  }

  /** Whether the hash is new in this message and there was room for it. */
  add(hash: number): boolean {
    const keys = this.#keys
    const turns = this.#turns
    const turn = this.#turn
    let slot = hash & MASK
    while (turns[slot] === turn) {
      if (keys[slot] === hash) return false
      slot = (slot + 1) & MASK
    }
    if (this.#count === this.#found.length) return false
    turns[slot] = turn
    keys[slot] = hash
    this.#found[this.#count++] = hash
    return true
  }

  /** What was found, in the order in which it was. */
  take(): Int32Array {
    return this.#found.slice(0, this.#count)
  }
}
