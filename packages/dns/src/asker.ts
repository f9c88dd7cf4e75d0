/** The questions a mail server asks, on top of one method that asks any of them. */
import { DnsError } from './failure.ts'
import { reverseName } from './name.ts'

/** The records of one answer, in the text form of `node:dns`. */
export interface DnsAnswer<T> {
  readonly records: readonly T[]
  /** True when a trusted resolver validated it (AD bit), RFC 4035 §3.2.3. */
  readonly secure: boolean
  /** Seconds it may be kept. */
  readonly ttl: number
}

/** A mail exchanger, RFC 1035 §3.3.9; the null MX of RFC 7505 has an empty `exchange`. */
export interface MxRecord {
  readonly preference: number
  readonly exchange: string
}

/** A certificate association, RFC 6698 §2.1. */
export interface TlsaRecord {
  readonly usage: number
  readonly selector: number
  readonly matching: number
  readonly data: Uint8Array
}

/** What one record of each type looks like. */
export interface Records {
  readonly A: string
  readonly AAAA: string
  readonly MX: MxRecord
  readonly TXT: string
  readonly PTR: string
  readonly TLSA: TlsaRecord
}

/** A record type that can be asked for. */
export type RecordType = keyof Records

/** How many more questions may go to the network. Shared by everything done for one message. */
export interface Budget {
  left: number
}

/** Resolver, structurally the `Dns` service of `@postroad/plugin`. Every call rejects with a {@link DnsError}. */
export abstract class Asker {
  /** Asks one question; its budget is charged when the answer is not known already. */
  abstract ask<T extends RecordType>(question: Question<T>, signal?: AbortSignal): Promise<DnsAnswer<Records[T]>>
  /** Questions one message may send to the network, see `forMessage`. */
  abstract readonly lookupsPerMessage: number

  a(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.ask({ type: 'A', name }, signal)
  }

  aaaa(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.ask({ type: 'AAAA', name }, signal)
  }

  mx(name: string, signal?: AbortSignal): Promise<DnsAnswer<MxRecord>> {
    return this.ask({ type: 'MX', name }, signal)
  }

  /** Each record's strings joined, RFC 7208 §3.3. */
  txt(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.ask({ type: 'TXT', name }, signal)
  }

  /** Takes an address; the reverse name of one is understood too. */
  ptr(address: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    const name = reverseName(address)
    if (name === undefined) return Promise.reject(new DnsError('NXDOMAIN', `PTR ${address}`))
    return this.ask({ type: 'PTR', name }, signal)
  }

  tlsa(name: string, signal?: AbortSignal): Promise<DnsAnswer<TlsaRecord>> {
    return this.ask({ type: 'TLSA', name }, signal)
  }

  /** The same resolver for one message: questions beyond the budget reject with `BUDGET`. */
  limited(budget: Budget): Asker {
    return new LimitedAsker(this, budget)
  }
}

/** What is asked, and on whose account. */
export interface Question<T extends RecordType> {
  readonly type: T
  readonly name: string
  readonly budget?: Budget | undefined
}

/** A resolver for one message: questions beyond the budget reject with `BUDGET`. */
export class LimitedAsker extends Asker {
  readonly lookupsPerMessage: number
  readonly #inner: Asker
  readonly #budget: Budget

  constructor(inner: Asker, budget: Budget) {
    super()
    this.#inner = inner
    this.#budget = budget
    this.lookupsPerMessage = inner.lookupsPerMessage
  }

  ask<T extends RecordType>({ type, name }: Question<T>, signal?: AbortSignal): Promise<DnsAnswer<Records[T]>> {
    return this.#inner.ask({ type, name, budget: this.#budget }, signal)
  }
}

/**
 * Takes one question from the budget.
 *
 * @throws {DnsError} BUDGET when nothing is left
 */
export function charge(budget: Budget | undefined, question: string): void {
  if (budget === undefined) return
  if (budget.left <= 0) throw new DnsError('BUDGET', question)
  budget.left--
}
