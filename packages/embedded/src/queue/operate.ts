/** What an operator does to queued messages. For use within a commit. */
import { birth, type Operation, operated, withdrawn } from '@postroad/queue-engine'
import type { QueueTables } from './database.ts'
import { finish } from './ending.ts'
import type { MessageRecord } from './record.ts'
import { move, readStates } from './status-index.ts'

/** Changes the deliveries of a message; how many were changed. */
export function operate(
  tables: QueueTables,
  record: MessageRecord,
  order: {
    readonly operation: Operation
    readonly now: number
    readonly keep: number
    /** Whether a process that has a lease is surely gone: then the lease stands in nobody's way. */
    isLost(owner: string): boolean
  },
): number {
  const { message } = record
  const states = readStates(tables, record)
  const { kind } = order.operation
  if (kind === 'cancel' && !states.every(birth.awaitsRelease)) return 0
  if (kind === 'delete' || kind === 'cancel') {
    finish(tables, message, {
      states: states.map((state) => withdrawn(state, order.now)),
      now: order.now,
      keep: order.keep,
    })
    return states.length
  }
  let changed = 0
  for (const [index, state] of states.entries()) {
    const isLost = state.status.kind === 'claimed' && order.isLost(state.status.owner)
    const free = isLost ? { ...state, status: { kind: 'scheduled', at: order.now } as const } : state
    const next = operated(free, order.operation, order.now)
    if (!next) continue
    move(tables, { id: message.id, index, destination: state.destination }, { from: state.status, state: next })
    changed++
  }
  return changed
}
