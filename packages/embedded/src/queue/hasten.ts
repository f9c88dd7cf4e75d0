/** Makes due what is scheduled further ahead than any schedule goes: the clock was set back after it was written. */
import { birth, type DeliveryStatus } from '@postroad/queue-engine'
import type { QueueDatabase, QueueTables } from './database.ts'
import { leave, move, stateOf } from './status-index.ts'

/** How many entries one step moves. */
const PAGE = 500

type ScheduledKey = [at: number, id: string, index: number]

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
  let after: ScheduledKey | undefined
  do {
    const page = await database.commitReserved(() => hastenPage(database.tables, { ...times, after }))
    hastened += page.moved
    after = page.last
  } while (after)
  return hastened
}

/** What waits for the time that its sender wants is no later than that. */
function hastenPage(
  tables: QueueTables,
  { now, latest, after }: Hastened & { readonly after: ScheduledKey | undefined },
): { readonly moved: number; readonly last: ScheduledKey | undefined } {
  const keys = [
    ...tables.scheduled.getKeys({
      start: after ?? ([latest + 1] as unknown as ScheduledKey), // the beginning of a key is before all that begin with it
      exclusiveStart: after !== undefined,
      limit: PAGE,
    }),
  ]
  const status: DeliveryStatus = { kind: 'scheduled', at: now }
  let moved = 0
  for (const [at, id, index] of keys) {
    const state = stateOf(tables, id, index)
    if (state && birth.awaitsRelease(state)) continue
    const from: DeliveryStatus = { kind: 'scheduled', at }
    if (state) move(tables, { id, index, destination: state.destination }, { from, state: { ...state, status } })
    else leave(tables, from, { id, index, destination: '' })
    moved++
  }
  return { moved, last: keys.length === PAGE ? keys.at(-1) : undefined }
}
