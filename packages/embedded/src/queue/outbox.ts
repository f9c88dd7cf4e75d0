/** Events in the tables of the queue: written in the same commit as what they tell of. */
import { type Outbox, parsePosition, type QueuedMessage, readEvent } from '@postroad/queue-engine'
import type { QueueDatabase, QueueTables } from './database.ts'
import { type FreshBatch, FreshEvents, type OutboxKey } from './fresh.ts'

type Entries = Awaited<ReturnType<Outbox['read']>>
type Notes = Awaited<ReturnType<Outbox['notes']>>

/** Octets of a page of LMDB. */
const PAGE = 4_096
/** Of an event that is no more, and was the newest: its place is never given to another. */
const NOTHING = Buffer.alloc(0)

/** Nobody took this message after all: whoever was not told of it yet never is. For use within a commit. */
export function removeAccepted({ outbox }: QueueTables, { id, queuedAt }: QueuedMessage): void {
  const last = newest(outbox)
  for (const { key, value } of outbox.getRange({ start: [queuedAt, 0] })) {
    const { kind, payload } = readEvent(value.toString())
    if (kind !== 'accepted' || !payload.includes(`"message":"${id}"`)) continue
    if (last && key[0] === last[0] && key[1] === last[1]) outbox.put(key, NOTHING)
    else outbox.remove(key)
  }
}

/** The {@link Outbox} of an embedded queue. */
export class LmdbOutbox implements Outbox {
  readonly #database: QueueDatabase
  readonly #now: () => number
  readonly #fresh = new FreshEvents()
  /** What this very transaction has written; nobody else writes in it. */
  #batch: FreshBatch | undefined

  constructor(database: QueueDatabase, now: () => number) {
    this.#database = database
    this.#now = now
  }

  /** Adds events. For use within a commit; what it returns is for {@link committed}. A clock that was set back is not followed. */
  write(events: readonly string[] | undefined): FreshBatch | undefined {
    if (!events || events.length === 0) return undefined
    const { outbox } = this.#database.tables
    if (!this.#batch) {
      this.#batch = { before: newest(outbox) ?? [0, -1], events: [], isCommitted: false }
      // What shares the transaction runs in this turn, and nothing else does.
      queueMicrotask(() => {
        this.#batch = undefined
      })
    }
    const batch = this.#batch
    let [ms, number] = batch.events.at(-1)?.key ?? batch.before
    const now = Math.floor(this.#now())
    if (now > ms) [ms, number] = [now, -1]
    for (const event of events) {
      const key: OutboxKey = [ms, ++number]
      outbox.put(key, Buffer.from(event))
      batch.events.push({ key, position: textOf(key), event })
    }
    return batch
  }

  /** What was written is on stable storage. */
  committed(batch: FreshBatch | undefined): void {
    if (!batch || batch.isCommitted) return
    batch.isCommitted = true
    this.#fresh.add(batch)
  }

  async append(events: readonly string[]): Promise<void> {
    this.committed(await this.#database.commit(() => this.write(events)))
  }

  async read({ after, limit }: Parameters<Outbox['read']>[0]): Promise<Entries> {
    const fresh = after === undefined ? [] : this.#fresh.read(parsePosition(after), limit)
    if (fresh.length > 0) return fresh
    const { outbox } = this.#database.refresh()
    const found: Entries[number][] = []
    for (const { key, value } of outbox.getRange({ ...(after !== undefined && { start: behind(after) }) })) {
      if (found.length >= limit) break
      if (value.length > 0) found.push({ position: textOf(key), event: value.toString() })
    }
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

function newest(outbox: QueueTables['outbox']): OutboxKey | undefined {
  const [last] = [...outbox.getKeys({ reverse: true, limit: 1 })]
  return last
}

/** The first place that can be after a position. */
function behind(position: string): OutboxKey {
  const [ms, number] = parsePosition(position)
  return [ms, number + 1]
}

function textOf([ms, number]: OutboxKey): string {
  return `${ms}-${number}`
}
