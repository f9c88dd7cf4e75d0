/** Makes guessing passwords slow: who failed too often is not even heard, by network and by name. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { networkOf } from '@postroad/options'
import type { Limiter, Rate, Store } from '@postroad/plugin'

/** How long a network is remembered where a user has logged in. */
const REMEMBER = 30 * 86_400_000

/** Milliseconds in which a password that was wrong is not looked at again. */
const KNOWN_WRONG = 60_000
/** Milliseconds in which it counts as one failure, however often it is tried: a phone with an old password guesses nothing. */
const COUNTED_ONCE = 86_400_000
/** Of these. */
const MOST_WRONG = 10_000

/** What a {@link Guard} stands on. */
export interface GuardSettings {
  readonly limiter: Limiter
  readonly store: Store
  /** Begins all keys: the plugin's name. */
  readonly prefix: string
  readonly failures: { readonly byAddress: Rate; readonly byUser: Rate }
  /** Milliseconds since the epoch. */
  now(): number
}

/** One attempt: where from, and for whom. */
export interface Attempt {
  readonly address: string
  /** As it is looked up. */
  readonly user: string
  /** The password, where there is one: a program that tries an old one again and again guesses once. */
  readonly password?: string
}

/** What is counted: a bucket and how fast it fills. */
type Count = readonly [key: string, rate: Rate]

/** Counts failed attempts by network and by name, and says who may try again. */
export class Guard {
  readonly #settings: GuardSettings
  /** Attempts that are being judged, by network and by name. */
  readonly #running = new Map<string, Set<Promise<unknown>>>()
  /** Wrong passwords, as digests that only this process can make, and when they were last found wrong. */
  readonly #wrong = new Map<string, number>()
  readonly #secret = randomBytes(32)

  constructor(settings: GuardSettings) {
    this.#settings = settings
  }

  /**
   * Counts the attempt as a failure before it is judged, or of many at once none would count; a right one is given back. Resolves to who
   * made it; undefined: it was wrong; `later`: it was not looked at. Neither a stranger's failures, nor those of others behind the same address, lock a
   * user out of where they logged in before: there only their own failures from there count.
   */
  async judge<T extends object>(
    attempt: Attempt,
    signal: AbortSignal,
    judge: () => Promise<T | undefined>,
  ): Promise<T | undefined | 'later'> {
    const { prefix, now } = this.#settings
    const place = keys(prefix, attempt)
    const guess = this.#guessOf(attempt)
    const since = guess === undefined ? undefined : this.#wrong.get(guess)
    const age = since === undefined ? Number.POSITIVE_INFINITY : now() - since
    if (age < KNOWN_WRONG) return undefined
    let taken = await this.#take(place, signal)
    while (!taken) {
      // Many right ones at once, as a mail program has them, are no guesses: those before may give back what they took.
      const before = [...(this.#running.get(place.network) ?? []), ...(this.#running.get(place.user) ?? [])]
      if (before.length === 0) return 'later'
      await Promise.race(before)
      taken = await this.#take(place, signal)
    }
    const judged = this.#conclude(judge(), place, { taken, isCounted: age >= COUNTED_ONCE })
    this.#run(judged, place)
    const user = await judged
    if (guess !== undefined && user === undefined) this.#remember(guess)
    return user
  }

  #guessOf({ address, user, password }: Attempt): string | undefined {
    if (password === undefined) return undefined
    return createHmac('sha256', this.#secret)
      .update(JSON.stringify([address, user, password]))
      .digest('base64url')
  }

  #remember(guess: string): void {
    this.#wrong.delete(guess)
    this.#wrong.set(guess, this.#settings.now())
    const [oldest] = this.#wrong.keys()
    if (this.#wrong.size > MOST_WRONG && oldest !== undefined) this.#wrong.delete(oldest)
  }

  async #take({ network, user, home, here }: Keys, signal: AbortSignal): Promise<readonly Count[] | undefined> {
    const { limiter, store, failures } = this.#settings
    const take = async (count: Count) => ((await limiter.take(...count, 1, signal)).ok ? [count] : [])
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
    judging: Promise<T | undefined>,
    { home }: Keys,
    { taken, isCounted }: { readonly taken: readonly Count[]; readonly isCounted: boolean },
  ): Promise<T | undefined> {
    const user = await judging.catch(async (error: unknown) => {
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
  #run(judged: Promise<unknown>, { network, user }: Keys): void {
    const ended = judged.catch(() => undefined) // the caller hears of it
    for (const key of [network, user]) {
      const running = this.#running.get(key) ?? new Set()
      this.#running.set(key, running.add(ended))
      void ended.then(() => running.delete(ended) && running.size === 0 && this.#running.delete(key))
    }
  }

  /** Lets a user, or a network, try again at once. */
  async unlock(what: string): Promise<void> {
    this.#wrong.clear()
    const { network, user } = keys(this.#settings.prefix, { address: what, user: what.normalize('NFKC').toLowerCase() })
    await Promise.all([this.#settings.limiter.reset(network), this.#settings.limiter.reset(user)])
  }
}

interface Keys {
  readonly network: string
  readonly user: string
  /** The user has logged in from there. */
  readonly home: string
  /** The user's failures from there, since. */
  readonly here: string
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
  }
}
