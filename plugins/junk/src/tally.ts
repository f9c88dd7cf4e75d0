/** What was said right before it was learned, day by day: the error that a filter makes on mail it has not seen. */
import type { Label } from '@postroad/learn'

/** Of one day. */
export interface TallyDay {
  /** `2026-11-30`, UTC. */
  readonly day: string
  readonly spam: number
  readonly ham: number
  /** Spam below the threshold. */
  readonly missed: number
  /** Wanted mail above it. */
  readonly lost: number
  /** Sum of logarithmic losses, nats. */
  readonly loss: number
}

/** Days that are kept. */
const MOST = 90
/** No probability is nearer to 0 or 1 for the loss. */
const EDGE = 1e-6

/** Counts by day. */
export class Tally {
  readonly #days = new Map<string, { -readonly [K in keyof TallyDay]: TallyDay[K] }>()

  count(
    at: number,
    label: Label,
    { isAbove, probability }: { readonly isAbove: boolean; readonly probability: number },
  ) {
    const day = new Date(at).toISOString().slice(0, 10)
    const sums = this.#days.get(day) ?? { day, spam: 0, ham: 0, missed: 0, lost: 0, loss: 0 }
    this.#days.set(day, sums)
    sums[label === 'junk' ? 'spam' : 'ham']++
    if (label === 'junk' && !isAbove) sums.missed++
    if (label === 'wanted' && isAbove) sums.lost++
    const right = label === 'junk' ? probability : 1 - probability
    sums.loss -= Math.log(Math.min(1 - EDGE, Math.max(EDGE, right)))
    if (this.#days.size <= MOST) return
    const [oldest] = this.#days.keys()
    if (oldest !== undefined) this.#days.delete(oldest)
  }

  /** Oldest first. */
  get days(): readonly TallyDay[] {
    return [...this.#days.values()]
  }

  /** Sums of the last days. */
  since(at: number): Omit<TallyDay, 'day'> {
    const first = new Date(at).toISOString().slice(0, 10)
    const sums = { spam: 0, ham: 0, missed: 0, lost: 0, loss: 0 }
    for (const { day, ...own } of this.#days.values())
      if (day >= first) for (const name of NAMES) sums[name] += own[name]
    return sums
  }

  static from(days: readonly TallyDay[]): Tally {
    const tally = new Tally()
    for (const one of days) tally.#days.set(one.day, { ...one })
    return tally
  }
}

const NAMES = ['spam', 'ham', 'missed', 'lost', 'loss'] as const
