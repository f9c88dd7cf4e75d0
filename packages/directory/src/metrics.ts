/** What directories have counted, for who measures: a request on a channel of `node:diagnostics_channel`, which each of them answers. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { DirectoryStats } from './deps.ts'

const CHANNEL = 'postroad:directory:stats'

/** Who asks collects by this. */
interface StatsRequest {
  add(name: string, stats: DirectoryStats): void
}

/** Answers from now on; what comes back ends it. */
export function offerStats(name: string, stats: () => DirectoryStats): () => void {
  const answer = (request: unknown): void => (request as StatsRequest).add(name, stats()) // only who measures publishes here
  subscribe(CHANNEL, answer)
  return () => void unsubscribe(CHANNEL, answer)
}
