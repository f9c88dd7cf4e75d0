/** The questions a mail server asks, on top of one method that asks any of them. */
import type { Dns, DnsAnswer } from '@postroad/plugin'
import { DnsError } from './failure.ts'
import { reverseName } from './name.ts'

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
  readonly CNAME: string
  readonly TLSA: TlsaRecord
}

/** A record type that can be asked for. */
export type RecordType = keyof Records

/** How many more questions may go to the network. Shared by everything done for one message. */
export interface Budget {
  left: number
}

/** Resolver: the service `Dns`. Every call rejects with a {@link DnsError}. */
export abstract class Asker implements Dns {
  /** Asks one question; `budget` is charged when the answer is not known already. */
  abstract ask<T extends RecordType>(type: T, name: string, context?: AskContext): Promise<DnsAnswer<Records[T]>>
  /** Questions one message may send to the network, see `forMessage`. */
  abstract readonly lookupsPerMessage: number

  a(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.ask('A', name, { signal })
  }

  aaaa(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.ask('AAAA', name, { signal })
  }

  mx(name: string, signal?: AbortSignal): Promise<DnsAnswer<MxRecord>> {
    return this.ask('MX', name, { signal })
  }

  /** Each record's strings joined, RFC 7208 §3.3. */
  txt(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.ask('TXT', name, { signal })
  }

  /** Takes an address; the reverse name of one is understood too. */
  ptr(address: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    const name = reverseName(address)
    if (name === undefined) return Promise.reject(new DnsError('NXDOMAIN', `PTR ${address}`))
    return this.ask('PTR', name, { signal })
  }

  tlsa(name: string, signal?: AbortSignal): Promise<DnsAnswer<TlsaRecord>> {
    return this.ask('TLSA', name, { signal })
  }

  /** The alias record itself, which is not followed. */
  cname(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
    return this.ask('CNAME', name, { signal })
  }

  /** The same resolver for one message: questions beyond the budget reject with `BUDGET`. */
  limited(budget: Budget): Asker {
    return new LimitedAsker(this, budget)
  }
}

/** Who asks. */
export interface AskContext {
  readonly signal?: AbortSignal | undefined
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

  ask<T extends RecordType>(type: T, name: string, context?: AskContext): Promise<DnsAnswer<Records[T]>> {
    const signal = context?.signal
    const answer = this.#inner.ask(type, name, { signal, budget: this.#budget })
    // Whatever the resolver below makes of the signal: who asks for a message does not wait longer than its hook.
    return signal === undefined ? answer : unlessAborted(answer, { question: `${type} ${name}`, signal })
  }
}

/** Rejects as soon as the signal aborts; the question itself goes on. */
export function unlessAborted<T>(
  answer: Promise<T>,
  { question, signal }: { readonly question: string; readonly signal: AbortSignal },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new DnsError('TIMEOUT', question, { cause: signal.reason }))
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
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
