/** Services that are there and do not work: every call fails, or is never answered. */
import { currentRun } from './watch.ts'

/** How a service fails: at once, or by never answering. */
export type ServiceFault = 'failing' | 'slow'

/**
 * The service with every method broken. A slow one rejects only when a signal among its arguments fires, as real ones do.
 *
 * @param name for messages: `store`
 */
export function faulty(service: object, name: string, fault: ServiceFault): object {
  return new Proxy(service, {
    get(target, key) {
      const found: unknown = Reflect.get(target, key, target)
      if (typeof found !== 'function' || typeof key === 'symbol') return found
      return (...given: unknown[]) => {
        const call = `${name}.${key}`
        const work = (): Promise<never> =>
          fault === 'slow' ? hang(call, given) : Promise.reject(new Error(`${call} failed, as the test wants`))
        // What is streamed is awaited piece by piece.
        return key === 'entries' || key === 'list' ? streamed(work) : work()
      }
    },
  })
}

async function* streamed(work: () => Promise<never>): AsyncGenerator<never> {
  yield await work()
}

function hang(call: string, given: readonly unknown[]): Promise<never> {
  const run = currentRun.getStore()
  const signal = given.find((argument): argument is AbortSignal => argument instanceof AbortSignal)
  run?.waits.add(call)
  return new Promise((_resolve, reject) => {
    const abort = (): void => {
      run?.waits.delete(call)
      reject(signal?.reason)
    }
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}
