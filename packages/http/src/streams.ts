/** Answers that end only when they are told to: streams of events. */
import type { ServerResponse } from 'node:http'

/** Milliseconds that a client may leave unread what was sent to it. Whoever reads hears of a stream more often than that. */
const UNREAD_MS = 60_000

/** The streams of a listener. They end together, in turns; who reads one comes again by itself. */
export class Streams {
  readonly #open = new Set<AbortController>()
  readonly #unreadMs: number
  #turn = 0
  #isOver = false

  constructor(unreadMs = UNREAD_MS) {
    this.#unreadMs = unreadMs
  }

  /** Another one after each {@link end}. */
  get turn(): number {
    return this.#turn
  }

  /** A handler that was called in `turn` answers with a stream: when that turn is over it ends at once. */
  add(stream: AbortController, { turn, outgoing }: { readonly turn: number; readonly outgoing: ServerResponse }): void {
    if (this.#isOver || turn !== this.#turn) {
      stream.abort()
      return
    }
    this.#open.add(stream)
    // Nothing more is written to a client that does not read: when nothing moves any more it is gone, and comes again if it is not.
    outgoing.setTimeout(this.#unreadMs, () => outgoing.destroy())
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
