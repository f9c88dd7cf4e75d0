/** What the engine is told, and what it does when it is told nothing. */

import type { MessageSource } from '@postroad/mail'
import type { Address, Clock, DeliveryHooks, Logger, Refusal, Route } from '@postroad/plugin'
import type { Lease } from '../model.ts'
import type { EventWriter } from '../outbox/event-writer.ts'
import type { ScheduleOptions } from '../schedule.ts'
import type { QueueStore } from '../store.ts'
import type { Destination } from './destination.ts'
import type { FindTransport } from './find-transport.ts'
import type { BackoffOptions, SiteRule } from './site.ts'

/** Time and waiting; a fake in tests. */
export interface EngineClock {
  /** Milliseconds since the epoch: for what is written down. May be set, forth and back. */
  now(): number
  /** Milliseconds since some moment: for whatever lasts. Never jumps. */
  monotonic(): number
  /** Calls back once after `ms`; the result cancels. */
  after(ms: number, run: () => void): () => void
}

/** How an engine is made. */
export interface EngineOptions {
  readonly store: QueueStore
  readonly transports: FindTransport
  readonly hooks: DeliveryHooks
  /** What is written down for programs. Default: nothing. */
  readonly events?: EventWriter | undefined
  readonly log: Logger
  readonly hostname: string
  /** When the mail of a destination is tried, and for how long. */
  scheduleOf(destination: string): ScheduleOptions
  /** Milliseconds that the next attempt is away at most, by any schedule. Default: by that of the destination without a name. */
  readonly longestPauseMs?: number
  /**
   * Where the transactions of a destination are counted; a promise when its mail hosts must be looked up, which is not waited for
   * by those who hand in mail. Does not reject: where DNS does not answer, a destination is counted by itself.
   */
  siteOf(destination: string, route: Route): SiteRule | Promise<SiteRule>
  readonly backoff: BackoffOptions
  /** Where a notification to an address goes, or why it goes nowhere. Does not reject. */
  routeReport(recipient: Address): Promise<Route | Refusal>
  /** The address that is told of mail that could be neither delivered nor returned. */
  readonly postmaster?: Address | undefined
  /** Largest original that goes back whole with a failure, in octets. */
  readonly returnLimit: number
  /** Attempts at once, over all destinations. */
  readonly maxActive: number
  /** Part of `maxActive` that old mail may take, 0 to 1: the rest stays free for fresh mail. */
  readonly backlogShare: number
  /** Octets of fresh messages kept in memory until they are delivered; above, they are read back. */
  readonly memoryLimit: number
  /** Jobs in memory of one destination; what is more waits in the store. */
  readonly destinationLimit: number
  /** Milliseconds after which an attempt is given up. */
  readonly attemptMs: number
  /** Milliseconds that attempts have when the process stops. Default 10,000. */
  readonly stopGraceMs?: number
  /** Milliseconds that they have when all was sent and only the answer is awaited. Default 120,000. */
  readonly answerGraceMs?: number
  /** Milliseconds between looks at the store when nothing is due: others may have put something there. */
  readonly lookMs: number
  readonly clock: EngineClock
  /** Is told when a message has ended in this process; for tests and metrics. */
  onFinished?(id: string): void
}

/** A lease on its way through the engine. */
export interface EngineJob {
  readonly lease: Lease
  readonly destination: Destination<EngineJob>
  readonly isFresh: boolean
  /** The octets, when they are still in memory. */
  readonly source: MessageSource | undefined
}

/** How often it says that it lives. */
export const BEAT_MS = 5_000
/** Leases of one look. */
export const PAGE = 100

/** A clock of the core as the engine's. */
export function engineClock(clock: Clock): EngineClock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic?.() ?? clock.now(),
    after(ms, run) {
      const controller = new AbortController()
      // A rejection is the cancelling.
      clock.sleep(ms, controller.signal).then(run, () => {})
      return () => controller.abort()
    },
  }
}
