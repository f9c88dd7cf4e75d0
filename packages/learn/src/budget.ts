/** A threshold from what may be lost: read off the verdicts that recent wanted mail had before it was learned. */
import type { Label } from './model/reservoir.ts'

const LEAST_SCORES = 500
/** So many times the budget is looked at: 1 in n + 1 is expected beyond the largest of n, and a third of the budget is left to chance. */
const WINDOWS = 1.5
const MOST_SCORES = 20_000
/** Junk verdicts that are kept for where `unsure` begins. */
const JUNK_SCORES = 1000
const UNSURE_PRECISION = 0.95

/** Where a verdict begins to mean something. Unit: logit. */
export interface LossThresholds {
  /** A verdict above it is junk. Infinity while there is nothing to go by. */
  readonly junk: number
  /** A verdict above it is unsure; never above `junk`. */
  readonly unsure: number
  /** Verdicts of wanted mail that there are, of the number that is needed. */
  readonly wanted: number
  readonly needed: number
  /** Whether there are enough: until then nothing should be done by this threshold. */
  readonly isProven: boolean
}

/** What `toJSON` gives and `LossBudget.from` takes. */
export interface LossBudgetState {
  readonly oneIn: number
  readonly wanted: readonly number[]
  readonly junk: readonly number[]
}

/** Watches verdicts of messages whose label is known. One in `oneIn` wanted messages may be called junk. */
export class LossBudget {
  readonly oneIn: number
  readonly #needed: number
  readonly #wanted: Recent
  readonly #junk: Recent
  #thresholds: LossThresholds | undefined

  constructor({ oneIn }: { readonly oneIn: number }) {
    if (!Number.isSafeInteger(oneIn) || oneIn < 10 || oneIn > MOST_SCORES)
      throw new RangeError(`A budget is one in 10 to ${MOST_SCORES} wanted messages, not one in ${oneIn}`)
    this.oneIn = oneIn
    this.#needed = Math.max(LEAST_SCORES, oneIn)
    this.#wanted = new Recent(Math.ceil(WINDOWS * this.#needed))
    this.#junk = new Recent(JUNK_SCORES)
  }

  /** Reads what `toJSON` gave. */
  static from({ oneIn, wanted, junk }: LossBudgetState): LossBudget {
    const budget = new LossBudget({ oneIn })
    for (const verdict of wanted) budget.observe(verdict, 'wanted')
    for (const verdict of junk) budget.observe(verdict, 'junk')
    return budget
  }

  /** Takes the verdict that a message had before it was learned. */
  observe(verdict: number, label: Label): void {
    if (!Number.isFinite(verdict)) return
    ;(label === 'wanted' ? this.#wanted : this.#junk).add(verdict)
    this.#thresholds = undefined
  }

  /** The thresholds of now. */
  get state(): LossThresholds {
    return (this.#thresholds ??= this.#read())
  }

  /** All that there is to keep. */
  toJSON(): LossBudgetState {
    return { oneIn: this.oneIn, wanted: this.#wanted.all(), junk: this.#junk.all() }
  }

  #read(): LossThresholds {
    // Numbers sort by themselves, and fast, in an array of nothing else.
    const wanted = Float64Array.from(this.#wanted.all()).sort().reverse()
    const junk = wanted[Math.floor(wanted.length / (WINDOWS * this.oneIn + 1))] ?? Number.POSITIVE_INFINITY
    return {
      junk,
      unsure: Math.min(junk, unsureFrom(wanted, this.#junk.all())),
      wanted: wanted.length,
      needed: this.#needed,
      isProven: wanted.length >= this.#needed,
    }
  }
}

/** The lowest verdict above which 95 % were junk, when as many of both kinds came. */
function unsureFrom(wantedDown: Float64Array, junk: readonly number[]): number {
  const junkDown = [...junk].sort((a, b) => b - a)
  if (junkDown.length === 0 || wantedDown.length === 0) return Number.POSITIVE_INFINITY
  let from = junkDown[0] ?? Number.POSITIVE_INFINITY
  let lost = 0
  for (const [i, verdict] of junkDown.entries()) {
    while (lost < wantedDown.length && (wantedDown[lost] ?? 0) >= verdict) lost++
    const caught = (i + 1) / junkDown.length
    const wrong = lost / wantedDown.length
    if (caught / (caught + wrong) >= UNSURE_PRECISION) from = verdict
  }
  return from
}

/** The last numbers, oldest first. */
class Recent {
  readonly room: number
  readonly #values: number[] = []
  #next = 0

  constructor(room: number) {
    this.room = room
  }

  add(value: number): void {
    this.#values[this.#next] = value
    this.#next = (this.#next + 1) % this.room
  }

  all(): number[] {
    return this.#values.length < this.room
      ? [...this.#values]
      : [...this.#values.slice(this.#next), ...this.#values.slice(0, this.#next)]
  }
}
