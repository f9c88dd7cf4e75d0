/** Tells watchers what happens: behind the service `Feed`. One for each server, whatever generation is at work. */
import type { Feed, FeedOpened, FeedRun, FeedWatcher } from '@postroad/plugin'
import { CanonicalLine } from './canonical-line.ts'
import type { Log } from './log.ts'

/** What sessions look at, and call. */
export interface EventFeed {
  /** Somebody wants to be told of every connection. */
  readonly tellsOpened: boolean
  /** Somebody wants to be told of every run. */
  readonly tellsRuns: boolean
  /** Somebody wants the records. */
  readonly tellsRecords: boolean
  opened(event: FeedOpened): void
  ran(event: FeedRun): void
  /** A canonical line: as the log has it, or before the log has shaped it. */
  record(line: object | CanonicalLine): void
}

/** The feed of one server. Flags are fields, not getters: sessions read them for every run. */
export class ServerFeed implements Feed, EventFeed {
  tellsOpened = false
  tellsRuns = false
  tellsRecords = false
  readonly #log: Log
  #watchers: readonly FeedWatcher[] = []
  #isLogging = false

  constructor(log: Log) {
    this.#log = log
  }

  watch(watcher: FeedWatcher): () => void {
    this.#turnTo([...this.#watchers, watcher])
    return () => this.#turnTo(this.#watchers.filter((other) => other !== watcher))
  }

  opened(event: FeedOpened): void {
    for (const watcher of this.#watchers) this.#tell(watcher, 'opened', event)
  }

  ran(event: FeedRun): void {
    for (const watcher of this.#watchers) this.#tell(watcher, 'ran', event)
  }

  record(line: object | CanonicalLine): void {
    if (!this.tellsRecords) return
    const whole = line instanceof CanonicalLine ? line : this.#log.canonical(line)
    const { record } = whole
    for (const watcher of this.#watchers) {
      try {
        watcher.recorded?.(record, whole)
      } catch (error) {
        this.#complain(error)
      }
    }
  }

  /** What a watcher itself logs is not told again: it would never end. */
  readonly #logged = (line: string): void => {
    if (this.#isLogging) return
    this.#isLogging = true
    for (const watcher of this.#watchers) this.#tell(watcher, 'logged', line)
    this.#isLogging = false
  }

  #tell<K extends Exclude<keyof FeedWatcher, 'recorded'>>(
    watcher: FeedWatcher,
    name: K,
    event: Parameters<NonNullable<FeedWatcher[K]>>[0],
  ) {
    try {
      // The event belongs to the name, which the signature says.
      watcher[name]?.(event as never)
    } catch (error) {
      this.#complain(error)
    }
  }

  #complain(error: unknown): void {
    this.#log.error({ error }, 'who watches what happens has failed')
  }

  #turnTo(watchers: readonly FeedWatcher[]): void {
    this.#watchers = watchers
    this.tellsOpened = watchers.some(({ opened }) => opened)
    this.tellsRuns = watchers.some(({ ran }) => ran)
    this.tellsRecords = watchers.some(({ recorded }) => recorded)
    this.#log.heard = watchers.some(({ logged }) => logged) ? this.#logged : undefined
  }
}
