/** Time, so that tests need not wait. */
import type { Clock } from '@postroad/plugin'

/** The machine's own clock; a pending sleep does not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  // Not node:timers/promises: it makes an error with a stack of every sleep that is cut short, and nearly all of ours are.
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const abort = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }, ms).unref()
      signal?.addEventListener('abort', abort, { once: true })
    }),
}
