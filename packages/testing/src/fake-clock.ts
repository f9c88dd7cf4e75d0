/** Time that passes only when a test says so. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '@postroad/plugin'

interface Sleeper {
  readonly at: number
  wake(): void
}

/** A {@link Clock} for tests. */
export interface FakeClock extends Clock {
  /** What passed since the clock was made, and then some: not the time of the wall, so that who takes one for the other fails. */
  monotonic(): number
  /** Sets the wall clock forth or back; no time passes. */
  step(ms: number): void
  /** Lets `ms` pass, waking sleepers on the way, each at its time; resolves when what they started has had its turn. */
  advance(ms: number): Promise<void>
}

/**
 * A clock that stands still until `advance`.
 *
 * @param start milliseconds since the epoch; default 2026-01-01T00:00:00Z
 * @example
 * const clock = fakeClock()
 * await clock.advance(60_000)
 */
export function fakeClock(start: number = Date.UTC(2026, 0, 1)): FakeClock {
  let now = 5_000
  let wall = start - now
  const sleepers = new Set<Sleeper>()
  return {
    now: () => wall + now,
    monotonic: () => now,
    step(ms) {
      wall += ms
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const end = (settle: () => void) => {
          sleepers.delete(sleeper)
          signal?.removeEventListener('abort', abort)
          settle()
        }
        const abort = () => end(() => reject(signal?.reason))
        const sleeper: Sleeper = { at: now + ms, wake: () => end(resolve) }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', abort)
      }),
    async advance(ms) {
      const until = now + ms
      await turn()
      while (true) {
        const next = [...sleepers].sort((a, b) => a.at - b.at)[0]
        if (!next || next.at > until) break
        now = Math.max(now, next.at)
        next.wake()
        await turn()
      }
      now = until
      await turn()
    },
  }
}
