/** Reads of the embedded queue that write nothing: lists, counts, destinations. */
import { type FinishedMessage, type QueueEntry, QueueError, type QueueStats } from '@postroad/queue-engine'
import type { QueueTables } from './database.ts'
import { decodeJson, decodeMessage } from './record.ts'
import { readStates } from './status-index.ts'

/** Entries read before the event loop gets a turn, and before the read transaction is renewed: a long one keeps old pages alive. */
const PAGE = 200

/** How a list goes on, and how it ends early. */
export interface PageOptions {
  readonly after?: string
  readonly signal?: AbortSignal
}

/** Messages in order of their ids. */
export async function* list(
  tables: QueueTables,
  options: PageOptions & { readonly onCorrupt: (error: QueueError) => void },
): AsyncGenerator<QueueEntry> {
  for await (const { key, value } of pages(tables, { ...options, table: 'messages' })) {
    try {
      const record = decodeMessage(key, value)
      yield { message: record.message, states: readStates(tables, record) }
    } catch (error) {
      if (!(error instanceof QueueError)) throw error
      options.onCorrupt(error)
    }
  }
}

/** Finished messages in order of their ids. */
export async function* finished(tables: QueueTables, options: PageOptions): AsyncGenerator<FinishedMessage> {
  for await (const { key, value } of pages(tables, { ...options, table: 'finished' }))
    yield decodeJson<FinishedMessage>(key, value)
}

/** What could not be read, in order of ids. */
export async function* corrupt(tables: QueueTables): AsyncGenerator<{ readonly id: string; readonly octets: Buffer }> {
  for await (const { key, value } of pages(tables, { table: 'corrupt' })) yield { id: key, octets: value }
}

/** The table is looked up for each page: the file may have been opened anew meanwhile, and what was open before is closed. */
async function* pages(
  tables: QueueTables,
  { table, after = '', signal }: PageOptions & { readonly table: 'messages' | 'finished' | 'corrupt' },
): AsyncGenerator<{ key: string; value: Buffer }> {
  for (let last = after; ; ) {
    const page = [...tables[table].getRange({ start: last, exclusiveStart: last !== '', limit: PAGE, snapshot: false })]
    for (const entry of page) {
      if (signal?.aborted) return
      yield entry
      last = entry.key
    }
    if (page.length < PAGE) return
    await new Promise(setImmediate)
  }
}

/** Whether something waits for a destination. */
export function isWaitedFor({ waiting }: QueueTables, destination: string): boolean {
  return waiting.getKeysCount({ start: [destination, 0], end: [destination, Number.MAX_VALUE], limit: 1 }) > 0
}

/** Destinations with waiting deliveries: one seek a destination, whatever stands in each. */
export function waitingDestinations(tables: QueueTables): string[] {
  const destinations: string[] = []
  for (let start: [string, number, string, number] = ['', 0, '', 0]; ; ) {
    const [key] = [...tables.waiting.getKeys({ start, limit: 1 })]
    if (!key) return destinations
    destinations.push(key[0])
    start = [key[0], Number.MAX_VALUE, '', 0]
  }
}

/** How much is where; the database knows without counting. */
export function counts(tables: QueueTables): Omit<QueueStats, 'freeBytes'> {
  const count = (table: { getStats(): {} }): number => (table.getStats() as { entryCount: number }).entryCount // lmdb types it as {}
  return {
    messages: count(tables.messages),
    scheduled: count(tables.scheduled),
    waiting: count(tables.waiting),
    claimed: count(tables.claimed),
    held: count(tables.held),
    corrupt: count(tables.corrupt),
    unreturned: unreturned(tables),
  }
}

/** See {@link QueueStats.unreturned}. */
export function unreturned(tables: QueueTables): number {
  return Number(tables.meta.get('unreturned')?.toString() ?? 0)
}
