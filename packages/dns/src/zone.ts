/** A resolver for tests: its answers are a literal, and it can fail and dawdle as real ones do. */
import type { Clock, DnsAnswer, DnsFailure } from '@postroad/plugin'
import {
  type AskContext,
  Asker,
  charge,
  type MxRecord,
  type Records,
  type RecordType,
  type TlsaRecord,
} from './asker.ts'
import { systemClock } from './clock.ts'
import { DnsError } from './failure.ts'
import { normaliseName, reverseName } from './name.ts'

/** The records of one name; a failure in place of records is what that question rejects with. */
export interface ZoneEntry {
  readonly A?: readonly string[] | DnsFailure
  readonly AAAA?: readonly string[] | DnsFailure
  readonly MX?: readonly (MxRecord | readonly [preference: number, exchange: string])[] | DnsFailure
  readonly TXT?: readonly string[] | DnsFailure
  readonly PTR?: readonly string[] | DnsFailure
  readonly TLSA?: readonly TlsaRecord[] | DnsFailure
  /** The name is an alias of this one. */
  readonly CNAME?: string
  /** Seconds. Default 300. */
  readonly ttl?: number
  /**
   * Whether answers count as validated by DNSSEC: all of a chain of aliases must be, and what is not here is denied by the nearest name above.
   * Default false.
   */
  readonly secure?: boolean
  /** Milliseconds until the answer. Default 0. */
  readonly delay?: number
}

/** Names (or addresses, for PTR) and what is there. A name that is not here, nor above one that is, is `NXDOMAIN`. */
export type Zone = Readonly<Record<string, ZoneEntry | DnsFailure>>

/** What {@link zoneDns} makes. */
export interface ZoneResolver extends Asker {
  /** Everything that was asked, in order: `TXT example.com`. */
  readonly questions: readonly string[]
}

/**
 * Makes a resolver that knows a zone by heart. No cache: every question is counted.
 *
 * @param options.lookupsPerMessage default 100
 * @throws {TypeError} when a key is not a name or an address
 * @example
 * const dns = zoneDns({ 'example.com': { TXT: ['v=spf1 -all'] }, 'slow.example': { A: ['192.0.2.1'], delay: 300 }, 'bad.example': 'SERVFAIL' })
 */
export function zoneDns(
  zone: Zone,
  options: { readonly clock?: Clock; readonly lookupsPerMessage?: number } = {},
): ZoneResolver {
  return new LiteralZone(zone, options)
}

class LiteralZone extends Asker implements ZoneResolver {
  readonly questions: string[] = []
  readonly lookupsPerMessage: number
  readonly #entries = new Map<string, ZoneEntry | DnsFailure>()
  readonly #inner = new Set<string>()
  readonly #clock: Clock

  constructor(
    zone: Zone,
    { clock = systemClock, lookupsPerMessage = 100 }: { readonly clock?: Clock; readonly lookupsPerMessage?: number },
  ) {
    super()
    this.#clock = clock
    this.lookupsPerMessage = lookupsPerMessage
    for (const [key, entry] of Object.entries(zone)) {
      const name = normaliseName(reverseName(key) ?? key)
      if (name === undefined) throw new TypeError(`zoneDns: "${key}" is neither a name nor an address`)
      this.#entries.set(name, entry)
      for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1))
        this.#inner.add(name.slice(dot + 1))
    }
  }

  async ask<T extends RecordType>(
    type: T,
    name: string,
    { signal, budget }: AskContext = {},
  ): Promise<DnsAnswer<Records[T]>> {
    const normal = normaliseName(name)
    const question = `${type} ${normal ?? name}`
    charge(budget, question)
    this.questions.push(question)
    if (normal === undefined) throw new DnsError('NXDOMAIN', question)
    return this.#answer({ type, name: normal, question, signal, aliases: 0, isSigned: true })
  }

  async #answer<T extends RecordType>(asked: Asked<T>): Promise<DnsAnswer<Records[T]>> {
    const { type, name, question, aliases } = asked
    const alias = aliases > 0
    const entry = this.#entries.get(name)
    const secure = asked.isSigned && this.#isSigned(name)
    const denial = { alias, secure, expires: this.#clock.now() + 300_000 }
    if (entry === undefined) throw new DnsError(this.#inner.has(name) ? 'NODATA' : 'NXDOMAIN', question, denial)
    if (typeof entry === 'string') throw failure(entry, question, denial)
    if (entry.delay !== undefined) await this.#wait(entry.delay, asked)
    if (entry.CNAME !== undefined && type !== 'CNAME' && aliases < 16) {
      return this.#answer({
        ...asked,
        name: normaliseName(entry.CNAME) ?? entry.CNAME,
        aliases: aliases + 1,
        isSigned: secure,
      })
    }
    const there = entry[type] ?? []
    const records = type === 'CNAME' ? [there].flat() : there
    if (typeof records === 'string') throw failure(records as DnsFailure, question, denial) // `as`: only a CNAME is another text
    if (records.length === 0) throw new DnsError('NODATA', question, denial)
    const plain = type === 'MX' ? (records as readonly MxRecord[]).map(toMx) : records // `as`: MX is checked just here
    return { records: plain as readonly Records[T][], secure, ttl: entry.ttl ?? 300, canonical: name } // `as`: the key is the type
  }

  /** A zone is signed where the nearest name that is here says so. */
  #isSigned(name: string): boolean {
    for (let at = name; ; at = at.slice(at.indexOf('.') + 1)) {
      const entry = this.#entries.get(at)
      if (typeof entry === 'object') return entry.secure ?? false
      if (!at.includes('.')) return false
    }
  }

  async #wait(
    ms: number,
    { question, signal }: { readonly question: string; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    try {
      await this.#clock.sleep(ms, signal)
    } catch (cause) {
      throw new DnsError('TIMEOUT', question, { cause })
    }
  }
}

interface Asked<T extends RecordType> {
  readonly type: T
  readonly name: string
  readonly question: string
  readonly signal: AbortSignal | undefined
  /** How many aliases led here. */
  readonly aliases: number
  /** DNSSEC vouches for all of them. */
  readonly isSigned: boolean
}

/** What is no denial has no proof. */
function failure(
  code: DnsFailure,
  question: string,
  denial: { readonly alias: boolean; readonly secure: boolean },
): DnsError {
  const isDenial = code === 'NXDOMAIN' || code === 'NODATA'
  return new DnsError(code, question, { alias: denial.alias, secure: isDenial && denial.secure })
}

function toMx(record: MxRecord | readonly [number, string]): MxRecord {
  return 'exchange' in record ? record : { preference: record[0], exchange: record[1] }
}
