/** One DNS list, RFC 5782: what its answers mean, and whether it can be believed now. */

import { reverseName } from '@postroad/dns'
import { NetworkTable } from '@postroad/options'
import type { Action, Dns, Logger } from '@postroad/plugin'
import { Breaker, type BreakerOptions } from './breaker.ts'
import type { ListOptions } from './options.ts'

/** An entry of a list. */
export interface Listing {
  readonly zone: string
  /** Addresses it returned, in 127.0.0.0/8. */
  readonly codes: readonly string[]
  /** What they are worth. */
  readonly actions: readonly Action[]
}

/** What a {@link List} stands on. */
export interface ListSettings extends BreakerOptions {
  readonly dns: Dns
  readonly log: Logger
}

// RFC 5782 §2.1: answers are in 127.0.0.0/8; anything else is a parked domain or a resolver that lies.
const ANSWERS = /^127\.\d+\.\d+\.\d+$/
// Large lists say with these that they do not want to be asked by this resolver: no entry.
const REFUSALS = /^127\.255\.255\.\d+$/

/** RFC 5782 §5: what must be listed, and what must not. */
const TESTS = {
  client: { listed: '127.0.0.2', unlisted: '127.0.0.1' },
  sender: { listed: 'test', unlisted: 'invalid' },
  helo: { listed: 'test', unlisted: 'invalid' },
} as const

/** One list, with its breaker. A failing list has no entries: it decides nothing. */
export class List {
  readonly options: ListOptions
  readonly #codes: NetworkTable<Action> | undefined
  readonly #breaker: Breaker
  readonly #dns: Dns
  readonly #log: Logger
  readonly #settings: ListSettings
  /** It had its test entries wrong: until they are right nothing else it says is believed. */
  #isWrong = false
  #testAgainAt = 0
  /** The test under way: who asks meanwhile waits for what it says. */
  #testing: Promise<boolean> | undefined

  /** @throws {TypeError} when a code is not an address or a network */
  constructor(options: ListOptions, settings: ListSettings) {
    this.options = options
    this.#codes = options.codes && new NetworkTable(Object.entries(options.codes))
    this.#breaker = new Breaker(settings)
    this.#dns = settings.dns
    this.#log = settings.log
    this.#settings = settings
  }

  /** The entry for an address or a domain; undefined when there is none, or the list does not answer. */
  async find(what: string, signal: AbortSignal): Promise<Listing | undefined> {
    const name = this.#name(what)
    if (name === undefined || !this.#breaker.allows() || !(await this.#isTrusted(signal))) return undefined
    const codes = await this.#ask(name, signal)
    // The test may have failed meanwhile.
    if (!codes || codes.length === 0 || this.#isWrong) return undefined
    const { zone, action } = this.options
    const actions = this.#codes ? codes.flatMap((code) => this.#codes?.find(code) ?? []) : [action]
    return { zone, codes, actions }
  }

  /** The list's own words about an entry: a stranger's, of one line. */
  async reason(what: string, signal: AbortSignal): Promise<string> {
    const name = this.#name(what)
    if (name === undefined) return ''
    const records = await this.#dns.txt(name, signal).then(
      (answer) => answer.records,
      () => [], // the refusal stands without its reason
    )
    return (records[0] ?? '').replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 200)
  }

  /** Asks for the test entries; a list that has them wrong is left out for a while. */
  test(signal: AbortSignal): Promise<boolean> {
    this.#testing ??= this.#test(signal).finally(() => {
      this.#testing = undefined
    })
    return this.#testing
  }

  async #test(signal: AbortSignal): Promise<boolean> {
    const { listed, unlisted } = TESTS[this.options.of]
    const answers = await Promise.all([listed, unlisted].map((what) => this.#ask(this.#name(what) ?? '', signal)))
    if (answers.includes(undefined)) return false // nobody knows; the breaker counts it
    const isRight = (answers[0]?.length ?? 0) > 0 && answers[1]?.length === 0
    if (!isRight && !this.#isWrong)
      this.#log.error(
        { zone: this.options.zone, listed: answers[0], unlisted: answers[1] },
        'a DNS list fails its test, RFC 5782 §5: it is left out',
      )
    if (isRight && this.#isWrong) this.#log.info({ zone: this.options.zone }, 'a DNS list passes its test again')
    this.#isWrong = !isRight
    this.#testAgainAt = this.#settings.clock.now() + this.#settings.pause
    return isRight
  }

  /** A list that was wrong is tested again after each pause, by the first who wants to know. */
  async #isTrusted(signal: AbortSignal): Promise<boolean> {
    if (this.#testing) await ended(this.#testing, signal)
    if (signal.aborted) return false
    if (!this.#isWrong) return true
    const now = this.#settings.clock.now()
    if (now < this.#testAgainAt) return false
    this.#testAgainAt = now + this.#settings.pause
    return this.test(signal)
  }

  /** RFC 5782 §2.1, §2.4; domains as they are, §2.2. */
  #name(what: string): string | undefined {
    if (this.options.of !== 'client') return `${what}.${this.options.zone}`
    const reversed = reverseName(what)?.replace(/\.(?:in-addr|ip6)\.arpa$/, '')
    return reversed === undefined ? undefined : `${reversed}.${this.options.zone}`
  }

  async #ask(name: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    try {
      const { records } = await this.#dns.a(name, signal)
      if (records.some((record) => REFUSALS.test(record) || !ANSWERS.test(record)))
        throw new Error(`unusable answer ${records.join(' ')}`)
      this.#breaker.succeeded()
      return records
    } catch (error) {
      const code = (error as { readonly code?: unknown }).code // what Dns rejects with has a code
      if (code === 'NXDOMAIN' || code === 'NODATA') {
        this.#breaker.succeeded()
        return []
      }
      if (signal.aborted) return undefined
      if (this.#breaker.failed())
        this.#log.warn({ zone: this.options.zone, error }, 'a DNS list does not answer: it is left out for a while')
      return undefined
    }
  }
}

/** Resolves when the work is done, or the signal fires. */
function ended(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
    work.then(done, done)
  })
}
