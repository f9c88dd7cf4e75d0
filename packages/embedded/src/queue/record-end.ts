/** What one lease came to, written into the tables. */
import { type DeliveryStatus, type LeaseEnd, type RecordResult, withPendingHold } from '@postroad/queue-engine'
import type { QueueTables } from './database.ts'
import { finish, isLast } from './ending.ts'
import { asRecord, bornState, entryOf, move, readState } from './status-index.ts'

/** Records one end inside a transaction. `keep` is how many finished messages are remembered; `owner` is the name the lease stands under. */
export function recordEnd(
  tables: QueueTables,
  { lease, state, now }: LeaseEnd,
  { owner, keep }: { readonly owner: string; readonly keep: number },
): RecordResult {
  const { message, index } = lease
  const stored = readState(tables, message.id, index)
  const next = asRecord(message, index, withPendingHold(state, stored?.pendingHold, now))
  const from: DeliveryStatus = { kind: 'claimed', owner }
  if (next.status.kind === 'done' && isLast(tables, message)) {
    const known = message.deliveries.map((_, at) =>
      at === index ? { ...next, status: from } : (readState(tables, message.id, at) ?? bornState(message, at, owner)),
    )
    finish(tables, message, { states: known, now, keep })
    return 'finished'
  }
  move(tables, entryOf(lease), { from, state: next })
  return 'recorded'
}
