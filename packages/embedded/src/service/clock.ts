/** The machine's own time, as the service plugins wait and compare with. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '@postroad/plugin'

/**
 * The machine's clock.
 *
 * @example await systemClock().sleep(1_000, signal)
 */
export function systemClock(): Clock {
  // `performance.now` counts from the start of the process; since the start of the machine processes can compare.
  const started = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  return {
    now: () => Date.now(),
    monotonic: () => started + performance.now(),
    sleep: (ms, signal) => wait(ms, undefined, signal ? { signal } : {}),
  }
}
