/** What each provider is to the directory above it. */
import type { Logger } from '@postroad/plugin'
import type { DirectoryEntry, Key } from './entry.ts'

/** Somebody who knows. Any rejection means that nobody could say; that there is no such key is an answer. */
export interface DirectorySource {
  /** For logs, metrics and commands, without what is secret: `ldaps://dc1.example.com`. */
  readonly name: string
  /** `find` never has to ask: what is found is no promise. */
  readonly isInMemory?: boolean
  find(key: Key, signal: AbortSignal): DirectoryEntry | undefined | Promise<DirectoryEntry | undefined>
  /** All keys there are, with their entries; absent: it cannot tell. */
  list?(ask: string, signal: AbortSignal): AsyncIterable<readonly [key: string, entry: DirectoryEntry]>
  /** Whether a password is that of an entry it has found; absent: it cannot tell. */
  verify?(entry: DirectoryEntry, password: string, signal: AbortSignal): Promise<boolean>
  close(): void | Promise<void>
}

/** What sources stand on. */
export interface SourceDeps {
  readonly log: Logger
  /** Milliseconds for one question. */
  readonly deadline: number
  /** Questions at the same time, where each needs a connection. */
  readonly connections: number
  /** Makes a path of the configuration absolute. */
  resolve(file: string): string
}

/** Rejects with the signal's reason when that comes first; what comes later is dropped by `late`. */
export function within<T>(work: Promise<T>, signal: AbortSignal, late?: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason)
      if (late) work.then(late, () => undefined) // it was given up
    }
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
