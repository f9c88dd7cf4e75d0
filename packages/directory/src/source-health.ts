/** Whether a source answers: after failures in a row it is left alone for a moment, so that nobody waits for what does not come. */
import { errorOf, type Logger } from '@postroad/plugin'

/** Failures in a row. */
const FAILURES = 3
/** Milliseconds in which only one question tries whether it is back. */
const PAUSE = 2_000
/** Milliseconds between two lines of the log about one outage. */
const SAY_AGAIN = 60_000

/** Settings of {@link SourceHealth}. */
export interface HealthSettings {
  readonly name: string
  readonly source: string
  readonly log: Logger
  now(): number
}

/** Counts how it goes, and says it to the log once. */
export class SourceHealth {
  readonly #settings: HealthSettings
  #failures = 0
  #triedAt = Number.NEGATIVE_INFINITY
  #saidAt = Number.NEGATIVE_INFINITY
  #last: Error | undefined

  constructor(settings: HealthSettings) {
    this.#settings = settings
  }

  /** Does the work, unless the source is away and was tried a moment ago: then it rejects at once, with what was wrong. */
  async watch<T>(work: () => Promise<T>): Promise<T> {
    const { log, name, source, now } = this.#settings
    if (this.#failures >= FAILURES) {
      if (now() - this.#triedAt < PAUSE) throw this.#last
      this.#triedAt = now()
    }
    try {
      const value = await work()
      if (this.#failures >= FAILURES) log.info({ directory: name, source }, 'a directory answers again')
      if (this.#failures > 0) this.#saidAt = Number.NEGATIVE_INFINITY
      this.#failures = 0
      return value
    } catch (thrown) {
      this.#fail(errorOf(thrown))
      throw thrown
    }
  }

  #fail(error: Error): void {
    const { log, name, source, now } = this.#settings
    this.#last = error
    this.#failures++
    if (this.#failures === FAILURES) this.#triedAt = now()
    if (now() - this.#saidAt < SAY_AGAIN) return
    this.#saidAt = now()
    log.warn({ directory: name, source, error, failures: this.#failures }, 'a directory cannot be asked')
  }
}
