/** What the harness has seen of plugins under test: runs, answers, facts, and everything they did that they must not. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import type { HookName } from '@postroad/plugin'

/** One run of one handler. */
export interface HandlerRun {
  readonly plugin: string
  readonly hook: HookName
  readonly signal: AbortSignal
  /** Calls of services that have not been answered, `store.get`. */
  readonly waits: Set<string>
}

/** One answer of a handler. */
export interface HandlerAnswer {
  readonly plugin: string
  readonly hook: HookName
  readonly value: unknown
}

/** Milliseconds, really, that is waited for what ends a little late: a machine may be busy. */
export const PATIENCE = 1_000

/** Whose run is going on, for services that are called within it. */
export const currentRun = new AsyncLocalStorage<HandlerRun>()

/** A harness's notebook. */
export class Watch {
  readonly #patience: number
  readonly answers: HandlerAnswer[] = []
  /** Facts that were set, last value by name. */
  readonly facts = new Map<string, unknown>()
  readonly #violations = new Set<string>()
  readonly #running = new Set<HandlerRun>()
  /** Called when a handler has been called and has not answered yet, or has just answered. */
  onCall: ((hook: HookName) => unknown) | undefined

  /** @param patience milliseconds, really, that a run may go on after its signal fired */
  constructor(patience: number = PATIENCE) {
    this.#patience = patience
  }

  /** What was done that must not be; each a sentence that says what to do. */
  get violations(): readonly string[] {
    return [...this.#violations]
  }

  violate(sentence: string): void {
    this.#violations.add(sentence)
  }

  begin(run: HandlerRun): void {
    this.#running.add(run)
  }

  end(run: HandlerRun): void {
    this.#running.delete(run)
  }

  /** Hooks at which handlers are running now. */
  get running(): readonly HandlerRun[] {
    return [...this.#running]
  }

  /** Waits for the runs whose signal fired; who goes on regardless is noted. */
  async settled(): Promise<void> {
    const until = performance.now() + this.#patience
    while (this.#aborted().length > 0 && performance.now() < until) await turn()
    for (const { plugin, hook, waits } of this.#aborted()) {
      const where = waits.size > 0 ? ` It waits for ${[...waits].join(', ')}.` : ''
      this.violate(
        `${plugin}.${hook} goes on after its signal fired: hand \`signal\` to everything it waits for (it is the last parameter of every service), or listen to it.${where}`,
      )
    }
  }

  #aborted(): readonly HandlerRun[] {
    return [...this.#running].filter(({ signal }) => signal.aborted)
  }
}
