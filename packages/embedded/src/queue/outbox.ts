/** Events in the tables of the queue: written in the same commit as what they tell of. */
import { type Outbox, parsePosition, type QueuedMessage, readEvent } from '@postroad/queue-engine'
import type { QueueDatabase, QueueTables } from './database.ts'
import { type FreshBatch, FreshEvents, type OutboxKey } from './fresh.ts'

type Entries = Awaited<ReturnType<Outbox['read']>>
type Notes = Awaited<ReturnType<Outbox['notes']>>
type RecordKey = [ms: number, last: number] | [ms: number, last: number, count: number]

/** Octets of a page of LMDB. */
const PAGE = 4_096
/** Events of one record. */
const TOGETHER = 32
/** Between the events of a record; none has it, as they are lines and JSON. One that is no more is empty: its place is never given to another. */
const BETWEEN = '\0'
/** Name of how many events there are. */
const COUNT = 'events'

/** Nobody took this message after all: whoever was not told of it yet never is. For use within a commit. */
export function removeAccepted({ outbox }: QueueTables, { id, queuedAt }: QueuedMessage): void {
  const isOfIt = (event: string): boolean => {
    const { kind, payload } = readEvent(event)
    return kind === 'accepted' && payload.includes(`"message":"${id}"`)
  }
  for (const { key, value } of [...outbox.getRange({ start: [queuedAt, 0] })]) {
    const events = value.toString().split(BETWEEN)
    if (!events.some(isOfIt)) continue
    outbox.put(key, Buffer.from(events.map((event) => (isOfIt(event) ? '' : event)).join(BETWEEN)))
  }
}

/** What the transaction that is open writes, of all who share the file. */
const batches = new WeakMap<QueueTables['outbox'], FreshBatch>()

/** The {@link Outbox} of an embedded queue. */
export class LmdbOutbox implements Outbox {
  readonly #database: QueueDatabase
  readonly #now: () => number
  readonly #fresh = new FreshEvents()
  #committed: FreshBatch | undefined

  constructor(database: QueueDatabase, now: () => number) {
    this.#database = database
    this.#now = now
  }

  /** Adds events. For use within a commit; what it returns is for {@link committed}. A clock that was set back is not followed. */
  write(events: readonly string[] | undefined): FreshBatch | undefined {
    if (!events || events.length === 0) return undefined
    const batch = this.#batch()
    let [ms, number] = batch.last
    for (const event of events) batch.events.push({ key: [ms, ++number], position: `${ms}-${number}`, event })
    batch.last = [ms, number]
    return batch
  }

  /** What was written is on stable storage. */
  committed(batch: FreshBatch | undefined): void {
    if (!batch || batch === this.#committed) return
    this.#committed = batch
    this.#fresh.add(batch)
  }

  async append(events: readonly string[]): Promise<void> {
    this.committed(await this.#database.commit(() => this.write(events)))
  }

  async read({ after, limit }: Parameters<Outbox['read']>[0]): Promise<Entries> {
    const fresh = after === undefined ? [] : this.#fresh.read(parsePosition(after), limit)
    if (fresh.length > 0) return fresh
    const { outbox } = this.#database.refresh()
    const [afterMs, afterNumber] = after === undefined ? NOWHERE : parsePosition(after)
    const found: Entries[number][] = []
    for (const { key, value } of outbox.getRange({ start: [afterMs, afterNumber + 1] })) {
      const [ms, last, count] = partsOf(key)
      for (const [at, event] of value.toString().split(BETWEEN).entries()) {
        const number = last - count + 1 + at
        if (event === '' || (ms === afterMs && number <= afterNumber)) continue
        if (found.length >= limit) return found
        found.push({ position: `${ms}-${number}`, event })
      }
    }
    return found
  }

  trim(upTo: string, limit: number): Promise<number> {
    return this.#database.commitReserved(() => {
      const { outbox, meta } = this.#database.tables
      const newest = newestOf(outbox)
      const all = countOf(this.#database.tables)
      const [ms, number] = parsePosition(upTo)
      let removed = 0
      for (const key of [...outbox.getKeys({ limit })]) {
        const [ofMs, last, count] = partsOf(key)
        const isNewest = ofMs === newest[0] && last === newest[1]
        const told = ofMs < ms ? count : ofMs > ms ? 0 : Math.min(count, number - last + count)
        const most = Math.max(0, Math.min(told, isNewest ? count - 1 : count, limit - removed))
        if (most > 0) shorten(outbox, key, most)
        removed += most
        if (most < count) break
      }
      if (removed > 0) meta.put(COUNT, Buffer.from(String(all - removed)))
      return removed
    })
  }

  async size(): ReturnType<Outbox['size']> {
    const tables = this.#database.refresh()
    const { outbox } = tables
    // lmdb types it as {}; what LMDB counts costs nothing.
    const { treeBranchPageCount, treeLeafPageCount, overflowPages } = outbox.getStats() as Readonly<
      Record<'treeBranchPageCount' | 'treeLeafPageCount' | 'overflowPages', number>
    >
    const [first] = [...outbox.getKeys({ limit: 1 })].map(partsOf)
    const [ms, last] = newestOf(outbox)
    return {
      events: countOf(tables),
      octets: (treeBranchPageCount + treeLeafPageCount + overflowPages) * PAGE,
      first: first && `${first[0]}-${first[1] - first[2] + 1}`,
      last: first && `${ms}-${last}`,
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

  /** What the transaction that is open writes: put down when all that shares it has run. */
  #batch(): FreshBatch {
    const { tables } = this.#database
    const { outbox } = tables
    const known = batches.get(outbox)
    if (known) return known
    const before = newestOf(outbox)
    const now = Math.floor(this.#now())
    const batch: FreshBatch = { before, last: now > before[0] ? [now, -1] : before, events: [] }
    batches.set(outbox, batch)
    this.#database.atEnd(() => put(tables, batch))
    // A transaction that fails ends without it.
    queueMicrotask(() => batches.delete(outbox))
    return batch
  }
}

const NOWHERE: OutboxKey = [0, -1]

function put(tables: QueueTables, { events }: FreshBatch): void {
  const all = countOf(tables)
  for (let from = 0; from < events.length; from += TOGETHER) {
    const some = events.slice(from, from + TOGETHER)
    const [ms, last] = some.at(-1)?.key ?? NOWHERE
    tables.outbox.put([ms, last, some.length], Buffer.from(some.map(({ event }) => event).join(BETWEEN)))
  }
  tables.meta.put(COUNT, Buffer.from(String(all + events.length)))
}

/** Removes the first events of a record. */
function shorten(outbox: QueueTables['outbox'], key: RecordKey, first: number): void {
  const [ms, last, count] = partsOf(key)
  const rest = first < count ? outbox.get(key)?.toString().split(BETWEEN).slice(first) : undefined
  outbox.remove(key)
  if (rest) outbox.put([ms, last, rest.length], Buffer.from(rest.join(BETWEEN)))
}

/** Those that are no more are counted until they are trimmed. */
function countOf({ outbox, meta }: QueueTables): number {
  const known = meta.get(COUNT)
  // Before it was counted each record was one event.
  return known ? Number(known.toString()) : (outbox.getStats() as { entryCount: number }).entryCount // lmdb types it as {}
}

/** The place of the newest event; before all others when there is none. */
function newestOf(outbox: QueueTables['outbox']): OutboxKey {
  for (const [ms, last] of outbox.getKeys({ reverse: true, limit: 1 })) return [ms, last]
  return NOWHERE
}

/** A record of one event may be without a count. */
function partsOf([ms, last, count = 1]: RecordKey): readonly [ms: number, last: number, count: number] {
  return [ms, last, count]
}
