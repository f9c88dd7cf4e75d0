import type { Message } from '@postroad/mail'

declare const type: unique symbol

/** A typed key for a long-lived capability that one plugin needs and another, or the core, provides. */
export interface Service<T> {
  readonly name: string
  readonly [type]?: T
}

/** The type behind a {@link Service}. */
export type ServiceOf<S> = S extends Service<infer T> ? T : never

/**
 * Makes a service key; who provides it lists it in `provides` and returns it from `setup`.
 *
 * @example export const GeoIp = defineService<{ country(address: string): Promise<string | undefined> }>('geo-ip')
 */
export function defineService<T>(name: string): Service<T> {
  return Object.freeze({ name })
}

/** A service that is there without a plugin; a plugin that provides the same goes before it. */
export interface DefaultService {
  readonly service: Service<unknown>
  /** Absolute: the folder it makes and writes into once it is used. */
  readonly folder?: string
  /** Called for each generation that needs the service; answers the same one each time if it is to be shared. */
  create(): unknown
}

/** Small key-value store with expiry; atomic; survives a restart. The contract is `test/contracts/store`. */
export interface Store {
  get(key: string, signal?: AbortSignal): Promise<string | undefined>
  /** Sets `key`, replacing what was there. `ttlMs` absent: for ever. */
  set(key: string, value: string, ttlMs?: number, signal?: AbortSignal): Promise<void>
  /** Sets `key` unless present. Resolves to the value that is there afterwards. */
  setIfAbsent(key: string, value: string, ttlMs?: number, signal?: AbortSignal): Promise<string>
  /** Adds `by` (default 1) to the integer at `key` (absent: 0) and resolves to the sum. `ttlMs` counts from creation. */
  increment(key: string, by?: number, ttlMs?: number, signal?: AbortSignal): Promise<number>
  /** Resolves to whether there was something. */
  delete(key: string, signal?: AbortSignal): Promise<boolean>
  /** Keys with the prefix and their values, in key order, streamed. */
  entries(prefix: string, signal?: AbortSignal): AsyncIterable<readonly [key: string, value: string]>
}

/** One limit: at most `amount` in `perMs`, in bursts of up to `burst` (default `amount`). */
export interface Rate {
  readonly amount: number
  readonly perMs: number
  readonly burst?: number
}

/** What a {@link Limiter} says. */
export interface Allowance {
  readonly ok: boolean
  /** Whole units left now. */
  readonly remaining: number
  /** Milliseconds until it would be allowed; 0 when `ok`. */
  readonly retryAfterMs: number
}

/** Token buckets and concurrency, by key. The contract is `test/contracts/limiter`. */
export interface Limiter {
  /** Takes `cost` (default 1) from the bucket of `key`, or nothing when there is not enough. */
  take(key: string, rate: Rate, cost?: number, signal?: AbortSignal): Promise<Allowance>
  /** Gives back what was taken a moment ago, for what did not come to pass; a bucket gets no fuller than full. */
  giveBack(key: string, rate: Rate, cost?: number, signal?: AbortSignal): Promise<void>
  /** Looks without taking. */
  peek(key: string, rate: Rate, signal?: AbortSignal): Promise<Allowance>
  /** Takes one of `max` slots at once; `undefined` when all are taken. The slot expires after `ttlMs` if never released. */
  acquire(
    key: string,
    max: number,
    ttlMs: number,
    signal?: AbortSignal,
  ): Promise<{ release(): Promise<void> } | undefined>
  reset(key: string, signal?: AbortSignal): Promise<void>
}

/** Mutual exclusion between workers and nodes; expires with its owner. */
export interface Lock {
  /** Runs `work` while holding the lock, or resolves to `undefined` when another holder has it. */
  tryWith<T>(key: string, ttlMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined>
}

/** A DNS question's failure: `NXDOMAIN` and `NODATA` are answers; `SERVFAIL` and `TIMEOUT` are not. */
export type DnsFailure = 'NXDOMAIN' | 'NODATA' | 'SERVFAIL' | 'TIMEOUT' | 'REFUSED' | 'BUDGET'

/** The records of one answer, in the text form of `node:dns`. */
export interface DnsAnswer<T> {
  readonly records: readonly T[]
  /** True when a trusted resolver validated it (AD bit), RFC 4035 §3.2.3. */
  readonly secure: boolean
  /** Seconds it may be kept. */
  readonly ttl: number
  /** The name that has the records, lower-case: the one that was asked, or the end of its chain of aliases (CNAME). */
  readonly canonical: string
}

/** Resolver. Every call rejects with an `Error` that has a {@link DnsFailure} as `code`, and `secure` where DNSSEC proves that there is none. */
export interface Dns {
  a(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
  aaaa(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
  mx(name: string, signal?: AbortSignal): Promise<DnsAnswer<{ readonly preference: number; readonly exchange: string }>>
  /** Each record's strings joined, RFC 7208 §3.3. */
  txt(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
  ptr(address: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
  tlsa(
    name: string,
    signal?: AbortSignal,
  ): Promise<
    DnsAnswer<{
      readonly usage: number
      readonly selector: number
      readonly matching: number
      readonly data: Uint8Array
    }>
  >
  /** The alias record itself, which is not followed. */
  cname(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>
}

/** Time, faked in tests. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds since some moment, by a clock that is never set: for durations. Absent: `now` is such a clock, as in tests. */
  monotonic?(): number
  /** Resolves after `ms`; rejects when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Keeps messages that no longer have a transaction: quarantine, replay. Durable when the promise resolves. */
export interface Spool {
  put(id: string, message: Message, meta: Readonly<Record<string, unknown>>): Promise<void>
  get(id: string): Promise<{ readonly message: Message; readonly meta: Readonly<Record<string, unknown>> } | undefined>
  delete(id: string): Promise<boolean>
  /** Ids in order, streamed. */
  list(): AsyncIterable<string>
}

export const Store: Service<Store> = defineService('store')
export const Limiter: Service<Limiter> = defineService('limiter')
export const Lock: Service<Lock> = defineService('lock')
export const Dns: Service<Dns> = defineService('dns')
export const Clock: Service<Clock> = defineService('clock')
export const Spool: Service<Spool> = defineService('spool')
