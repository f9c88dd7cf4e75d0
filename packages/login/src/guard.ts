/** Makes guessing passwords slow, by network and by name: who failed too often is heard seldom, and told nothing. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { networkOf } from '@postroad/options'
import type { Clock, Limiter, Rate, Store } from '@postroad/plugin'

/** How long a network is remembered where a user has logged in. */
const REMEMBER = 30 * 86_400_000

/** Milliseconds in which a password that was wrong is not looked at again. */
const KNOWN_WRONG = 60_000
/** Milliseconds in which it counts as one failure, however often it is tried: a phone with an old password guesses nothing. */
const COUNTED_ONCE = 86_400_000
/** Of these. */
const MOST_WRONG = 10_000

/** Milliseconds for which every answer but a right one is held in a network that has failed too often, whether the password was looked at or not. */
const HELD = 15_000
/** Passwords of one user that are looked at there, in the time of `byUser`. */
const PER_USER = 3
/** Attempts that wait there for their turn, in one process. */
const MOST_WAITING = 64

/** What a {@link Guard} stands on. */
export interface GuardSettings {
  readonly limiter: Limiter
  readonly store: Store
  /** Begins all keys: the plugin's name. */
  readonly prefix: string
  readonly failures: {
    readonly byAddress: Rate
    readonly byUser: Rate
    /** Wrong ones of a network that has used up `byAddress`, of all its users together. */
    readonly beyond: Rate
  }
  readonly clock: Clock
}

/** One attempt: where from, and for whom. */
export interface Attempt {
  readonly address: string
  /** As it is looked up. */
  readonly user: string
  /** The password, where there is one: a program that tries an old one again and again guesses once. */
  readonly password?: string
  /** Whether there is such a user; absent: nobody can tell before the password is checked. Asked only in a network that has failed too often. */
  exists?(): boolean | Promise<boolean>
}

/** A wrong password. */
interface Wrong {
  /** When it was last found wrong. */
  readonly at: number
  /** Whoever tried it was not told. */
  readonly isUntold: boolean
}

/** How an attempt is judged. */
interface Judging<T> {
  judge(): Promise<T | undefined>
  /** When it came. */
  readonly begun: number
  /** It is no repetition of a wrong one. */
  readonly isCounted: boolean
  readonly signal: AbortSignal
}

/** What is counted: a bucket and how fast it fills. */
type Count = readonly [key: string, rate: Rate]

/** Counts failed attempts by network and by name, and says who may try again. */
export class Guard {
  readonly #settings: GuardSettings
  /** Attempts that are being judged, by network and by name. */
  readonly #running = new Map<string, Set<Promise<unknown>>>()
  /** How many wait for their turn, by network. */
  readonly #waiting = new Map<string, number>()
  /** Wrong passwords, as digests that only this process can make. */
  readonly #wrong = new Map<string, Wrong>()
  readonly #secret = randomBytes(32)

  constructor(settings: GuardSettings) {
    this.#settings = settings
  }

  /**
   * Counts the attempt as a failure before it is judged, or of many at once none would count; a right one is given back. Resolves to who
   * made it; undefined: it was wrong; `later`: it was not looked at, or nobody is to know that it was. Neither a stranger's failures, nor those of
   * others behind the same address, lock a user out of where they logged in before: there only their own failures from there count. Who comes for the first
   * time from a network that has failed too often gets in, too, with the right password: a few of each user's are looked at, and so many a
   * minute in all.
   */
  async judge<T extends object>(
    attempt: Attempt,
    signal: AbortSignal,
    judge: () => Promise<T | undefined>,
  ): Promise<T | undefined | 'later'> {
    const begun = this.#now()
    const place = keys(this.#settings.prefix, attempt)
    const guess = this.#guessOf(attempt)
    const wrong = guess === undefined ? undefined : this.#wrong.get(guess)
    const age = wrong === undefined ? Number.POSITIVE_INFINITY : begun - wrong.at
    if (age < KNOWN_WRONG) return wrong?.isUntold ? this.#hold(begun, signal) : undefined
    const judging = { judge, begun, isCounted: age >= COUNTED_ONCE, signal }
    let taken = await this.#takeInTurn(place, judging)
    let user: T | undefined | 'unseen' = 'unseen'
    if (!taken) {
      user = await this.#run(this.#beyond(attempt, place, judging), [place.beside])
      const others = [...(this.#running.get(place.beside) ?? [])]
      if (user === 'unseen' && others.length > 0) {
        await Promise.all(others) // one of them perhaps was right, and its user is at home there now
        taken = await this.#take(place, signal)
      }
    }
    if (taken) user = await this.#run(this.#conclude(judging, place, taken), [place.network, place.user])
    if (user === undefined && guess !== undefined) this.#remember(guess, !taken)
    return user === 'unseen' || (user === undefined && !taken) ? this.#hold(begun, signal) : user
  }

  #now(): number {
    const { clock } = this.#settings
    return clock.monotonic?.() ?? clock.now()
  }

  #guessOf({ address, user, password }: Attempt): string | undefined {
    if (password === undefined) return undefined
    return createHmac('sha256', this.#secret)
      .update(JSON.stringify([address, user, password]))
      .digest('base64url')
  }

  #remember(guess: string, isUntold: boolean): void {
    this.#wrong.delete(guess)
    this.#wrong.set(guess, { at: this.#now(), isUntold })
    const [oldest] = this.#wrong.keys()
    if (this.#wrong.size > MOST_WRONG && oldest !== undefined) this.#wrong.delete(oldest)
  }

  /** Many right ones at once, as a mail program has them, are no guesses: those before may give back what they took. */
  async #takeInTurn(place: Keys, { begun, signal }: Judging<unknown>): Promise<readonly Count[] | undefined> {
    while (true) {
      const taken = await this.#take(place, signal)
      if (taken || this.#now() - begun >= HELD) return taken
      const before = [...(this.#running.get(place.network) ?? []), ...(this.#running.get(place.user) ?? [])]
      if (before.length === 0) return undefined
      await Promise.race(before)
    }
  }

  /**
   * In a network that has failed too often. What is wrong, what was not looked at and who does not exist are one answer, after one time: who guesses here
   * learns nothing from what is not right.
   */
  async #beyond<T extends object>(
    attempt: Attempt,
    place: Keys,
    judging: Judging<T>,
  ): Promise<T | undefined | 'unseen'> {
    const { failures } = this.#settings
    const { signal } = judging
    const turn: Count = [place.beyond, failures.beyond]
    const taken: Count[] = []
    const take = async (count: Count): Promise<boolean> => {
      const isTaken = await this.#takeOne(count, signal)
      if (isTaken) taken.push(count)
      return isTaken
    }
    try {
      const isSeen =
        (await take([place.user, failures.byUser])) &&
        (await attempt.exists?.()) !== false &&
        (await take([place.beside, { amount: PER_USER, perMs: failures.byUser.perMs }])) &&
        (await this.#waitFor(turn, judging))
      if (!isSeen) return await this.#giveBack(taken).then(() => 'unseen' as const)
    } catch (error) {
      await this.#giveBack(taken)
      throw error
    }
    return this.#conclude(judging, place, [...taken, turn])
  }

  async #takeOne([key, rate]: Count, signal: AbortSignal): Promise<boolean> {
    return (await this.#settings.limiter.take(key, rate, 1, signal)).ok
  }

  /** Whether its turn comes while its answer is held. */
  async #waitFor([key, rate]: Count, { begun, signal }: Judging<unknown>): Promise<boolean> {
    const { limiter, clock } = this.#settings
    const waiting = this.#waiting.get(key) ?? 0
    if (waiting >= MOST_WAITING) return false
    this.#waiting.set(key, waiting + 1)
    try {
      while (true) {
        const { ok, retryAfterMs } = await limiter.take(key, rate, 1, signal)
        if (ok || this.#now() - begun + retryAfterMs > HELD) return ok
        await clock.sleep(retryAfterMs, signal)
      }
    } finally {
      const left = (this.#waiting.get(key) ?? 1) - 1
      if (left > 0) this.#waiting.set(key, left)
      else this.#waiting.delete(key)
    }
  }

  async #hold(begun: number, signal: AbortSignal): Promise<'later'> {
    await this.#settings.clock.sleep(Math.max(0, HELD - (this.#now() - begun)), signal)
    return 'later'
  }

  async #take({ network, user, home, here }: Keys, signal: AbortSignal): Promise<readonly Count[] | undefined> {
    const { store, failures } = this.#settings
    const take = async (count: Count) => ((await this.#takeOne(count, signal)) ? [count] : [])
    const [byNetwork, byUser, isHome] = await Promise.all([
      take([network, failures.byAddress]),
      take([user, failures.byUser]),
      store.get(home, signal),
    ])
    const taken = [...byNetwork, ...byUser]
    if (byNetwork.length > 0 && byUser.length > 0) return taken
    // Others may have used up one of them, or both: the user's own count then decides.
    if (isHome !== undefined) {
      const own = taken.length > 0 ? [] : await take([here, failures.byUser])
      if (taken.length > 0 || own.length > 0) return [...taken, ...own]
    }
    await this.#giveBack(taken)
    return undefined
  }

  async #conclude<T>(
    { judge, isCounted }: Judging<T>,
    { home }: Keys,
    taken: readonly Count[],
  ): Promise<T | undefined> {
    const user = await judge().catch(async (error: unknown) => {
      await this.#giveBack(taken) // nobody knows whether it was wrong
      throw error
    })
    if (user) await Promise.all([this.#giveBack(taken), this.#settings.store.set(home, '', REMEMBER)])
    else if (!isCounted) await this.#giveBack(taken)
    return user
  }

  async #giveBack(taken: readonly Count[]): Promise<void> {
    await Promise.all(taken.map((count) => this.#settings.limiter.giveBack(...count)))
  }

  /** Known as long as it is being judged. */
  async #run<T>(judged: Promise<T>, places: readonly string[]): Promise<T> {
    const ended = judged.catch(() => undefined) // the caller hears of it
    for (const place of places) this.#running.set(place, (this.#running.get(place) ?? new Set()).add(ended))
    try {
      return await judged
    } finally {
      for (const place of places) {
        const running = this.#running.get(place)
        if (running?.delete(ended) && running.size === 0) this.#running.delete(place)
      }
    }
  }

  /** Lets a user, or a network, try again at once. */
  async unlock(what: string): Promise<void> {
    this.#wrong.clear()
    const { prefix, limiter } = this.#settings
    const { network, user, beyond } = keys(prefix, { address: what, user: what.normalize('NFKC').toLowerCase() })
    await Promise.all([network, user, beyond].map((key) => limiter.reset(key)))
  }
}

interface Keys {
  readonly network: string
  readonly user: string
  /** The user has logged in from there. */
  readonly home: string
  /** The user's failures from there, since. */
  readonly here: string
  /** The network's failures after it had failed too often. */
  readonly beyond: string
  /** The user's among them. */
  readonly beside: string
}

function keys(prefix: string, { address, user }: Attempt): Keys {
  const network = networkOf(address, { v4: 32, v6: 64 }) ?? (address === 'unknown' ? address : 'socket')
  // Whatever a client calls itself: a key is short.
  const name = createHash('sha256').update(user).digest('base64url')
  return {
    network: `${prefix}:network:${network}`,
    user: `${prefix}:user:${name}`,
    home: `${prefix}:home:${name}:${network}`,
    here: `${prefix}:here:${name}:${network}`,
    beyond: `${prefix}:beyond:${network}`,
    beside: `${prefix}:beside:${name}:${network}`,
  }
}
