/** The log, over all workers. */
import type { CallHandlers } from './answer.ts'
import type { Circle } from './circle.ts'
import type { LogAnswer, LogRing, LogWanted } from './log-ring.ts'

/** The handlers. */
export function logCalls(ring: () => LogRing, circle: () => Circle): CallHandlers {
  return {
    async logs({ query: { level, plugin, q, before, limit } }) {
      const wanted: LogWanted = { level, plugin, words: wordsOf(q), before, limit: limit + 1 }
      const { all, workers } = await circle().ask(ring().look(wanted), `/logs?${new URLSearchParams(searchOf(wanted))}`)
      const sorted = all.flatMap(({ items }) => items).toSorted((a, b) => (a.key < b.key ? 1 : -1))
      const shown = sorted.slice(0, limit)
      const last = sorted.length > limit ? shown.at(-1) : undefined
      return {
        items: shown.map(({ entry }) => entry),
        ...(last && { next: last.key }),
        dropped: all.reduce((sum, { dropped }) => sum + dropped, 0),
        workers,
      }
    },
  }
}

/** What this worker has, for another that asks. */
export function logAnswer(ring: LogRing, search: URLSearchParams): LogAnswer {
  // Written below, by the code of the same version.
  return ring.look({
    level: (search.get('level') ?? undefined) as LogWanted['level'],
    plugin: search.get('plugin') ?? undefined,
    words: wordsOf(search.get('q') ?? ''),
    before: search.get('before') ?? undefined,
    limit: Number(search.get('limit')),
  })
}

function searchOf({ level, plugin, words, before, limit }: LogWanted): Record<string, string> {
  return {
    ...(level !== undefined && { level }),
    ...(plugin !== undefined && { plugin }),
    ...(before !== undefined && { before }),
    q: words.join(' '),
    limit: String(limit),
  }
}

/** All of which must be met. */
export function wordsOf(q: string): readonly string[] {
  return q
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
}
