/** A signal that also fires when a time is up. */

/** A signal with a time, to be disposed of when it is no longer needed. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal
}

/** The reason of a {@link deadline} that has passed. */
export class TimeUp extends Error {}

/** Aborts with `signal`, or after `ms`. Linked by hand: `AbortSignal.any` holds on to long-lived sources. */
export function deadline(signal: AbortSignal, ms: number): Deadline {
  const controller = new AbortController()
  const abort = () => controller.abort(signal.reason)
  const timer = setTimeout(() => controller.abort(new TimeUp(`not done in ${ms} ms`)), ms)
  timer.unref()
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    },
  }
}
