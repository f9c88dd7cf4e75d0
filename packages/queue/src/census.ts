/** How much is queued, for whoever counts in this process: over `node:diagnostics_channel`, so that neither side has to know the other. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { QueueStats, QueueStore } from './store.ts'

/** What a counter publishes on the channel `postroad:queue:census`; the queues of the process answer at once, with a promise. */
export interface Census {
  /** `place` is the same for those who have the same queue open: a generation that begins, and the one before it. */
  add(place: string, stats: Promise<QueueStats>): void
}

/** Answers for a queue until it is told to stop. */
export function answerCensus(place: string, store: Pick<QueueStore, 'stats'>): { stop(): void } {
  const answer = (census: unknown): void => (census as Census).add(place, store.stats()) // the channel's own message
  subscribe('postroad:queue:census', answer)
  return { stop: () => unsubscribe('postroad:queue:census', answer) }
}
