/** The machine's own time, as the service plugins wait and compare with. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '@postroad/plugin'

/**
 * The machine's clock.
 *
 * @example await systemClock().sleep(1_000, signal)
 */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (ms, signal) => wait(ms, undefined, signal ? { signal } : {}),
  }
}
