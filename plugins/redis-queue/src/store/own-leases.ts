/**
 * Compares what this process believes to have with what Redis says it has. A step whose answer was lost may have been done all the
 * same: its leases would be nobody's work for as long as this process lives, and a message that was refused would be delivered.
 */
import type { Lease, QueuedMessage } from '@postroad/queue-engine'

/** Milliseconds for which a command may lie unread in the socket of a server that was stopped. */
const LATE_MS = 60_000

/** The leases of this process, and those that Redis alone knows of: found at the second look, they are put back. */
export class OwnLeases {
  readonly #known = new Set<string>()
  /** Not known at the last look. Steps may have been under way then, so only the second look counts. */
  #suspects = new Set<string>()
  /** Messages whose sender was told that they are not taken, though nobody knows; and since when. */
  readonly #refused = new Map<string, { readonly message: QueuedMessage; readonly since: number }>()

  get size(): number {
    return this.#known.size
  }

  take(leases: readonly Lease[]): readonly Lease[] {
    for (const lease of leases) this.#known.add(entryOf(lease))
    return leases
  }

  end(lease: Lease): void {
    this.#known.delete(entryOf(lease))
  }

  refuse(message: QueuedMessage): void {
    this.#refused.set(message.id, { message, since: performance.now() })
  }

  /** Messages to remove, until `forgive`. */
  get refused(): readonly QueuedMessage[] {
    return [...this.#refused.values()].map(({ message }) => message)
  }

  /** It was removed, or it was not there: then it may still come, for a while. Whether that is over. */
  forgive(id: string, wasThere: boolean): boolean {
    const isOver = wasThere || performance.now() - (this.#refused.get(id)?.since ?? 0) > LATE_MS
    return isOver && this.#refused.delete(id)
  }

  /** Entries that Redis gives to this process, and that it has not had for two looks. */
  strays(entries: readonly string[]): string[] {
    const unknown = entries.filter((entry) => !this.#known.has(entry) && !this.#refused.has(entry.slice(0, 20)))
    const strays = unknown.filter((entry) => this.#suspects.has(entry))
    this.#suspects = new Set(unknown)
    return strays
  }
}

/** A delivery as the scripts name it. */
export function entryOf({ message, index }: Lease): string {
  return `${message.id} ${index}`
}
