/** Waits for a server to get on, as long as its queue waits for a time that was wanted: a next hop's ("greylisted for 5 minutes"), or a closed destination's. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { QueueDesk } from '@postroad/queue-engine'

/** Milliseconds without progress after which it is looked for what is waited for. */
const LOOK_MS = 60_000
/** Milliseconds that a time may be away: a closed destination opens after half an hour and a quarter at most, and mail comes to it over as long again. */
const LONGEST_MS = 5_400_000
const ROWS = 1_000

type Row = Awaited<ReturnType<QueueDesk['list']>>['items'][number]

/** What is waited for. */
export interface Waiting {
  readonly what: string
  isSo(): boolean
  /** A number that changes with every step. */
  progress(): number
  /** Where it waits; absent: two looks without progress are the end. */
  readonly queue?: Pick<QueueDesk, 'list'>
  readonly lookMs?: number
  log?(text: string): void
}

/** Until it is so. Rejects when nothing happens in two looks, though something was due in the first, or nothing is left to happen. */
export async function until({ what, isSo, progress, queue, lookMs = LOOK_MS, log }: Waiting): Promise<void> {
  let last = progress()
  let since = performance.now()
  let before: ReadonlySet<string> | undefined
  while (!isSo()) {
    await sleep(Math.min(50, lookMs))
    if (progress() !== last) {
      last = progress()
      since = performance.now()
      before = undefined
    } else if (performance.now() - since > lookMs) {
      const rows = queue ? (await queue.list({}, { limit: ROWS, signal: AbortSignal.timeout(30_000) })).items : []
      const now = Date.now()
      const stuck = rows.filter((row) => !hasTime(row, now, lookMs))
      log?.(
        `${what}: ${last}; ${rows.length} wait${rows.length === 0 ? '' : ` (${rows.slice(0, 3).map(shown).join('; ')})`}`,
      )
      if (before && (rows.length === 0 || stuck.some(({ id }) => before?.has(id))))
        throw new Error(
          `waited for ${what}, and there were ${last}. In the queue: ${stuck.slice(0, 20).map(shown).join('; ') || 'nothing'}`,
        )
      before = new Set(stuck.map(({ id }) => id))
      since = performance.now()
    }
  }
}

/** It waits for a time, and that is neither past nor further away than any rule allows. */
function hasTime({ nextAt, states }: Row, now: number, lookMs: number): boolean {
  return (
    nextAt !== undefined &&
    states.every((state) => state === 'scheduled') &&
    nextAt > now - lookMs &&
    nextAt < now + LONGEST_MS
  )
}

function shown({ to, states, attempts, nextAt, reply }: Row): string {
  const when = nextAt === undefined ? '' : ` for ${Math.round((nextAt - Date.now()) / 1_000)} s`
  return `${to.join()} ${states.join()}${when}, attempt ${attempts}, ${reply ?? 'no reply'}`
}
