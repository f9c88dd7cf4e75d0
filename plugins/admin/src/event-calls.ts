/** The stream of events, for each viewer as he wants it. */
import { eventStream } from '@postroad/http'
import type { MailRecords } from '@postroad/records'
import type { AskedCall, CallHandlers } from './answer.ts'
import type { Hub, LiveEvent } from './hub.ts'
import type { Jobs } from './jobs.ts'

/** What it works on. */
export interface EventDeps {
  readonly hub: Hub
  readonly jobs: Jobs
  readonly records: MailRecords
  /** What `/v1/status` answers to this caller. */
  status(context: AskedCall<'events'>['context']): Promise<object>
}

interface Sent {
  readonly event: string
  readonly id: string
  readonly data: string
}

/** Milliseconds between events `status`. */
const STATUS_MS = 5_000
/** Rows that are told to who comes again: who missed more asks the search. */
const MISSED = 500
/** Events that wait for a slow reader. */
const WAITING = 512

/** One object for all viewers: it is written down once. */
const shared = new WeakMap<LiveEvent, Sent>()

/** The handler. */
export function eventCalls({ hub, jobs, records, status }: EventDeps): CallHandlers {
  return {
    events({ context, query: { filter, outcome, only } }) {
      const names = new Set((only ?? 'open,hook,end,status,job').split(',').map((name) => name.trim()))
      const words = filter
        .toLowerCase()
        .split(/\s+/)
        .filter((word) => word !== '')
      const isFiltered = words.length > 0 || outcome !== undefined
      const wants = (live: LiveEvent): boolean => {
        if (!names.has(live.event)) return false
        if (!isFiltered) return true
        // Of what is not over yet nobody knows whether it fits.
        return live.event === 'end' && (outcome === undefined || live.row?.outcome === outcome) && fits(live, words)
      }
      return eventStream(
        context,
        ({ send }, lastEventId) => {
          const stops = [hub.view((live) => wants(live) && send(sentOf(live)))]
          if (names.has('job')) stops.push(jobs.watch((job) => send({ event: 'job', data: job })))
          const tell = (): void => {
            status(context).then(
              (data) => send({ event: 'status', data }),
              () => undefined, // the next one may be told
            )
          }
          if (names.has('status')) {
            tell()
            const timer = setInterval(tell, STATUS_MS).unref()
            stops.push(() => clearInterval(timer))
          }
          const since = Number(/^(\d{1,15})-/.exec(lastEventId ?? '')?.[1] ?? Number.NaN)
          if (names.has('end') && Number.isFinite(since)) void replay(since)
          async function replay(from: number): Promise<void> {
            // What is missed is in the search; that it cannot be told now is no reason to end the stream.
            const found = await records
              .search({ q: filter, outcome, from: from + 1, limit: MISSED, full: true })
              .catch(() => undefined)
            const rows = found?.items ?? []
            for (const [at, row] of [...rows.entries()].toReversed())
              send({ event: 'end', id: `${row.at}-0-0`, data: { row, record: found?.records?.[at] } })
          }
          return () => {
            for (const stop of stops) stop()
          }
        },
        { queue: WAITING },
      )
    },
  }
}

function sentOf(live: LiveEvent): Sent {
  let sent = shared.get(live)
  if (!sent) shared.set(live, (sent = { event: live.event, id: live.id, data: live.data }))
  return sent
}

/** As the search: all words, in any part of the row; `5xx` is a class of replies. */
function fits({ row, plugins = [] }: LiveEvent, words: readonly string[]): boolean {
  if (!row) return false
  const { id, remote, helo = '', from = '', to, subject = '', messageId = '', reply, listener } = row
  const text = [id, remote, helo, from, ...to, subject, messageId, reply, listener, ...plugins].join('\n').toLowerCase()
  return words.every((word) => (/^[245]xx$/.test(word) ? reply.startsWith(word.slice(0, 1)) : text.includes(word)))
}
