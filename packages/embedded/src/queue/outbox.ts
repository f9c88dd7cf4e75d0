/** Events in the tables of the queue: written in the same commit as what they tell of. */
import { type Outbox, parsePosition, type QueuedMessage, readEvent } from '@postroad/queue-engine'
import type { QueueDatabase, QueueTables } from './database.ts'

type Entries = Awaited<ReturnType<Outbox['read']>>
type Notes = Awaited<ReturnType<Outbox['notes']>>
type Key = [ms: number, number: number]

/** Octets of a page of LMDB. */
const PAGE = 4_096

/** Nobody took this message after all: whoever was not told of it yet never is. For use within a commit. */
export function removeAccepted({ outbox }: QueueTables, { id, queuedAt }: QueuedMessage): void {
  for (const { key, value } of outbox.getRange({ start: [queuedAt, 0] })) {
    const { kind, payload } = readEvent(value.toString())
    if (kind === 'accepted' && payload.includes(`"message":"${id}"`)) outbox.remove(key)
  }
}

/** The {@link Outbox} of an embedded queue. */
export class LmdbOutbox implements Outbox {
  readonly #database: QueueDatabase
  readonly #now: () => number
  /** The newest of this very transaction; nobody else writes in it. */
  #newest: Key | undefined

  constructor(database: QueueDatabase, now: () => number) {
    this.#database = database
    this.#now = now
  }

  /** Adds events. For use within a commit. A clock that was set back is not followed. */
  write(events: readonly string[] | undefined): void {
    if (!events || events.length === 0) return
    const { outbox } = this.#database.tables
    if (!this.#newest) {
      this.#newest = newest(outbox) ?? [0, -1]
      // What shares the transaction runs in this turn, and nothing else does.
      queueMicrotask(() => {
        this.#newest = undefined
      })
    }
    let [ms, number] = this.#newest
    const now = Math.floor(this.#now())
    if (now > ms) [ms, number] = [now, -1]
    for (const event of events) outbox.put([ms, ++number], Buffer.from(event))
    this.#newest = [ms, number]
  }

  append(events: readonly string[]): Promise<void> {
    return this.#database.commit(() => this.write(events))
  }

  async read({ after, limit }: Parameters<Outbox['read']>[0]): Promise<Entries> {
    const { outbox } = this.#database.refresh()
    const found: Entries[number][] = []
    for (const { key, value } of outbox.getRange({ ...(after !== undefined && { start: behind(after) }), limit }))
      found.push({ position: textOf(key), event: value.toString() })
    return found
  }

  trim(upTo: string, limit: number): Promise<number> {
    return this.#database.commitReserved(() => {
      const { outbox } = this.#database.tables
      const last = newest(outbox)
      const keys = [...outbox.getKeys({ end: behind(upTo), limit })]
      const old = keys.filter((key) => !last || key[0] !== last[0] || key[1] !== last[1])
      for (const key of old) outbox.remove(key)
      return old.length
    })
  }

  async size(): ReturnType<Outbox['size']> {
    const { outbox } = this.#database.refresh()
    // lmdb types it as {}; what LMDB counts costs nothing.
    const { entryCount, treeBranchPageCount, treeLeafPageCount, overflowPages } = outbox.getStats() as Readonly<
      Record<'entryCount' | 'treeBranchPageCount' | 'treeLeafPageCount' | 'overflowPages', number>
    >
    const [first] = [...outbox.getKeys({ limit: 1 })]
    const last = newest(outbox)
    return {
      events: entryCount,
      octets: (treeBranchPageCount + treeLeafPageCount + overflowPages) * PAGE,
      first: first && textOf(first),
      last: last && textOf(last),
    }
  }

  async notes(
    prefix: string,
    { after, limit = Number.POSITIVE_INFINITY }: NonNullable<Parameters<Outbox['notes']>[1]> = {},
  ): Promise<Notes> {
    const { outboxNotes } = this.#database.refresh()
    const found: Notes[number][] = []
    for (const { key, value } of outboxNotes.getRange({ start: after ?? prefix })) {
      if (!key.startsWith(prefix) || found.length >= limit) break
      if (key !== after) found.push([key, value.toString()])
    }
    return found
  }

  note(changes: Parameters<Outbox['note']>[0]): Promise<void> {
    return this.#database.commitReserved(() => {
      const { outboxNotes } = this.#database.tables
      for (const [key, value] of changes)
        if (value === undefined) outboxNotes.remove(key)
        else outboxNotes.put(key, Buffer.from(value))
    })
  }
}

function newest(outbox: QueueTables['outbox']): Key | undefined {
  const [last] = [...outbox.getKeys({ reverse: true, limit: 1 })]
  return last
}

/** The first place that can be after a position. */
function behind(position: string): Key {
  const [ms, number] = parsePosition(position)
  return [ms, number + 1]
}

function textOf([ms, number]: Key): string {
  return `${ms}-${number}`
}
