/** Makes due what is scheduled further ahead than any schedule goes: the clock was set back after it was written. */
import type { DeliveryStatus } from '@postroad/queue-engine'
import type { QueueDatabase, QueueTables } from './database.ts'
import { leave, move, stateOf } from './status-index.ts'

/** How many entries one step moves. */
const PAGE = 500

/** A moment, and the latest that a delivery may be scheduled for. */
interface Hastened {
  readonly now: number
  readonly latest: number
}

/** Makes due now what is scheduled for a time behind `latest`. Resolves to how many. Without any it writes nothing. */
export async function hasten(database: QueueDatabase, times: Hastened): Promise<number> {
  const [last] = [...database.refresh().scheduled.getKeys({ reverse: true, limit: 1 })]
  if (!last || last[0] <= times.latest) return 0
  let hastened = 0
  for (let page = PAGE; page === PAGE; hastened += page)
    page = await database.commitReserved(() => hastenPage(database.tables, times))
  return hastened
}

function hastenPage(tables: QueueTables, { now, latest }: Hastened): number {
  const keys = [...tables.scheduled.getKeys({ start: [latest + 1], limit: PAGE })]
  const status: DeliveryStatus = { kind: 'scheduled', at: now }
  for (const [at, id, index] of keys) {
    const state = stateOf(tables, id, index)
    const from: DeliveryStatus = { kind: 'scheduled', at }
    if (state) move(tables, { id, index, destination: state.destination }, { from, state: { ...state, status } })
    else leave(tables, from, { id, index, destination: '' })
  }
  return keys.length
}
