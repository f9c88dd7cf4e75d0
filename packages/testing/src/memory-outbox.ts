/** Events of a queue that forgets them with its process. */
import { type Outbox, parsePosition } from '@postroad/queue-engine'

type Entries = Awaited<ReturnType<Outbox['read']>>
type Notes = Awaited<ReturnType<Outbox['notes']>>

/** An {@link Outbox} in memory, and the shortest reading of what it must do. */
export class MemoryOutbox implements Outbox {
  #entries: Entries[number][] = []
  readonly #notes = new Map<string, string>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** Adds events at once; `now` in milliseconds since the epoch. */
  write(events: readonly string[], now: number): void {
    for (const event of events) {
      const last = this.#entries.at(-1)
      const [ms, number] = last ? parsePosition(last.position) : [0, 0]
      this.#entries.push({ position: now > ms ? `${Math.floor(now)}-0` : `${ms}-${number + 1}`, event })
    }
  }

  async append(events: readonly string[]): Promise<void> {
    this.write(events, this.#now())
  }

  async read({ after, limit }: Parameters<Outbox['read']>[0]): Promise<Entries> {
    const entries = this.#entries.filter(({ position }) => after === undefined || comparePositions(position, after) > 0)
    return entries.slice(0, limit)
  }

  async trim(upTo: string, limit: number): Promise<number> {
    const old = this.#entries.slice(0, -1).filter(({ position }) => comparePositions(position, upTo) <= 0)
    this.#entries.splice(0, Math.min(old.length, limit))
    return Math.min(old.length, limit)
  }

  async size(): ReturnType<Outbox['size']> {
    return {
      events: this.#entries.length,
      octets: this.#entries.reduce((sum, { event }) => sum + Buffer.byteLength(event), 0),
      first: this.#entries[0]?.position,
      last: this.#entries.at(-1)?.position,
    }
  }

  async notes(prefix: string, { after = '', limit }: NonNullable<Parameters<Outbox['notes']>[1]> = {}): Promise<Notes> {
    const found = [...this.#notes].filter(([key]) => key.startsWith(prefix) && key > after)
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit)
  }

  async note(changes: Parameters<Outbox['note']>[0]): Promise<void> {
    for (const [key, value] of changes)
      if (value === undefined) this.#notes.delete(key)
      else this.#notes.set(key, value)
  }
}

/** Less than 0: `a` is before `b`. */
export function comparePositions(a: string, b: string): number {
  const [ms, number] = parsePosition(a)
  const [otherMs, otherNumber] = parsePosition(b)
  return ms - otherMs || number - otherNumber
}
