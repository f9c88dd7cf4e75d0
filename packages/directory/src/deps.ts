/** What a directory stands on, and what it counts. */
import type { Clock, Logger, Store } from '@postroad/plugin'

/** What a directory has counted since it was opened. */
export interface DirectoryStats {
  /** Answered from memory. */
  readonly hits: number
  /** Asked, and found. */
  readonly found: number
  /** Asked, and not found. */
  readonly unknown: number
  /** Waited for a question somebody else had asked. */
  readonly shared: number
  readonly failed: number
  /** Answered by what was known before an outage. */
  readonly stale: number
  /** Of all questions to the source. */
  readonly seconds: number
  /** Keys in memory. */
  readonly cached: number
  readonly inFlight: number
}

/** What `openDirectory` stands on. */
export interface DirectoryDeps {
  /** Where `from` has none: the plugin's name, and the place of the option if it has several. */
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  /** Keeps entries for an outage after a restart; absent: nothing of what is found is written anywhere. */
  readonly store?: Store
  /** Makes a path of the configuration absolute. */
  resolve(file: string): string
  /** A folder of the plugin's own, for the last list; absent: it does not outlive the process. */
  folder?(): Promise<string>
}
