/** When to try again. Pure: time and chance come from outside. RFC 5321 §4.5.4.1. */
import type { BounceClass } from './bounce-table.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** The operator's word on retries. Milliseconds. */
export interface ScheduleOptions {
  /** How long a message is tried; RFC 5321 §4.5.4.1 wants at least 4 to 5 days. */
  readonly lifeMs: number
  /** When senders are told that their mail is late; 0: never. */
  readonly warnAfterMs: number
  /** Waits after the first, second, … failure; the last one repeats. */
  readonly waits: readonly number[]
  /** Other waits for a class of failure. */
  readonly classWaits: { readonly [C in BounceClass]?: readonly number[] }
  /** Part of a wait that is left to chance, 0 to 1: 0.2 is ±20 %. */
  readonly jitter: number
  /** How long a failure waits for those of other deliveries of its message, to be told in one notification. */
  readonly reportDelayMs: number
  /** A next hop's wish is obeyed between these. */
  readonly hintMinMs: number
  readonly hintMaxMs: number
}

/** Five days; a warning after four hours; from five minutes to four hours between attempts. */
export const DEFAULT_SCHEDULE: ScheduleOptions = Object.freeze({
  lifeMs: 5 * 24 * HOUR,
  warnAfterMs: 4 * HOUR,
  waits: [5, 10, 20, 30, 60, 120, 180, 240].map((minutes) => minutes * MINUTE),
  classWaits: {
    // RFC 6647 §4: a greylist lets the second try through after minutes, and forgets after hours.
    greylist: [2, 5, 5, 10, 15, 30, 60, 120, 240].map((minutes) => minutes * MINUTE),
    rate: [10, 15, 30, 60].map((minutes) => minutes * MINUTE),
    quota: [1, 2, 4, 8].map((hours) => hours * HOUR),
  },
  jitter: 0.2,
  reportDelayMs: 20_000,
  hintMinMs: 30_000,
  hintMaxMs: 4 * HOUR,
})

/** What is known after a failure. */
export interface AttemptFailure {
  /** Attempts made so far, this one included. */
  readonly attempts: number
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly expiresAt: number
  readonly class: BounceClass
  /** Milliseconds the next hop asked to wait. */
  readonly hintMs?: number
}

/**
 * Milliseconds since the epoch of the next attempt. The last attempt falls on the end of the message's life, not behind it:
 * nothing is given up without having been tried at the end.
 *
 * @param random a number from 0 up to 1
 */
export function nextAttemptAt(
  failure: AttemptFailure,
  options: ScheduleOptions = DEFAULT_SCHEDULE,
  random: number = Math.random(),
): number {
  const waits = options.classWaits[failure.class] ?? options.waits
  const wait = waits[Math.min(failure.attempts, waits.length) - 1] ?? 5 * MINUTE
  const jittered = wait * (1 + options.jitter * (2 * random - 1))
  // A hint is a lower bound: coming earlier than asked is what the next hop punishes. Chance only makes it later.
  const hint = failure.hintMs === undefined ? 0 : clamp(failure.hintMs, options) * (1 + options.jitter * random)
  const at = failure.now + Math.max(jittered, hint)
  return Math.round(
    failure.now < failure.expiresAt ? Math.min(at, Math.max(failure.expiresAt, failure.now + MINUTE)) : at,
  )
}

/** Milliseconds that the next attempt is away at most, whatever happens. */
export function longestPause(options: ScheduleOptions): number {
  const waits = [options.waits, ...Object.values(options.classWaits)].flat()
  return Math.max(options.reportDelayMs, (1 + options.jitter) * Math.max(options.hintMaxMs, 5 * MINUTE, ...waits))
}

function clamp(hintMs: number, options: ScheduleOptions): number {
  return Math.min(Math.max(hintMs, options.hintMinMs), options.hintMaxMs)
}
