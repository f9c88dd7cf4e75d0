/** How a message leaves the queue: everything of it goes, and what became of it is remembered for a while. For use within a commit. */
import type { DeliveryState, FinishedMessage, QueuedMessage } from '@postroad/queue-engine'
import type { QueueTables } from './database.ts'
import { encodeJson } from './record.ts'
import { leave } from './status-index.ts'

/** How many recipients of a finished message are remembered by name. */
const RECIPIENT_LIMIT = 100

/** Stands in the states of a message with several deliveries, for how many are not done: looking at each would be quadratic. */
const REMAINING = -1

/** Counts a delivery that is done; true when it was the last of its message. */
export function isLast(tables: QueueTables, message: QueuedMessage): boolean {
  if (message.deliveries.length === 1) return true
  const stored = tables.states.get([message.id, REMAINING])
  const remaining = (stored === undefined ? message.deliveries.length : Number(stored.toString())) - 1
  if (remaining > 0) tables.states.put([message.id, REMAINING], Buffer.from(String(remaining)))
  return remaining <= 0
}

/** Removes a message with all its states, and writes its final state. */
export function finish(
  tables: QueueTables,
  message: QueuedMessage,
  end: { readonly states: readonly DeliveryState[]; readonly now: number; readonly keep: number },
): void {
  for (let index = 0; index < end.states.length; index++) {
    const state = end.states[index] as DeliveryState // within the bounds
    leave(tables, state.status, { id: message.id, index, destination: message.deliveries[index]?.destination ?? '' })
    tables.states.remove([message.id, index])
  }
  if (message.deliveries.length > 1) tables.states.remove([message.id, REMAINING])
  tables.messages.remove(message.id)
  if (end.keep === 0) return
  tables.finished.put(message.id, encodeJson(finishedOf(message, end.states, end.now)))
  forget(tables, end.keep)
}

/** Messages that one step forgets at most: the table shrinks again when `keep` was lowered, and no step is ever long. */
const FORGOTTEN = 64

/** Messages that may end until the table is counted again, by table; to count it costs as much as to write to it. */
const uncounted = new WeakMap<QueueTables, number>()

/** Other processes write to the same table: it is off by a few of each, and never by more than a part of `keep`. */
function forget(tables: QueueTables, keep: number): void {
  const left = uncounted.get(tables) ?? 0
  if (left > 0) {
    uncounted.set(tables, left - 1)
    return
  }
  const { entryCount } = tables.finished.getStats() as { entryCount: number } // lmdb types it as {}
  const most = Math.min(FORGOTTEN / 2, keep >> 8)
  if (entryCount <= keep) {
    uncounted.set(tables, Math.min(most, keep - entryCount))
    return
  }
  uncounted.set(tables, most)
  const limit = Math.min(FORGOTTEN, entryCount - keep)
  for (const id of [...tables.finished.getKeys({ limit })]) tables.finished.remove(id)
}

function finishedOf(message: QueuedMessage, states: readonly DeliveryState[], now: number): FinishedMessage {
  const recipients: FinishedMessage['recipients'][number][] = []
  let recipientCount = 0
  for (const [at, delivery] of message.deliveries.entries()) {
    for (const [which, { address }] of delivery.recipients.entries()) {
      const state = states[at]?.recipients[which]
      if (state && recipientCount++ < RECIPIENT_LIMIT) recipients.push({ address: address.toString(), state })
    }
  }
  const { id, from, queuedAt, size } = message
  return { id, from: from?.toString() ?? '', queuedAt, finishedAt: now, size, recipients, recipientCount }
}
