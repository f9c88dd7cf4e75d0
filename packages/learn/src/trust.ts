/** Whose labels the others may learn from: who contradicts what the model is sure of teaches only their own table, until it passes. */
import type { Label } from './model/reservoir.ts'

/** A label against a verdict beyond this contradicts it. Unit: logit. */
const SURE = 2.5
/** What is left of older labels after each newer one: some twenty count. */
const FORGETTING = 0.93
const FIRST = { right: 4, wrong: 0.5 }
const MOST_WRONG = 0.2
const AGREEING = 3
const MOST_HELD = 10_000
const MOST_USERS = 100_000

/** Entries of a state at most: what there is to keep comes in several. */
const SLICE = 1000

/** Some of what `states` gives and `UserTrust.from` takes, in the same order. */
export interface UserTrustState {
  readonly users?: readonly (readonly [user: string, right: number, wrong: number])[]
  /** Labels that wait for others to agree: who has said which of a message. */
  readonly held?: readonly (readonly [key: string, junk: readonly string[], wanted: readonly string[]])[]
}

/** What a label is worth. */
export interface LabelWorth {
  /** Whether all may learn from it; otherwise only the user's own corrections. */
  readonly isTrusted: boolean
  /** The share of the user's recent labels that contradict. */
  readonly share: number
}

/** A ledger of users by any key. */
export class UserTrust {
  readonly #users = new Map<string, { right: number; wrong: number }>()
  readonly #held = new Map<string, { readonly junk: Set<string>; readonly wanted: Set<string> }>()

  /** Reads what `states` gave. */
  static from(states: Iterable<UserTrustState>): UserTrust {
    const trust = new UserTrust()
    for (const { users = [], held = [] } of states) {
      for (const [user, right, wrong] of users) trust.#users.set(user, { right, wrong })
      for (const [key, junk, wanted] of held) trust.#held.set(key, { junk: new Set(junk), wanted: new Set(wanted) })
    }
    return trust
  }

  /** How many users have given labels. */
  get users(): number {
    return this.#users.size
  }

  /** Counts a label of a user and says what it is worth; `verdict` is that of the message before it is learned, without the user's own corrections. */
  judge(user: string, verdict: number, label: Label): LabelWorth {
    const known = this.#users.get(user)
    const record = known ?? { ...FIRST }
    // Who taught last stands last: the one who has been silent for longest is forgotten first.
    if (known !== undefined) this.#users.delete(user)
    this.#users.set(user, record)
    if (this.#users.size > MOST_USERS) forgetFirst(this.#users)
    if (Math.abs(verdict) > SURE) {
      record.right *= FORGETTING
      record.wrong *= FORGETTING
      if (verdict > 0 === (label === 'junk')) record.right++
      else record.wrong++
    }
    const share = record.wrong / (record.right + record.wrong)
    return { isTrusted: share <= MOST_WRONG, share }
  }

  /** Notes who says the same of a message whose label was held back; gives the number of distinct users, `isEnough` when all may learn it. */
  agree(key: string, user: string, label: Label): { readonly users: number; readonly isEnough: boolean } {
    let held = this.#held.get(key)
    if (held === undefined) {
      held = { junk: new Set(), wanted: new Set() }
      this.#held.set(key, held)
      if (this.#held.size > MOST_HELD) forgetFirst(this.#held)
    }
    held[label].add(user)
    held[label === 'junk' ? 'wanted' : 'junk'].delete(user)
    const users = held[label].size
    const isEnough = users >= AGREEING
    if (isEnough) this.#held.delete(key)
    return { users, isEnough }
  }

  /** Forgets a user. */
  delete(user: string): void {
    this.#users.delete(user)
    for (const { junk, wanted } of this.#held.values()) {
      junk.delete(user)
      wanted.delete(user)
    }
  }

  /** All that there is to keep, in slices of a thousand users or labels. */
  *states(): Generator<UserTrustState, void> {
    for (const users of slicesOf(this.#users, ([user, { right, wrong }]) => [user, right, wrong] as const))
      yield { users }
    for (const held of slicesOf(this.#held, ([key, { junk, wanted }]) => [key, [...junk], [...wanted]] as const))
      yield { held }
  }
}

function* slicesOf<T, R>(all: Iterable<T>, map: (one: T) => R): Generator<readonly R[], void> {
  let slice: R[] = []
  for (const one of all) {
    slice.push(map(one))
    if (slice.length < SLICE) continue
    yield slice
    slice = []
  }
  if (slice.length > 0) yield slice
}

function forgetFirst(map: Map<string, unknown>): void {
  const [first] = map.keys()
  if (first !== undefined) map.delete(first)
}
