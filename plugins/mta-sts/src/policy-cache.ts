/** Policies of domains, as long as they may be kept: near at hand, and in the store of the scope, so that a restart forgets none. RFC 8461 §5.1. */
import type { Store } from '@postroad/plugin'
import { KEPT, parseKept, type StsFetched, type StsPolicy, stsId } from '@postroad/tls-policy'

/** A policy with what is known of it. */
export interface KeptPolicy {
  /** Of the record that named it. */
  readonly id: string
  readonly policy: StsPolicy
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number
}

/** What is known of a domain. */
export interface Known {
  /** The newest policy that may be kept; undefined: there is none, or it is not known yet. */
  readonly kept: KeptPolicy | undefined
  /** Why it is not known: DNS does not answer, or a policy is published and could not be fetched or understood. */
  readonly trouble: Extract<StsFetched, { readonly failure: unknown }> | undefined
  /** There is a record, so that there is a policy that cannot be had. Undefined: nobody knows, or there is none. */
  readonly isPublished?: boolean
  /** Milliseconds since the epoch: until then nobody looks again. */
  readonly until: number
}

/** What the cache asks. */
export interface PolicySource {
  /** The TXT records below `_mta-sts`, and the seconds they may be kept. Rejects as DNS does. */
  record(domain: string): Promise<{ readonly texts: readonly string[]; readonly ttl: number }>
  fetch(domain: string): Promise<StsFetched>
}

const MAX_DOMAINS = 10_000
/** RFC 8461 §3.3: who could not be asked is left alone for a while. */
const BACKOFF_MS = 300_000
/** A record is looked at again after its TTL, within these bounds. */
const SOONEST_MS = 300_000
const LATEST_MS = 86_400_000
/** RFC 8461 §10.2: a policy is fetched anew before it ends, though its id is the same. */
const REFRESH_SHARE = 0.5

/** The policies. */
export class PolicyCache {
  readonly #source: PolicySource
  readonly #store: Store
  readonly #now: () => number
  readonly #random: () => number
  readonly #near = new Map<string, Known>()
  readonly #flights = new Map<string, Promise<Known>>()

  constructor(
    source: PolicySource,
    { store, now, random = Math.random }: { readonly store: Store; now(): number; random?(): number },
  ) {
    this.#source = source
    this.#store = store
    this.#now = now
    this.#random = random
  }

  /** What is known now, without a question; undefined when it is time to look. */
  fresh(domain: string): Known | undefined {
    const known = this.#near.get(domain)
    return known && known.until > this.#now() ? known : undefined
  }

  /** Looks; all who ask at the same time wait for the same. Does not reject. `again`: also when the id is the same. */
  look(domain: string, again = false): Promise<Known> {
    const key = `${again} ${domain}`
    let flight = this.#flights.get(key)
    if (flight === undefined) {
      flight = this.#look(domain, again).finally(() => this.#flights.delete(key))
      this.#flights.set(key, flight)
    }
    return flight
  }

  async #look(domain: string, again: boolean): Promise<Known> {
    const before = this.#valid(this.#near.get(domain)?.kept) ?? (await this.#stored(domain))
    let record: { readonly texts: readonly string[]; readonly ttl: number }
    try {
      record = await this.#source.record(domain)
    } catch (error) {
      // RFC 8461 §5.1: a policy outlives DNS that does not answer. Without one nobody knows whether there is one.
      const reason = `DNS does not answer (${error instanceof Error && 'code' in error ? String(error.code) : 'error'})`
      const trouble = { failure: 'sts-policy-fetch-error', reason } as const
      return this.#remember(domain, { kept: before, trouble, until: this.#in(BACKOFF_MS) })
    }
    const until = this.#in(Math.min(Math.max(record.ttl * 1_000, SOONEST_MS), LATEST_MS))
    const id = stsId(record.texts)
    if (id === undefined) return this.#remember(domain, { kept: before, trouble: undefined, until })
    if (before?.id === id && !again && !this.#isOld(before))
      return this.#remember(domain, { kept: before, trouble: undefined, until })
    const fetched = await this.#source.fetch(domain)
    if ('failure' in fetched)
      return this.#remember(domain, {
        kept: before,
        trouble: fetched,
        isPublished: true,
        until: this.#in(BACKOFF_MS),
      })
    const kept = { id, policy: fetched.policy, fetchedAt: this.#now() }
    // Nobody waits for it: what was not written down is fetched again after a restart.
    this.#store.set(KEPT + domain, JSON.stringify(kept), kept.policy.maxAge * 1_000).catch(() => {})
    return this.#remember(domain, { kept: this.#valid(kept), trouble: undefined, until })
  }

  #remember(domain: string, known: Known): Known {
    this.#near.delete(domain)
    const [oldest] = this.#near.keys()
    if (this.#near.size >= MAX_DOMAINS && oldest !== undefined) this.#near.delete(oldest)
    // Not longer than the policy itself may be kept.
    const end = known.kept ? known.kept.fetchedAt + known.kept.policy.maxAge * 1_000 : Number.POSITIVE_INFINITY
    const bounded = { ...known, until: Math.min(known.until, Math.max(end, this.#now() + 1_000)) }
    this.#near.set(domain, bounded)
    return bounded
  }

  #in(ms: number): number {
    return this.#now() + Math.round(ms * (0.75 + 0.25 * this.#random()))
  }

  #isOld({ fetchedAt, policy }: KeptPolicy): boolean {
    const age = this.#now() - fetchedAt
    return age > LATEST_MS * (0.75 + 0.25 * this.#random()) && age > policy.maxAge * 1_000 * REFRESH_SHARE
  }

  #valid(kept: KeptPolicy | undefined): KeptPolicy | undefined {
    return kept && kept.fetchedAt + kept.policy.maxAge * 1_000 > this.#now() ? kept : undefined
  }

  async #stored(domain: string): Promise<KeptPolicy | undefined> {
    try {
      return this.#valid(parseKept(await this.#store.get(KEPT + domain)))
    } catch {
      return undefined // a store that is away has no policy
    }
  }
}
