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
  for (const [index, state] of end.states.entries()) {
    leave(tables, state.status, { id: message.id, index, destination: message.deliveries[index]?.destination ?? '' })
    tables.states.remove([message.id, index])
  }
  if (message.deliveries.length > 1) tables.states.remove([message.id, REMAINING])
  tables.messages.remove(message.id)
  if (end.keep === 0) return
  tables.finished.put(message.id, encodeJson(finishedOf(message, end.states, end.now)))
  forget(tables, end.keep)
}

/** Two at a time: the table shrinks again when `keep` was lowered, and no step is ever long. */
function forget(tables: QueueTables, keep: number): void {
  const { entryCount } = tables.finished.getStats() as { entryCount: number } // lmdb types it as {}
  if (entryCount <= keep) return
  for (const id of [...tables.finished.getKeys({ limit: Math.min(2, entryCount - keep) })]) tables.finished.remove(id)
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
