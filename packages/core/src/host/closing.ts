/** The end of plugins: they may take their time, but not for ever. */
import { isThenable } from '../thenable.ts'

/** Milliseconds in which a plugin must have closed, once the whole server stops: what it waits for may never come. */
const PATIENCE = 60_000

/** Resolves when it is closed. @throws when it is not so many milliseconds after `stop` */
export function closedInTime(closing: unknown, stop: AbortSignal, patience = PATIENCE): void | Promise<void> {
  if (!isThenable(closing)) return undefined
  return new Promise<void>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    // A timer that holds the process: a promise alone does not, and the process would end with all others half closed.
    const begin = (): void => {
      timer = setTimeout(() => reject(new Error(`not closed in ${patience / 1_000} s`)), patience)
    }
    const end = (): void => {
      clearTimeout(timer)
      stop.removeEventListener('abort', begin)
    }
    if (stop.aborted) begin()
    else stop.addEventListener('abort', begin, { once: true })
    Promise.resolve(closing)
      .then(() => resolve(), reject)
      .finally(end)
  })
}
