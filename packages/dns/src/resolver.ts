/** The resolver: remembers answers, asks each question once at a time, and lets nobody wait for ever. */
import { parseServer } from '@postroad/options'
import type { Clock, DnsAnswer, DnsFailure } from '@postroad/plugin'
import { type AskContext, Asker, charge, type Records, type RecordType, unlessAborted } from './asker.ts'
import { Cache } from './cache.ts'
import { systemClock } from './clock.ts'
import { type DnsExchange, exchange } from './exchange.ts'
import { DnsError } from './failure.ts'
import { normaliseName } from './name.ts'
import { isLoopback, systemServers } from './servers.ts'
import { type LookupOutcome, Upstream, type UpstreamStats } from './upstream.ts'

/** Everything has a default. */
export interface DnsOptions {
  /** Recursive resolvers in order of preference, `192.0.2.53` or `[2001:db8::53]:5353`. Default: those of /etc/resolv.conf. */
  readonly servers?: readonly string[]
  /** Believe the servers' AD bit. Default: `trust-ad` of resolv.conf, or when all servers are on this machine. */
  readonly trustAd?: boolean
  /** Milliseconds a lookup may take in all. Default 5,000. */
  readonly timeoutMs?: number
  /** Milliseconds one server has in the first round; one more of them each round. Default 1,500. */
  readonly attemptMs?: number
  /** How often a silent server is asked. Default 2. */
  readonly rounds?: number
  /** Answers kept. Default 10,000. */
  readonly cacheSize?: number
  /** Seconds an answer is kept at most. Default 86,400. */
  readonly maxTtl?: number
  /** Seconds a "there is none" is kept at most, RFC 2308 §5. Default 3,600. */
  readonly maxNegativeTtl?: number
  /** Seconds a failure, or a denial without an SOA, is kept, RFC 9520 §3.2. Default 5. */
  readonly failureTtl?: number
  /** Queries on their way at once; more have to wait. Default 512. */
  readonly concurrency?: number
  /** Questions one message may send to the network. Default 100. */
  readonly lookupsPerMessage?: number
  readonly clock?: Clock
  /** How a query gets to a server. Default: UDP, then TCP. */
  readonly exchange?: DnsExchange
}

/** Counters since the start, for metrics. */
export interface DnsStats extends Readonly<UpstreamStats> {
  /** Questions asked of the resolver. */
  readonly questions: number
  /** Answered from the cache. */
  readonly hits: number
  /** Joined an equal question that was on its way. */
  readonly coalesced: number
  /** Refused because a message had no lookups left. */
  readonly overBudget: number
  /** Entries in the cache now. */
  readonly cached: number
  /** Lookups on their way now. */
  readonly inFlight: number
}

/** What {@link createDns} makes: the `Dns` service and what an operator wants to know of it. */
export interface Resolver extends Asker {
  stats(): DnsStats
  /** Forgets everything learnt. */
  flush(): void
}

interface Entry {
  readonly expires: number
  readonly secure: boolean
  readonly alias: boolean
  readonly canonical: string
  readonly records: readonly Records[RecordType][]
  readonly failure: DnsFailure | undefined
  readonly cause?: unknown
  error?: DnsError
}

/**
 * Makes a resolver.
 *
 * @throws {TypeError} when a server is not an address
 * @example const { records } = await createDns().mx('example.com')
 */
export function createDns(options: DnsOptions = {}): Resolver {
  return new CachingResolver(options)
}

class CachingResolver extends Asker implements Resolver {
  readonly lookupsPerMessage: number
  readonly #options: {
    readonly maxTtl: number
    readonly maxNegativeTtl: number
    readonly failureTtl: number
    readonly concurrency: number
  }
  readonly #clock: Clock
  readonly #trustAd: boolean
  readonly #upstream: Upstream
  readonly #cache: Cache<Entry>
  readonly #flights = new Map<string, Promise<Entry>>()
  readonly #waiting: (() => void)[] = []
  readonly #counts = { questions: 0, hits: 0, coalesced: 0, overBudget: 0 }
  #running = 0

  constructor(options: DnsOptions) {
    super()
    const {
      timeoutMs = 5000,
      attemptMs = 1500,
      rounds = 2,
      maxTtl = 86_400,
      maxNegativeTtl = 3600,
      failureTtl = 5,
      concurrency = 512,
    } = options
    const configured = options.servers?.map(parseServer)
    const system = configured ? undefined : systemServers()
    const servers = configured ?? system?.servers ?? []
    if (servers.length === 0) throw new TypeError('dns: no servers')
    this.lookupsPerMessage = options.lookupsPerMessage ?? 100
    this.#options = { maxTtl, maxNegativeTtl, failureTtl, concurrency }
    this.#clock = options.clock ?? systemClock
    this.#trustAd = options.trustAd ?? (system?.trustAd === true || servers.every(isLoopback))
    this.#upstream = new Upstream(
      servers,
      { timeoutMs, attemptMs, rounds },
      { exchange: options.exchange ?? exchange, clock: this.#clock },
    )
    this.#cache = new Cache(options.cacheSize ?? 10_000)
  }

  async ask<T extends RecordType>(type: T, name: string, context?: AskContext): Promise<DnsAnswer<Records[T]>> {
    this.#counts.questions++
    const normal = normaliseName(name)
    if (normal === undefined) throw new DnsError('NXDOMAIN', `${type} ${name}`)
    const entry = localEntry(type, normal) ?? (await this.#lookup(type, normal, context))
    // One error for all who hear of it: a stack is dear, and a denial is asked for with every message.
    if (entry.failure !== undefined) throw (entry.error ??= toError(entry, `${type} ${normal}`))
    const ttl = Math.max(0, Math.floor((entry.expires - this.#clock.now()) / 1000))
    // `as`: the key of the cache has the type
    return { records: entry.records as readonly Records[T][], secure: entry.secure, ttl, canonical: entry.canonical }
  }

  stats(): DnsStats {
    return { ...this.#upstream.stats, ...this.#counts, cached: this.#cache.size, inFlight: this.#flights.size }
  }

  flush(): void {
    this.#cache.clear()
  }

  #lookup(type: RecordType, name: string, { signal, budget }: AskContext = {}): Entry | Promise<Entry> {
    const key = `${type} ${name}`
    const cached = this.#cache.get(key, this.#clock.now())
    if (cached !== undefined) {
      this.#counts.hits++
      return cached
    }
    const waitFor = (flight: Promise<Entry>) =>
      signal === undefined ? flight : unlessAborted(flight, { question: key, signal })
    const flight = this.#flights.get(key)
    if (flight !== undefined) {
      this.#counts.coalesced++
      return waitFor(flight)
    }
    try {
      charge(budget, key)
    } catch (error) {
      this.#counts.overBudget++
      throw error
    }
    const started = this.#fly(type, name, key)
    this.#flights.set(key, started)
    return waitFor(started)
  }

  /** Goes on when the one who asked first has left: others may have joined, and the answer is worth keeping. */
  async #fly(type: RecordType, name: string, key: string): Promise<Entry> {
    if (this.#running >= this.#options.concurrency) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    try {
      const entry = this.#toEntry(await this.#upstream.ask(type, name), name)
      this.#cache.set(key, entry, this.#clock.now())
      return entry
    } finally {
      this.#running--
      this.#flights.delete(key)
      this.#waiting.shift()?.()
    }
  }

  #toEntry(outcome: LookupOutcome, name: string): Entry {
    const { maxTtl, maxNegativeTtl, failureTtl } = this.#options
    const until = (seconds: number) => this.#clock.now() + seconds * 1000
    if (!('reply' in outcome)) {
      const nothing = { secure: false, alias: false, canonical: name, records: [] }
      return { expires: until(failureTtl), ...nothing, failure: outcome.failure, cause: outcome.cause }
    }
    const { reply } = outcome
    const secure = this.#trustAd && reply.secure
    const { alias, canonical } = reply
    if (reply.records.length > 0) {
      return {
        expires: until(Math.min(reply.ttl ?? 0, maxTtl)),
        secure,
        alias,
        canonical,
        records: Object.freeze(reply.records),
        failure: undefined,
      }
    }
    const failure = reply.code === 'NXDOMAIN' ? 'NXDOMAIN' : 'NODATA'
    // deviates: RFC 2308 §5 — a denial without an SOA is kept as briefly as a failure; a tree walk asks for it with every message.
    return {
      expires: until(Math.min(reply.ttl ?? failureTtl, maxNegativeTtl)),
      secure,
      alias,
      canonical,
      records: [],
      failure,
    }
  }
}

function toError({ failure = 'SERVFAIL', alias, secure, expires, cause }: Entry, question: string): DnsError {
  const isDenial = failure === 'NXDOMAIN' || failure === 'NODATA'
  return new DnsError(failure, question, { alias, secure, expires: isDenial ? expires : undefined, cause })
}

/** RFC 6761 §6.3: names below `localhost` are never asked of a server; §6.4: `invalid` does not exist. */
function localEntry(type: RecordType, name: string): Entry | undefined {
  const top = name.slice(name.lastIndexOf('.') + 1)
  if (top !== 'localhost' && top !== 'invalid') return undefined
  const known = { expires: Number.MAX_SAFE_INTEGER, secure: false, alias: false, canonical: name, records: [] }
  if (top === 'invalid') return { ...known, failure: 'NXDOMAIN' }
  if (type === 'A') return { ...known, records: ['127.0.0.1'], failure: undefined }
  if (type === 'AAAA') return { ...known, records: ['::1'], failure: undefined }
  return { ...known, failure: 'NODATA' }
}
