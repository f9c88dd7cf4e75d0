/** What is told to whoever counts in this process, over `node:diagnostics_channel`: neither side has to know the other. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Runner } from './runner.ts'

/** Numbers of one endpoint; times in seconds. */
interface EndpointStats {
  readonly name: string
  readonly told: number
  readonly requests: number
  readonly failures: number
  readonly refusals: number
  readonly dead: number
  readonly seconds: number
  readonly parked: number
  readonly state: 'on' | 'open' | 'off'
  /** Age of the oldest event that it was not told of. */
  readonly lag: number
}

/** What is said on the channel `postroad:events:stats`. */
interface StatsRequest {
  add(stats: {
    readonly events: number
    readonly octets: number
    readonly dropped: number
    readonly endpoints: readonly EndpointStats[]
  }): void
}

const CHANNEL = 'postroad:events:stats'

/** Answers until what it returns is called. */
export function answerStats(runner: Runner, now: () => number): () => void {
  const answer = (request: unknown): void => {
    const { size, dropped, tellers } = runner
    const endpoints = tellers.map(({ name, counts, parked, state, oldest }): EndpointStats => {
      const { events, requests, failures, refusals, dead, ms } = counts
      const lag = oldest === undefined ? 0 : Math.max(0, now() - oldest) / 1_000
      return { name, told: events, requests, failures, refusals, dead, seconds: ms / 1_000, parked, state, lag }
    })
    ;(request as StatsRequest).add({ events: size?.events ?? 0, octets: size?.octets ?? 0, dropped, endpoints }) // the channel's own message
  }
  subscribe(CHANNEL, answer)
  return () => void unsubscribe(CHANNEL, answer)
}
