/** A directory as plugins ask it: what is known is answered at once, what is not is asked for once, and an outage is never an answer. */
import { createHash } from 'node:crypto'
import { errorOf } from '@postroad/plugin'
import { AnswerCache, type KeptAnswer } from './cache.ts'
import type { DirectoryDeps, DirectoryStats } from './deps.ts'
import { type DirectoryEntry, entryOf, keyOf, type PlainEntry, plainOf } from './entry.ts'
import type { From } from './from.ts'
import { KeyList } from './key-list.ts'
import { offerStats } from './metrics.ts'
import { openSource } from './open-source.ts'
import { type DirectorySource, within } from './source.ts'
import { SourceHealth } from './source-health.ts'

/** Look-ups on their way at once; more fail at once instead of filling the memory. */
const IN_FLIGHT = 1_000

/** Nobody could say: neither that the key is there nor that it is not. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError'
}

/** Where an answer comes from. */
export interface LookupAnswer {
  readonly entry: DirectoryEntry | undefined
  /** `asked`: just now; `kept`: from the memory; `list`: of the last list; `stale`: of before an outage. */
  readonly how: 'asked' | 'kept' | 'list' | 'stale'
  /** Milliseconds since it was the source's word. */
  readonly age: number
}

/** One directory of the configuration. */
export interface Directory {
  readonly name: string
  /** Where it asks: `ldaps://dc1.example.com`. */
  readonly source: string
  /** The operator has said `onError: pass`: what {@link DirectoryError} stops may go on without it. */
  readonly passes: boolean
  /**
   * The entry of a key; undefined: there is none. A promise only when somebody has to be asked.
   *
   * @throws {DirectoryError} (as a rejection) when nobody could say: that is no "no"
   */
  find(key: string): DirectoryEntry | undefined | Promise<DirectoryEntry | undefined>
  /** As `find`, with where the answer comes from: for people. */
  look(key: string): Promise<LookupAnswer>
  /** Whether a password is that of an entry, by the source itself (LDAP); absent: it cannot. Rejects when nobody could say. */
  readonly verify?: (entry: DirectoryEntry, password: string, signal: AbortSignal) => Promise<boolean>
  /** Background work begins: lists are read. */
  start(): void
  /** Forgets what is known, and reads a list now; resolves when it has been read. */
  refresh(): Promise<void>
  stats(): DirectoryStats
  close(): Promise<void>
}

/**
 * Opens a directory. Nobody is asked yet: a server starts while its directory is away.
 *
 * @throws {Error} when a library is missing, a file cannot be read, or an option is one the provider cannot take
 * @example const users = await openDirectory(options.from, { name, clock, log, resolve })
 */
export async function openDirectory(from: From, deps: DirectoryDeps): Promise<Directory> {
  const { deadline, connections } = from
  const source = await openSource(from, { log: deps.log, deadline, connections, resolve: deps.resolve })
  try {
    return new Asked(from, source, deps)
  } catch (error) {
    await source.close()
    throw error
  }
}

class Asked implements Directory {
  readonly name: string
  readonly source: string
  readonly passes: boolean
  readonly verify?: NonNullable<Directory['verify']>
  readonly #from: From
  readonly #deps: DirectoryDeps
  readonly #source: DirectorySource
  readonly #isLocal: boolean
  readonly #cache: AnswerCache
  readonly #health: SourceHealth
  readonly #listing: KeyList | undefined
  readonly #flights = new Map<string, Promise<LookupAnswer>>()
  readonly #closed = new AbortController()
  readonly #prefix: string
  readonly #withdraw: () => void
  readonly #counts = { hits: 0, found: 0, unknown: 0, shared: 0, failed: 0, stale: 0, seconds: 0 }

  constructor(from: From, source: DirectorySource, deps: DirectoryDeps) {
    const { log } = deps
    this.name = from.name ?? deps.name
    this.source = source.name
    this.passes = from.onError === 'pass'
    this.#from = from
    this.#deps = deps
    this.#source = source
    this.#isLocal = source.isInMemory === true
    // A file is never older than itself.
    this.#cache = new AnswerCache(from.file ? 0 : from.cache.size)
    this.#health = new SourceHealth({ name: this.name, source: source.name, log, now: () => this.#now() })
    // Another query is another directory: what was kept of the last one says nothing of this.
    const digest = createHash('sha256')
      .update(JSON.stringify({ ...from, cache: undefined, name: undefined }))
      .digest('hex')
      .slice(0, 12)
    this.#prefix = `directory:${this.name}:${digest}:`
    if (from.list) {
      if (!source.list) throw new TypeError(`${this.name}: "list" is not for this directory`)
      this.#listing = new KeyList(from.list, {
        source,
        deps,
        file: `${this.name}-${digest}.json`,
        deadline: from.deadline,
      })
    }
    const { verify } = source
    if (verify) this.verify = (entry, password, signal) => verify.call(source, entry, password, signal)
    this.#withdraw = offerStats(this.name, () => this.stats())
  }

  find(key: string): DirectoryEntry | undefined | Promise<DirectoryEntry | undefined> {
    const known = this.#known(key)
    return known === undefined ? this.#ask(key).then(entryIn) : known.entry
  }

  async look(key: string): Promise<LookupAnswer> {
    const known = this.#known(key)
    if (known === undefined) return this.#ask(key)
    const how = this.#listing ? 'list' : this.#isLocal ? 'asked' : 'kept'
    return { entry: known.entry, how, age: Math.max(0, this.#now() - known.at) }
  }

  start(): void {
    this.#listing?.start()
  }

  async refresh(): Promise<void> {
    this.#cache.clear()
    await this.#listing?.refresh()
  }

  stats(): DirectoryStats {
    return { ...this.#counts, cached: this.#listing?.size ?? this.#cache.size, inFlight: this.#flights.size }
  }

  async close(): Promise<void> {
    this.#withdraw()
    this.#closed.abort(new DirectoryError(`${this.name} is closed`))
    this.#listing?.close()
    await Promise.allSettled(this.#flights.values())
    await this.#source.close()
  }

  /** What needs no question. */
  #known(key: string): Pick<KeptAnswer, 'entry' | 'at'> | undefined {
    const now = this.#now()
    if (this.#isLocal) {
      this.#counts.hits++
      return { entry: this.#source.find(keyOf(key), this.#closed.signal) as DirectoryEntry | undefined, at: now } // it is in memory
    }
    const kept = this.#listing ? this.#listing.find(key, now) : this.#cache.get(key)
    if (kept === undefined || kept.until <= now) return undefined
    this.#counts.hits++
    return kept
  }

  #ask(key: string): Promise<LookupAnswer> {
    // Some servers end a key at NUL, and take what is before for all of it.
    if (!isKey(key)) return Promise.resolve({ entry: undefined, how: 'asked', age: 0 })
    const underWay = this.#flights.get(key)
    if (underWay) {
      this.#counts.shared++
      return underWay
    }
    const flight = (this.#listing ? this.#askList(this.#listing, key) : this.#askSource(key)).finally(() =>
      this.#flights.delete(key),
    )
    this.#flights.set(key, flight)
    return flight
  }

  async #askList(listing: KeyList, key: string): Promise<LookupAnswer> {
    try {
      const kept = await within(
        listing.wait(key),
        AbortSignal.any([this.#closed.signal, AbortSignal.timeout(this.#from.deadline)]),
      )
      return { entry: kept.entry, how: 'list', age: this.#now() - kept.at }
    } catch (cause) {
      this.#counts.failed++
      throw this.#error(cause)
    }
  }

  async #askSource(key: string): Promise<LookupAnswer> {
    const begun = this.#now()
    try {
      if (this.#flights.size >= IN_FLIGHT) throw new Error(`${IN_FLIGHT} look-ups wait already`)
      const entry = await this.#health.watch(() => this.#inTime(key))
      this.#counts[entry ? 'found' : 'unknown']++
      await this.#keep(key, entry)
      return { entry, how: 'asked', age: 0 }
    } catch (cause) {
      const stale = await this.#stale(key)
      if (stale) {
        this.#counts.stale++
        return stale
      }
      this.#counts.failed++
      throw this.#error(cause)
    } finally {
      this.#counts.seconds += (this.#now() - begun) / 1_000
    }
  }

  async #inTime(key: string): Promise<DirectoryEntry | undefined> {
    const { deadline } = this.#from
    const over = new AbortController()
    const stop = (): void => over.abort(this.#closed.signal.reason)
    this.#closed.signal.addEventListener('abort', stop)
    this.#deps.clock.sleep(deadline, over.signal).then(
      () => over.abort(new Error(`no answer within ${deadline} ms`)),
      () => undefined, // it was over before
    )
    try {
      return await within(Promise.resolve(this.#source.find(keyOf(key), over.signal)), over.signal)
    } finally {
      this.#closed.signal.removeEventListener('abort', stop)
      over.abort(new Error('the look-up is over'))
    }
  }

  async #keep(key: string, entry: DirectoryEntry | undefined): Promise<void> {
    const { found, unknown, stale } = this.#from.cache
    const at = this.#now()
    this.#cache.set(key, { entry, at, until: at + (entry ? found : unknown) })
    const { store, clock, log } = this.#deps
    if (!store || stale === 0) return
    const place = this.#prefix + key
    const writing = entry
      ? store.set(place, JSON.stringify({ at: clock.now(), entry: plainOf(entry) }), found + stale)
      : store.delete(place)
    // The answer does not wait for it, and is right without.
    void writing.catch((error: unknown) => log.warn({ directory: this.name, error }, 'an entry could not be kept'))
  }

  /** What is known of before, while it may serve; never that there is none. */
  async #stale(key: string): Promise<LookupAnswer | undefined> {
    const { found, stale } = this.#from.cache
    if (stale === 0) return undefined
    const kept = this.#cache.get(key) ?? (await this.#stored(key))
    const age = kept && this.#now() - kept.at
    return kept?.entry && age !== undefined && age < found + stale
      ? { entry: kept.entry, how: 'stale', age }
      : undefined
  }

  async #stored(key: string): Promise<KeptAnswer | undefined> {
    const { store, clock } = this.#deps
    const text = await store?.get(this.#prefix + key).catch(() => undefined) // then there is none
    if (text === undefined) return undefined
    const { at: since, entry } = JSON.parse(text) as { at: number; entry: PlainEntry } // written above
    const at = this.#now() - Math.max(0, clock.now() - since)
    const kept = { entry: entryOf(entry), at, until: at + this.#from.cache.found }
    this.#cache.set(key, { ...kept, until: Math.min(kept.until, this.#now()) })
    return kept
  }

  #error(cause: unknown): DirectoryError {
    return new DirectoryError(`${this.name} (${this.source}) cannot say: ${errorOf(cause).message}`, { cause })
  }

  #now(): number {
    const { clock } = this.#deps
    return clock.monotonic?.() ?? clock.now()
  }
}

/** Control characters and halves of a pair are in no name. */
function isKey(text: string): boolean {
  return !/[\x00-\x1f\x7f]|\p{Surrogate}/u.test(text)
}

function entryIn({ entry }: LookupAnswer): DirectoryEntry | undefined {
  return entry
}
