import type { DelayedHook } from '../plan/handler.ts'
import type { Decision } from '../policy/severity.ts'

/** Decisions of hooks whose refusals are delayed, known or still being found out. */
export class DelayedRefusals {
  #pending: Map<DelayedHook, Promise<void>> | undefined
  #decisions: Map<DelayedHook, Decision> | undefined

  /** Keeps what is decided; a hook that runs again (helo after STARTTLS) replaces what it said. */
  keep(hook: DelayedHook, decision: Decision | undefined): void {
    if (decision) (this.#decisions ??= new Map()).set(hook, decision)
    else this.#decisions?.delete(hook)
  }

  begin(hook: DelayedHook, run: Promise<void>): void {
    this.#pending ??= new Map()
    const pending = this.#pending
    const tracked = run.finally(() => pending.get(hook) === tracked && pending.delete(hook))
    pending.set(hook, tracked)
  }

  pending(hook: DelayedHook): Promise<void> | undefined {
    return this.#pending?.get(hook)
  }

  /** All that is still running; undefined when nothing is. */
  get running(): readonly Promise<void>[] | undefined {
    return this.#pending && this.#pending.size > 0 ? [...this.#pending.values()] : undefined
  }

  get(hook: DelayedHook): Decision | undefined {
    return this.#decisions?.get(hook)
  }
}
