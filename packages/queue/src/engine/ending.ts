/** How an engine ends: what is under way gets a while, what only waits for the answer to its final dot gets longer, because to leave it makes a duplicate. */

import type { Unanswered } from '@postroad/mail'
import type { Logger } from '@postroad/plugin'
import { BEAT_MS, type EngineClock } from './options.ts'

/** Milliseconds that transports have to hear a signal; those that do not listen are not waited for. */
const HEAR_MS = 2_000

/** An attempt under way. */
export class Running implements Unanswered {
  /** By the monotonic clock. */
  readonly startedAt: number
  /** Its site counts it no more. */
  hasLeft = false
  #cuts: (() => void)[] | undefined
  #controller: AbortController | undefined
  #reason: Error | undefined
  #stop: (() => void) | undefined

  constructor(startedAt: number) {
    this.startedAt = startedAt
  }

  /** It was told to stop, and stays for an answer. */
  get isUnanswered(): boolean {
    return this.#cuts !== undefined
  }

  /** Made for who asks: most attempts are over before anybody would. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Tells the attempt to stop. */
  abort(reason: Error): void {
    if (this.#reason) return
    this.#reason = reason
    this.#controller?.abort(reason)
    this.#stop?.()
  }

  onStop(stop: (() => void) | undefined): boolean {
    this.#stop = stop
    return this.#reason !== undefined
  }

  stay(cut: () => void): void {
    this.#cuts ??= []
    this.#cuts.push(cut)
  }

  /** Ends it all the same. */
  cut(): void {
    for (const cut of this.#cuts ?? []) cut()
  }
}

/** What ending needs. */
export interface EndingOptions {
  readonly running: ReadonlySet<Running>
  readonly clock: EngineClock
  readonly log: Logger
  /** Milliseconds for what is under way, from the moment the server stops. */
  readonly graceMs: number
  /** Milliseconds for attempts that wait for the answer to their final dot, from the same moment. */
  readonly answerMs: number
  /** Says that the engine lives: other processes take over the work of an engine that is silent, and would deliver it a second time. */
  beat(): Promise<void>
}

/** Waits for the end of attempts. */
export class Ending {
  readonly #options: EndingOptions
  readonly #timers = new Set<() => void>()
  #isUnheard = false
  #resolve: (() => void) | undefined

  constructor(options: EndingOptions) {
    this.#options = options
  }

  /** Resolves when nothing is left, or nothing that is waited for. Until `stop` is aborted everything has its time: after a reload. */
  wait(stop: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#beat()
      if (stop.aborted) this.#stop()
      else stop.addEventListener('abort', () => this.#stop(), { once: true })
      this.attemptEnded()
    })
  }

  /** One attempt fewer. */
  attemptEnded(): void {
    const left = [...this.#options.running]
    if (left.length === 0 || (this.#isUnheard && !left.some(({ isUnanswered }) => isUnanswered))) this.#finish()
  }

  #stop(): void {
    const { running, graceMs, answerMs, log } = this.#options
    if (!this.#resolve) return
    this.#after(graceMs, () => {
      for (const attempt of running) attempt.abort(new Error('The server stops'))
      this.#after(HEAR_MS, () => {
        this.#isUnheard = true
        this.attemptEnded()
      })
    })
    this.#after(Math.max(graceMs, answerMs), () => {
      log.warn(
        { deliveries: running.size },
        'the answers to final dots did not come in time: these messages may arrive twice',
      )
      for (const attempt of running) attempt.cut()
      this.#after(HEAR_MS, () => this.#finish())
    })
  }

  #beat(): void {
    this.#after(BEAT_MS, () => {
      void this.#options.beat()
      this.#beat()
    })
  }

  #after(ms: number, run: () => void): void {
    const cancel = this.#options.clock.after(ms, () => {
      this.#timers.delete(cancel)
      run()
    })
    this.#timers.add(cancel)
  }

  #finish(): void {
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
    const resolve = this.#resolve
    this.#resolve = undefined
    resolve?.()
  }
}
