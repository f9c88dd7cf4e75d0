/** The newest events that this process has written, in memory: who tells them while they are new need not read them back. */
import type { Outbox } from '@postroad/queue-engine'

type Entry = Awaited<ReturnType<Outbox['read']>>[number]

/** A place in the outbox. */
export type OutboxKey = [ms: number, number: number]

/** An event with its place. */
export interface FreshEvent extends Entry {
  readonly key: OutboxKey
}

/** What one transaction has written. */
export interface FreshBatch {
  /** The newest before it. */
  readonly before: OutboxKey
  /** The place of its newest; the one before its first while it has none. */
  last: OutboxKey
  readonly events: FreshEvent[]
}

/** Events that are kept at most, and their characters. */
const MOST = 10_000
const LARGEST = 8_388_608

/** A run of events without a gap: nobody else has written one in between. */
export class FreshEvents {
  #events: FreshEvent[] = []
  #characters = 0
  /** All that came after it is here. */
  #after: OutboxKey | undefined
  /** Somebody reads; who does not tell keeps nothing. */
  #isRead = false

  /** Adds what a commit has written. */
  add({ events, before }: FreshBatch): void {
    if (!this.#isRead && this.#events.length === 0) return
    const last = this.#events.at(-1)?.key ?? this.#after
    if (!last || compareKeys(last, before) !== 0) this.#begin(before)
    for (const one of events) {
      this.#events.push(one)
      this.#characters += one.event.length
    }
    if (this.#events.length > MOST || this.#characters > LARGEST) this.#halve()
  }

  /** Those behind a place, oldest first; none when the store has to be asked: it is before the run, or at its end. */
  read(after: Readonly<OutboxKey>, limit: number): readonly Entry[] {
    this.#isRead = true
    if (!this.#after || compareKeys(after, this.#after) < 0) return []
    let from = 0
    for (let to = this.#events.length; from < to; ) {
      const middle = (from + to) >> 1
      if (compareKeys(this.#events[middle]?.key ?? after, after) > 0) to = middle
      else from = middle + 1
    }
    return this.#events.slice(from, from + limit)
  }

  #begin(after: OutboxKey | undefined): void {
    this.#events = []
    this.#characters = 0
    this.#after = after
  }

  #halve(): void {
    if (!this.#isRead) {
      this.#begin(undefined)
      return
    }
    this.#isRead = false
    const gone = this.#events.splice(0, Math.ceil(this.#events.length / 2))
    for (const { event } of gone) this.#characters -= event.length
    this.#after = gone.at(-1)?.key
  }
}

/** Less than 0: `a` is before `b`. */
function compareKeys([ms, number]: Readonly<OutboxKey>, [otherMs, otherNumber]: Readonly<OutboxKey>): number {
  return ms - otherMs || number - otherNumber
}
