/** What was said of a session or a transaction, by whom, and how long it took: the stuff of the canonical log line. */
import type { HookName } from '@postroad/plugin'
import type { AnyOpinion } from '../policy/severity.ts'

/** How a run ended, for the trace. */
export type LoggedOutcome = AnyOpinion | { readonly kind: 'error' | 'late' | 'answer'; readonly reason: string }

/** One thing a handler said. */
export interface LoggedOpinion {
  readonly plugin: string
  readonly hook: HookName
  readonly shadow: boolean
  readonly outcome: LoggedOutcome
  readonly recipient: string | undefined
}

/** More than this are counted, not kept: a transaction may have 1,000 recipients. */
const KEPT = 200

/** What was said of a session or a transaction, and the time it took of a session or a transaction. */
export class DecisionLog {
  #entries: LoggedOpinion[] | undefined
  #times: Float64Array | undefined
  readonly #plugins: readonly string[]
  #dropped = 0
  #points = 0

  constructor(plugins: readonly string[]) {
    this.#plugins = plugins
  }

  add(entry: LoggedOpinion): void {
    this.#entries ??= []
    if (this.#entries.length < KEPT) this.#entries.push(entry)
    else this.#dropped++
  }

  /** Entries that were too many to be kept. */
  get dropped(): number {
    return this.#dropped
  }

  addPoints(points: number): void {
    this.#points += points
  }

  /** Sum of the points given in this transaction that count for every recipient. */
  get points(): number {
    return this.#points
  }

  /** What was said at that hook no longer counts: the hook runs again. */
  forget(hook: HookName): void {
    if (this.#entries) this.#entries = this.#entries.filter((entry) => entry.hook !== hook)
  }

  spent(index: number, ms: number): void {
    this.#times ??= new Float64Array(this.#plugins.length)
    this.#times[index] = (this.#times[index] ?? 0) + ms
  }

  get entries(): readonly LoggedOpinion[] {
    return this.#entries ?? []
  }

  /** Milliseconds by plugin, to a hundredth; undefined when nothing ran. */
  times(): Record<string, number> | undefined {
    if (!this.#times) return undefined
    const times: [string, number][] = []
    for (let i = 0; i < this.#times.length; i++) {
      const ms = this.#times[i] ?? 0
      if (ms > 0) times.push([this.#plugins[i] ?? '', Math.round(ms * 100) / 100])
    }
    return Object.fromEntries(times)
  }

  /** Opinions as the log shows them; undefined when there are none. */
  opinions(): Record<string, unknown>[] | undefined {
    return this.#entries?.map(({ plugin, hook, shadow, outcome, recipient }) => {
      const { kind, ...said } = shownOutcome(outcome)
      return {
        plugin,
        hook,
        kind,
        ...(recipient !== undefined && { to: recipient }),
        ...said,
        ...(shadow && { shadow: true }),
      }
    })
  }
}

/** What was said, as the log shows it. */
export function shownOutcome(outcome: LoggedOutcome): Record<string, unknown> {
  const shown: Record<string, unknown> = { kind: outcome.kind }
  if ('status' in outcome) shown['status'] = outcome.status
  if ('text' in outcome) shown['text'] = outcome.text
  if ('points' in outcome) shown['points'] = outcome.points
  if ('reason' in outcome) shown['reason'] = outcome.reason
  return shown
}
