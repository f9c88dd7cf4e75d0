/** Work that waits only where it must: most recipients are found in memory, and an `await` on the way costs more than finding them. */

/** A piece of such work: what it yields is waited for, and what came of it is given back. */
export type Steps<T> = Generator<PromiseLike<unknown>, T, unknown>

/** Within steps: a value, which is waited for only when it is a promise of one. */
export function* wait<T>(value: T | Promise<T>): Steps<T> {
  return value instanceof Promise ? ((yield value) as T) : value // `as`: it is what the promise came to
}

/** Does the work; a promise only when it has to wait. */
export function run<T>(steps: Steps<T>): T | Promise<T> {
  const first = steps.next()
  return first.done ? first.value : resume(steps, first.value)
}

async function resume<T>(steps: Steps<T>, first: PromiseLike<unknown>): Promise<T> {
  let waiting = first
  while (true) {
    const next = await waiting.then(
      (value) => steps.next(value),
      (error: unknown) => steps.throw(error),
    )
    if (next.done) return next.value
    waiting = next.value
  }
}
