/** Answers that end only when they are told to: streams of events. */
import type { EventEmitter } from 'node:events'

/** The streams of a listener. They end together, in turns; who reads one comes again by itself. */
export class Streams {
  readonly #open = new Set<AbortController>()
  #turn = 0
  #isOver = false

  /** Another one after each {@link end}. */
  get turn(): number {
    return this.#turn
  }

  /** A handler that was called in `turn` answers with a stream: when that turn is over it ends at once. */
  add(stream: AbortController, { turn, outgoing }: { readonly turn: number; readonly outgoing: EventEmitter }): void {
    if (this.#isOver || turn !== this.#turn) {
      stream.abort()
      return
    }
    this.#open.add(stream)
    outgoing.once('close', () => this.#open.delete(stream))
  }

  /** Ends those that are open. */
  end(): void {
    this.#turn++
    for (const stream of this.#open) stream.abort()
    this.#open.clear()
  }

  /** Ends those that are open, and each that is begun from now on. */
  close(): void {
    this.#isOver = true
    this.end()
  }
}
