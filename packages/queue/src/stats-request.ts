/** How much is queued, for whoever counts in this process: over `node:diagnostics_channel`, so that neither side has to know the other. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { QueueStats, QueueStore } from './store.ts'

/** What a counter publishes on the channel `postroad:queue:stats`; the queues of the process answer at once, with a promise. */
export interface StatsRequest {
  /** `queue` is the same for those who have the same queue open: a generation that begins, and the one before it. */
  add(queue: string, stats: Promise<QueueStats>): void
}

/** Answers for a queue until it is told to stop. */
export function answerStats(queue: string, store: Pick<QueueStore, 'stats'>): { stop(): void } {
  const answer = (request: unknown): void => (request as StatsRequest).add(queue, store.stats()) // the channel's own message
  subscribe('postroad:queue:stats', answer)
  return { stop: () => unsubscribe('postroad:queue:stats', answer) }
}
