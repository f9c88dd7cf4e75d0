/** Which mails are told row by row when there are more than anybody can read; of the others the numbers are told. */
import { outcomeOf, type StoredRecord } from '@postroad/records'

type MailOutcome = ReturnType<typeof outcomeOf>

/** Mails a second of one worker that are told in full. */
const MOST = 50
/** Looks, one a second, without a mail left out, after which it is quiet again. */
const QUIET = 3
/** Ids that are remembered. */
const REMEMBERED = 10_000

/** What was left out: how many, and how they ended. */
export interface LeftOut {
  readonly count: number
  readonly outcomes: Readonly<Partial<Record<MailOutcome, number>>>
}

/** Of one worker. */
export class Sampling {
  #left = MOST
  #count = 0
  #outcomes: Partial<Record<MailOutcome, number>> = {}
  #quiet = QUIET
  /** What was told of while it was under way: its end is told, too. */
  readonly #begun = new Set<string>()

  /** So many that rows are told when they are over, and not all of them. */
  get isBusy(): boolean {
    return this.#quiet < QUIET
  }

  /** Of a session or a transaction something was told. */
  begun(id: string): void {
    if (this.#begun.size >= REMEMBERED) this.#begun.clear()
    this.#begun.add(id)
  }

  /** Whether the end of this one is told. */
  takes(record: StoredRecord): boolean {
    const wasBegun = this.#begun.delete(record.id)
    const dot = record.id.indexOf('.')
    if (dot > 0) this.#begun.delete(record.id.slice(0, dot))
    if (this.#left > 0) {
      this.#left--
      return true
    }
    // Or every mail would be begun, and told, however many there are.
    this.#quiet = 0
    if (wasBegun) return true
    this.#count++
    const outcome = outcomeOf(record)
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1
    return false
  }

  /** Once a second: what was left out since; undefined when nothing was. */
  tick(): LeftOut | undefined {
    this.#left = MOST
    if (this.#count === 0) {
      this.#quiet = Math.min(this.#quiet + 1, QUIET)
      return undefined
    }
    const left = { count: this.#count, outcomes: this.#outcomes }
    this.#count = 0
    this.#outcomes = {}
    return left
  }
}
