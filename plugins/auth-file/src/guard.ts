/** Makes guessing passwords slow: who failed too often is not even heard, by network and by name. */
import { createHash } from 'node:crypto'
import { networkOf } from '@postroad/match'
import type { Limiter, Store } from '@postroad/plugin'
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

/** Counts failed attempts by network and by name, and says who may try again. */
export class Guard {
  readonly #settings: GuardSettings

  constructor(settings: GuardSettings) {
    this.#settings = settings
  }

  /** Whether the attempt may be looked at. A stranger's failures do not lock a user out of where they logged in before. */
  async allows(attempt: Attempt, signal: AbortSignal): Promise<boolean> {
    const { limiter, store, failures } = this.#settings
    const { network, user, home } = keys(attempt)
    const [byNetwork, byUser, isHome] = await Promise.all([
      limiter.peek(network, failures.byAddress, signal),
      limiter.peek(user, failures.byUser, signal),
      store.get(home, signal),
    ])
    return byNetwork.ok && (byUser.ok || isHome !== undefined)
  }

  async failed(attempt: Attempt): Promise<void> {
    const { limiter, failures } = this.#settings
    const { network, user } = keys(attempt)
    await Promise.all([limiter.take(network, failures.byAddress), limiter.take(user, failures.byUser)])
  }

  async succeeded(attempt: Attempt): Promise<void> {
    await this.#settings.store.set(keys(attempt).home, '', REMEMBER)
  }

  /** Lets a user, or a network, try again at once. */
  async unlock(what: string): Promise<void> {
    const { network, user } = keys({ address: what, user: what.normalize('NFKC').toLowerCase() })
    await Promise.all([this.#settings.limiter.reset(network), this.#settings.limiter.reset(user)])
  }
}

function keys({ address, user }: Attempt): { readonly network: string; readonly user: string; readonly home: string } {
  const network = networkOf(address, { v4: 32, v6: 64 }) ?? 'socket'
  // Whatever a client calls itself: a key is short.
  const name = createHash('sha256').update(user).digest('base64url')
  return { network: `auth-file:network:${network}`, user: `auth-file:user:${name}`, home: `auth-file:home:${name}:${network}` }
}
