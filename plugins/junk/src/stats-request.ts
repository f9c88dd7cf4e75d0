/** How a filter is doing, for whoever counts in this process: over `node:diagnostics_channel`, so that neither side has to know the other. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { JunkSample } from './stats.ts'

/** What a counter publishes on the channel `postroad:junk:stats`; the filters of the process answer at once, with a promise. */
export interface JunkStatsRequest {
  /** `filter` is the option `folder`, or empty; the same for a generation that begins, and the one before it. */
  add(filter: string, samples: Promise<readonly JunkSample[]>): void
}

/** Answers for a filter until it is told to stop. */
export function answerStats(filter: string, ask: () => Promise<readonly JunkSample[]>): { stop(): void } {
  const answer = (request: unknown): void => (request as JunkStatsRequest).add(filter, ask()) // the channel's own message
  subscribe('postroad:junk:stats', answer)
  return { stop: () => unsubscribe('postroad:junk:stats', answer) }
}
