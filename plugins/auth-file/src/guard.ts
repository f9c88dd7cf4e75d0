/** Makes guessing passwords slow: who failed too often is not even heard, by network and by name. */
import { createHash } from 'node:crypto'
import { networkOf } from '@postroad/options'
import type { Limiter, Rate, Store } from '@postroad/plugin'
import type { AuthFileOptions } from './options.ts'

/** How long a network is remembered where a user has logged in. */
const REMEMBER = 30 * 86_400_000

/** What a {@link Guard} stands on. */
export interface GuardSettings {
  readonly limiter: Limiter
  readonly store: Store
  readonly failures: AuthFileOptions['failures']
}

/** One attempt: where from, and for whom. */
export interface Attempt {
  readonly address: string
  /** As it is looked up. */
  readonly user: string
}

/** What is counted: a bucket and how fast it fills. */
type Count = readonly [key: string, rate: Rate]

/** Counts failed attempts by network and by name, and says who may try again. */
export class Guard {
  readonly #settings: GuardSettings
  /** Attempts that are being judged, by network and by name. */
  readonly #running = new Map<string, Set<Promise<unknown>>>()

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
    const place = keys(attempt)
    let taken = await this.#take(place, signal)
    while (!taken) {
      // Many right ones at once, as a mail program has them, are no guesses: those before may give back what they took.
      const before = [...(this.#running.get(place.network) ?? []), ...(this.#running.get(place.user) ?? [])]
      if (before.length === 0) return 'later'
      await Promise.race(before)
      taken = await this.#take(place, signal)
    }
    const judged = this.#conclude(judge(), place, taken)
    this.#run(judged, place)
    return judged
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

  async #conclude<T>(judging: Promise<T | undefined>, { home }: Keys, taken: readonly Count[]): Promise<T | undefined> {
    const user = await judging.catch(async (error: unknown) => {
      await this.#giveBack(taken) // nobody knows whether it was wrong
      throw error
    })
    if (user) await Promise.all([this.#giveBack(taken), this.#settings.store.set(home, '', REMEMBER)])
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
    const { network, user } = keys({ address: what, user: what.normalize('NFKC').toLowerCase() })
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

function keys({ address, user }: Attempt): Keys {
  const network = networkOf(address, { v4: 32, v6: 64 }) ?? (address === 'unknown' ? address : 'socket')
  // Whatever a client calls itself: a key is short.
  const name = createHash('sha256').update(user).digest('base64url')
  return {
    network: `auth-file:network:${network}`,
    user: `auth-file:user:${name}`,
    home: `auth-file:home:${name}:${network}`,
    here: `auth-file:here:${name}:${network}`,
  }
}
