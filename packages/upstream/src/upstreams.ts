/** Whom of several daemons to ask, for how long, and whom next when that one fails. */
import { type Clock, errorOf, type Logger } from '@postroad/plugin'
import type { Daemon } from './daemon.ts'
import { Slots } from './slots.ts'

/** How daemons are asked; the shared options of `@postroad/upstream/zod` have most of it. */
export interface UpstreamSettings {
  readonly at: readonly Daemon[]
  /** Milliseconds for one question, all daemons together. */
  readonly deadline: number
  /** Questions to one daemon at the same time. */
  readonly atOnce: number
  /** Failures in a row until a daemon is asked last. */
  readonly failures: number
  /** Milliseconds that is so; then it gets one question. */
  readonly pause: number
  readonly clock: Clock
  readonly log: Logger
}

/** An answer, and what it took to get it. */
export interface Answered<T> {
  readonly value: T
  /** Name of the daemon that gave it. */
  readonly daemon: string
  /** Milliseconds, with those that failed before. */
  readonly ms: number
}

/** What a plugin asks one daemon. Any rejection means that this one could not say: what is an answer is returned. */
type Question<T> = (daemon: Daemon, signal: AbortSignal) => Promise<T>

interface State {
  readonly daemon: Daemon
  readonly slots: Slots
  /** In a row. */
  failures: number
  downUntil: number
}

/**
 * Daemons that answer the same. Each question goes to the one with the least to do, in turn among equals; when it fails, to the next. A
 * daemon that fails again and again is asked last until a while has passed, and is never given up: when all are down, all are tried.
 *
 * @example
 * const daemons = new Upstreams({ ...options, clock, log })
 * const { value, daemon } = await daemons.ask((daemon, signal) => scan(daemon, message, signal), signal)
 */
export class Upstreams {
  readonly #settings: UpstreamSettings
  readonly #states: readonly State[]
  #turn = 0

  constructor(settings: UpstreamSettings) {
    this.#settings = settings
    this.#states = settings.at.map((daemon) => ({
      daemon,
      slots: new Slots(settings.atOnce),
      failures: 0,
      downUntil: 0,
    }))
  }

  /**
   * The answer of the first daemon that gives one. Each that is tried gets its share of the time that is left, so that one that hangs does
   * not take that of the others.
   *
   * @param first whom `next` has named, and who knows a part of the question already
   * @throws {Error} when none did in time, with what each said; or the reason of `signal`
   */
  async ask<T>(question: Question<T>, signal: AbortSignal, first?: Daemon): Promise<Answered<T>> {
    const started = this.#now()
    const end = started + this.#settings.deadline
    const left = this.#order(first)
    const failed: { readonly name: string; readonly error: Error }[] = []
    for (const [place, state] of left.entries()) {
      signal.throwIfAborted()
      const share = (end - this.#now()) / (left.length - place)
      if (share <= 0) break
      try {
        const value = await this.#try(state, question, { share, signal })
        return { value, daemon: state.daemon.name, ms: Math.round(this.#now() - started) }
      } catch (cause) {
        signal.throwIfAborted()
        failed.push({ name: state.daemon.name, error: errorOf(cause) })
      }
    }
    throw new Error(`no answer: ${failed.map(({ name, error }) => `${name}: ${error.message}`).join('; ')}`, {
      cause: failed[0]?.error,
    })
  }

  /** Whom a question would go to that is not complete yet; undefined when none works. Nothing is promised, and `ask` is still to be called. */
  next(): Daemon | undefined {
    return this.#ranked(this.#turn++).find(({ failures }) => failures < this.#settings.failures)?.daemon
  }

  /** Who is asked last at the moment: for a command that shows it. */
  get down(): readonly string[] {
    return this.#states.filter((state) => this.#isDown(state)).map(({ daemon }) => daemon.name)
  }

  async #try<T>(
    state: State,
    question: Question<T>,
    { share, signal }: { readonly share: number; readonly signal: AbortSignal },
  ): Promise<T> {
    const over = new AbortController()
    const stop = (): void => over.abort(signal.reason)
    signal.addEventListener('abort', stop)
    const late = new Error(`no answer within ${Math.round(share)} ms`)
    this.#settings.clock.sleep(share, over.signal).then(
      () => over.abort(late),
      () => undefined, // it was over before
    )
    try {
      const release = await state.slots.take(over.signal)
      try {
        const value = await abortable(question(state.daemon, over.signal), over.signal)
        this.#succeeded(state)
        return value
      } catch (cause) {
        if (!signal.aborted) this.#failed(state, errorOf(over.signal.aborted ? over.signal.reason : cause))
        throw over.signal.aborted ? over.signal.reason : cause
      } finally {
        release()
      }
    } finally {
      signal.removeEventListener('abort', stop)
      // Ends the timer, and what of the question is still at work.
      over.abort(OVER)
    }
  }

  #order(preferred: Daemon | undefined): readonly State[] {
    // Where one was named the turn was taken.
    const order = this.#ranked(preferred ? Math.max(0, this.#turn - 1) : this.#turn++)
    const [first] = order
    // The one question that shows whether it is back: others do not follow until it is answered.
    if (first && first.failures >= this.#settings.failures) {
      first.downUntil = this.#now() + this.#settings.pause
      return order
    }
    const own = preferred && order.find(({ daemon }) => daemon === preferred)
    return own && own.failures < this.#settings.failures ? [own, ...order.filter((other) => other !== own)] : order
  }

  /** Those that work first, the one with the least to do before the others, in turn among equals. */
  #ranked(turn: number): readonly State[] {
    const all = this.#states
    if (all.length === 1) return all
    const begin = turn % all.length
    const inTurn = [...all.slice(begin), ...all.slice(0, begin)]
    const rank = new Map(inTurn.map((state) => [state, this.#isDown(state) ? state.downUntil : -1]))
    return inTurn.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0) || a.slots.load - b.slots.load)
  }

  #isDown({ failures, downUntil }: State): boolean {
    return failures >= this.#settings.failures && this.#now() < downUntil
  }

  #succeeded(state: State): void {
    if (state.failures >= this.#settings.failures)
      this.#settings.log.info({ daemon: state.daemon.name }, 'a daemon answers again')
    state.failures = 0
  }

  #failed(state: State, error: Error): void {
    const { failures, pause, log } = this.#settings
    state.failures++
    const daemon = state.daemon.name
    if (state.failures < failures) {
      log.debug({ daemon, error }, 'a daemon could not say')
      return
    }
    state.downUntil = this.#now() + pause
    if (state.failures === failures) log.warn({ daemon, error, pause }, 'a daemon fails again and again')
  }

  /** Durations by a clock that is never set. */
  #now(): number {
    const { clock } = this.#settings
    return clock.monotonic?.() ?? clock.now()
  }
}

const OVER = new Error('the question is over')

/** Who does not listen to the signal is not waited for. */
function abortable<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
