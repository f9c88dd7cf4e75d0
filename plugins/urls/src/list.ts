/** A list of hosts, asked by DNS: SURBL, URIBL and DBL each have their way to answer, and to say that they do not want to be asked. */
import { reverseName } from '@postroad/dns'
import type { Action, Clock, Dns, Logger } from '@postroad/plugin'
import type { UriListOptions } from './options.ts'

/** A listing. */
export interface UrlListing {
  readonly zone: string
  /** Domain or address that is listed. */
  readonly what: string
  /** Answers, in 127.0.0.0/8. */
  readonly codes: readonly string[]
  readonly worth: readonly Action[]
}

/** What a list stands on. */
export interface UriListSettings {
  readonly dns: Dns
  readonly clock: Clock
  readonly log: Logger
  readonly failures: number
  readonly pause: number
}

type Kind = NonNullable<UriListOptions['kind']>

/** By the bits of the last number, https://www.surbl.org/lists and https://uribl.com/about.shtml; by the address, https://www.spamhaus.org. */
const KNOWN: Readonly<Record<Kind, Readonly<Record<string, Action>>>> = {
  surbl: { 8: 5, 16: 5, 64: 3, 128: 2 },
  uribl: { 2: 4, 4: 1, 8: 2 },
  dbl: {
    '127.0.1.2': 4,
    '127.0.1.4': 5,
    '127.0.1.5': 5,
    '127.0.1.6': 5,
    '127.0.1.102': 1.5,
    '127.0.1.103': 0.5,
    '127.0.1.104': 1.5,
    '127.0.1.105': 1.5,
    '127.0.1.106': 1.5,
  },
  plain: {},
}

/** Refused, over its limit, asked in a wrong way; and what is no answer of a list at all. None of it is a listing. */
function isRefusal(code: string, kind: Kind): boolean {
  if (!/^127\.\d+\.\d+\.\d+$/.test(code) || code.startsWith('127.255.255.')) return true
  if (kind === 'dbl') return code === '127.0.1.255' || !code.startsWith('127.0.1.')
  // Their bit 1 says that the resolver is blocked.
  return (kind === 'surbl' || kind === 'uribl') && (lastOf(code) & 1) !== 0
}

function lastOf(code: string): number {
  return Number(code.slice(code.lastIndexOf('.') + 1))
}

/** One list, left out for a while when it fails again and again. */
export class UrlList {
  readonly #options: UriListOptions
  readonly #settings: UriListSettings
  readonly #kind: Kind
  #failures = 0
  #outUntil = 0

  constructor(options: UriListOptions, settings: UriListSettings) {
    this.#options = options
    this.#settings = settings
    this.#kind = options.kind ?? kindOf(options.zone)
  }

  /** Whether it is to be asked about addresses, too. */
  get takesAddresses(): boolean {
    return this.#kind === 'surbl' || this.#kind === 'uribl'
  }

  /** The listing of a domain or an address; undefined when there is none, or nobody can say. */
  async find(what: string, signal: AbortSignal): Promise<UrlListing | undefined> {
    const { clock, dns } = this.#settings
    if (this.#failures >= this.#settings.failures && clock.now() < this.#outUntil) return undefined
    const name = reverseName(what)?.replace(/\.(?:in-addr|ip6)\.arpa$/, '') ?? what
    const { zone } = this.#options
    try {
      const { records } = await dns.a(`${name}.${zone}`, signal)
      if (records.some((code) => isRefusal(code, this.#kind))) throw new Error(`unusable answer ${records.join(' ')}`)
      this.#failures = 0
      return records.length === 0
        ? undefined
        : { zone, what, codes: records, worth: records.flatMap((code) => this.#worth(code)) }
    } catch (error) {
      const code = (error as { readonly code?: unknown }).code // what Dns rejects with has a code
      if (code === 'NXDOMAIN' || code === 'NODATA') this.#failures = 0
      else if (!signal.aborted) this.#failed(error)
      return undefined
    }
  }

  #worth(code: string): readonly Action[] {
    const { codes, action } = this.#options
    const table = { ...KNOWN[this.#kind], ...codes }
    if (this.#kind === 'surbl' || this.#kind === 'uribl') {
      const last = lastOf(code)
      const found = Object.entries(table).flatMap(([bit, worth]) =>
        /^\d+$/.test(bit) && (last & Number(bit)) !== 0 ? [worth] : [],
      )
      return found.length > 0 ? found : [action]
    }
    return [Object.hasOwn(table, code) ? (table[code] ?? action) : action]
  }

  #failed(error: unknown): void {
    const { failures, pause, clock, log } = this.#settings
    this.#failures++
    if (this.#failures < failures) return
    this.#outUntil = clock.now() + pause
    if (this.#failures === failures)
      log.warn({ zone: this.#options.zone, error }, 'a list of hosts does not answer: it is left out for a while')
  }
}

function kindOf(zone: string): Kind {
  if (/(?:^|\.)surbl\.org$/.test(zone)) return 'surbl'
  if (/(?:^|\.)uribl\.com$/.test(zone)) return 'uribl'
  return /(?:^|\.)dbl\.(?:spamhaus\.org|dq\.spamhaus\.net)$/.test(zone) ? 'dbl' : 'plain'
}
