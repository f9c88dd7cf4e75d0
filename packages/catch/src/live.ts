/** What happens, as it happens: events for the page, and an answer that waits for a message. */
import { EventRing, eventStream, problem } from '@postroad/http'
import { messageFromBytes } from '@postroad/message'
import { parseDuration } from '@postroad/options'
import type { HttpRoute } from '@postroad/plugin'
import type { Collection } from './collection.ts'
import type { CaughtEntry } from './entry.ts'
import { own } from './own-site.ts'
import { conditionOf, type MailCondition } from './query.ts'
import { messageOf, summaryOf } from './shape.ts'

const LONGEST_WAIT = 60_000
const ALL_EVENTS = { key: 'all', isWanted: () => true }

/** The routes. */
export function liveRoutes(collection: Collection): readonly HttpRoute[] {
  const ring = new EventRing<{ event: string; data: unknown }>()
  collection.watch((change) => {
    const counts = collection.counts
    if (change.kind === 'added') ring.add({ event: 'new', data: { message: summaryOf(change.entry), counts } })
    else if (change.kind === 'dropped') ring.add({ event: 'dropped', data: { count: change.count, counts } })
    else ring.add({ event: change.kind, data: { ids: change.ids, counts } })
  })
  return [
    own({
      method: 'GET',
      path: '/api/v1/events',
      summary: 'What comes and goes, as it does (server-sent events)',
      handler: (context) =>
        eventStream(context, ({ send, follow }) => {
          send({ event: 'counts', data: collection.counts })
          follow(ring, ALL_EVENTS)
        }),
    }),
    own({
      method: 'GET',
      path: '/api/v1/wait',
      summary: 'The first message that a query finds, or the first that comes: ?query=&after=ID&timeout=10s',
      timeout: LONGEST_WAIT + 10_000,
      async handler({ url, signal }) {
        const asked = readWait(url, collection)
        if (asked instanceof Response) return asked
        const began = collection.get('latest')?.n ?? 0
        const found = await waitFor(collection, { ...asked, signal })
        if (!found) {
          const others = collection.find({ sql: 'n > ?', values: [began] }, { start: 0, limit: 10 })
          const list = others.entries.map(({ to, subject }) => `${to[0]?.address ?? '?'} ${JSON.stringify(subject)}`)
          const came = list.length === 0 ? 'Nothing came' : `${others.count} others came: ${list.join(', ')}`
          return problem(408, `No such message in ${asked.timeout} ms. ${came}`)
        }
        const octets = await collection.read(found.id)
        return octets ? Response.json(await messageOf(found, messageFromBytes(octets))) : problem(404)
      },
    }),
  ]
}

function readWait(url: URL, collection: Collection) {
  const text = url.searchParams.get('timeout') ?? '10s'
  const timeout = /^\d+$/.test(text) ? Number(text) : parseDuration(text)
  if (timeout === undefined || timeout > LONGEST_WAIT)
    return problem(400, `timeout: milliseconds, or "10s", at most 60 s; not ${JSON.stringify(text.slice(0, 50))}`)
  const after = url.searchParams.get('after')
  const before = after === null ? undefined : collection.get(after)
  if (after !== null && after !== 'latest' && !before) return problem(404, 'after: there is no such message')
  return { condition: conditionOf(url.searchParams.get('query') ?? ''), after: before?.n ?? 0, timeout }
}

/** The oldest after that number, or the first that comes; undefined when the time is up or nobody waits any more. */
export function waitFor(
  collection: Collection,
  asked: {
    readonly condition: MailCondition
    readonly after: number
    readonly timeout: number
    readonly signal?: AbortSignal
  },
): Promise<CaughtEntry | undefined> {
  const { condition, after, timeout, signal } = asked
  const there = collection.next(condition, after)
  if (there || timeout === 0) return Promise.resolve(there)
  return new Promise((resolve) => {
    const end = (found: CaughtEntry | undefined): void => {
      clearTimeout(timer)
      unwatch()
      signal?.removeEventListener('abort', stop)
      resolve(found)
    }
    const stop = (): void => end(undefined)
    const timer = setTimeout(stop, timeout)
    const unwatch = collection.watch((change) => {
      if (change.kind !== 'added') return
      const found = collection.next(condition, change.entry.n - 1)
      if (found) end(found)
    })
    signal?.addEventListener('abort', stop, { once: true })
  })
}
