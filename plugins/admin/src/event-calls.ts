/** The stream of events, for each viewer as he wants it. */
import { eventStream, type WantedEvents } from '@postroad/http'
import type { MailRecords } from '@postroad/records'
import { type AskedCall, type CallHandlers, CallRefused } from './answer.ts'
import { mayReadFailures, withoutFailures } from './failure-text.ts'
import type { Hub, LiveEvent } from './hub.ts'
import type { Jobs } from './jobs.ts'
import { wordsOf } from './log-calls.ts'
import { isWanted, type LogEntry } from './log-ring.ts'

/** What it works on. */
export interface EventDeps {
  readonly hub: Hub
  readonly jobs: Jobs
  readonly records: MailRecords
  /** Streams at the same time. */
  readonly most: number
  /** What `/v1/status` answers to this caller. */
  status(context: AskedCall<'events'>['context']): Promise<object>
}

/** Milliseconds between events `status`. */
const STATUS_MS = 5_000
/** Rows that are told to who comes again: who missed more asks the search. */
const MISSED = 500
/** Of those that are for one reader alone: what waits while it is slow. */
const WAITING = MISSED + 16
/** Seconds after which somebody may have gone. */
const AGAIN_S = 30

/** The handler. */
export function eventCalls({ hub, jobs, records, most, status }: EventDeps): CallHandlers {
  const statusOf = sharedStatus(status)
  return {
    events({ context, query: { filter, outcome, only, sample } }) {
      if (hub.viewers >= most)
        throw new CallRefused(
          503,
          `${most} readers of events are as many as this server has at once: close a page, or raise viewers of the plugin admin`,
          { 'retry-after': String(AGAIN_S) },
        )
      const names = new Set((only ?? 'open,hook,end,status,job').split(',').map((name) => name.trim()))
      const isTrusted = mayReadFailures(context)
      // As `/v1/logs`, which is not for everybody either.
      if (!isTrusted) names.delete('log')
      return eventStream(
        context,
        ({ send, follow }, lastEventId) => {
          const isSample = sample !== undefined
          if (isSample && names.has('end')) names.add('sampled')
          const stops = [hub.view(isSample)]
          follow(hub.ring, wantsOf({ names, filter, outcome, isSample, isTrusted }))
          if (names.has('job')) stops.push(jobs.watch((job) => send({ event: 'job', data: job })))
          const tell = (): void => {
            // When it cannot be told now, the next one may be.
            statusOf(context).then(send, () => undefined)
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
            for (const [at, row] of [...rows.entries()].toReversed()) {
              const whole = found?.records?.[at]
              const record = whole && !isTrusted ? withoutFailures(whole) : whole
              send({ event: 'end', id: `${row.at}-0-0`, data: { row, record } })
            }
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

type Wanted = Pick<AskedCall<'events'>['query'], 'filter' | 'outcome'> & {
  readonly names: ReadonlySet<string>
  readonly isSample: boolean
  /** Texts of failures, too. */
  readonly isTrusted: boolean
}

/** Whoever asks the same has the same key, and is given the same octets. */
function wantsOf({ names, filter, outcome, isSample, isTrusted }: Wanted): WantedEvents<LiveEvent> {
  const words = wordsOf(filter)
  const isFiltered = words.length > 0 || outcome !== undefined
  return {
    key: JSON.stringify([[...names].sort(), words, outcome, isSample, isTrusted]),
    isWanted(live) {
      if (!names.has(live.event) || (isSample && !live.isSample)) return false
      if (live.isTrusted !== undefined && live.isTrusted !== isTrusted) return false
      if (live.event === 'log') return words.length === 0 || isWanted(JSON.parse(live.data) as LogEntry, { words }) // of the hub
      if (!isFiltered) return true
      // Of what is not over yet nobody knows whether it fits.
      return live.event === 'end' && (outcome === undefined || live.row?.outcome === outcome) && fits(live, words)
    },
  }
}

type Told = { readonly event: 'status'; readonly data: object }

/** Viewers of the same name who may the same see the same, which is found out once: the name is in it. */
function sharedStatus(status: EventDeps['status']): (context: AskedCall<'events'>['context']) => Promise<Told> {
  const known = new Map<string, { readonly at: number; readonly told: Promise<Told> }>()
  return (context) => {
    const who = JSON.stringify([context.caller?.name, context.caller?.roles])
    const now = performance.now()
    let one = known.get(who)
    if (!one || now - one.at > STATUS_MS / 2) {
      one = { at: now, told: status(context).then((data) => ({ event: 'status', data })) }
      known.set(who, one)
    }
    return one.told
  }
}

/** As the search: all words, in any part of the row; `5xx` is a class of replies. */
function fits({ row, plugins = [] }: LiveEvent, words: readonly string[]): boolean {
  if (!row) return false
  const { id, remote, helo = '', from = '', to, subject = '', messageId = '', reply, listener } = row
  const text = [id, remote, helo, from, ...to, subject, messageId, reply, listener, ...plugins].join('\n').toLowerCase()
  return words.every((word) => (/^[245]xx$/.test(word) ? reply.startsWith(word.slice(0, 1)) : text.includes(word)))
}
