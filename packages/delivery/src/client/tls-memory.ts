/**
 * What is remembered of the TLS of hosts where it is only an opportunity: which of them do not get through a handshake, so that not every
 * connection pays for one that fails, and which have proven who they are, so that it is noticed when they offer no TLS any more.
 */

/** How a connection to a host is tried: with TLS as it is today, as old servers still have it, or without. */
export type TlsStep = 'modern' | 'legacy' | 'clear'

/** The steps, in the order in which they are tried. */
export const TLS_STEPS: readonly TlsStep[] = ['modern', 'legacy', 'clear']

/** A place to remember, also for other processes and nodes; the service `Store` fits. */
export interface MemoryStore {
  get(key: string, signal?: AbortSignal): Promise<string | undefined>
  set(key: string, value: string, ttlMs?: number, signal?: AbortSignal): Promise<void>
  delete(key: string, signal?: AbortSignal): Promise<boolean>
}

/** What is known of a host. */
export interface HostMemory {
  /** The step that works; those before it do not. */
  readonly step: TlsStep
  /** Why the ones before it do not, ASCII; empty with `modern`. */
  readonly reason: string
  /** It had a trusted certificate for its name. */
  readonly isProven: boolean
  /** Milliseconds since the epoch: from then on everything is tried again. */
  readonly until: number
  /** How long it was remembered last, in milliseconds. */
  readonly forMs: number
}

/** How a {@link TlsMemory} works. */
export interface TlsMemoryOptions {
  readonly store?: MemoryStore | undefined
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** From 0 to 1, for tests. */
  readonly random?: () => number
}

const HOUR = 3_600_000
/** A host whose handshake fails is tried again after an hour, then after twice that, up to a day. */
const FIRST_MS = HOUR
const LONGEST_MS = 24 * HOUR
/** A host that has proven itself is known for so long. */
const PROVEN_MS = 30 * 24 * HOUR
/** How long this process believes what it has heard of the store. */
const NEAR_MS = 60_000
/** Hosts this process remembers. */
const MAX_HOSTS = 10_000
/** Milliseconds the store may take: a connection does not wait for a memory. */
const PATIENCE_MS = 250
const PREFIX = 'outbound-tls:'

interface Near {
  readonly known: HostMemory | undefined
  /** Milliseconds since the epoch: until then the store is not asked. */
  readonly fresh: number
}

/** A memory of hosts, by address and port. */
export class TlsMemory {
  readonly #store: MemoryStore | undefined
  readonly #now: () => number
  readonly #random: () => number
  readonly #near = new Map<string, Near>()

  constructor({ store, now = Date.now, random = Math.random }: TlsMemoryOptions = {}) {
    this.#store = store
    this.#now = now
    this.#random = random
  }

  /** What is known of the host; undefined when nothing is, and when the store does not say. Does not reject. */
  recall(host: string): HostMemory | undefined | Promise<HostMemory | undefined> {
    const near = this.#near.get(host)
    if (this.#store === undefined || (near !== undefined && near.fresh > this.#now())) return near?.known
    return this.#ask(this.#store, host)
  }

  /** The step that is tried first: the one that worked, until it is time to try everything again. */
  firstStep(known: HostMemory | undefined): TlsStep {
    return known === undefined || known.until <= this.#now() ? 'modern' : known.step
  }

  /** A connection stands: by this step, and those before it that were tried had failed. */
  note(
    host: string,
    known: HostMemory | undefined,
    came: { readonly step: TlsStep; readonly reason: string; readonly isProven: boolean },
  ): void {
    const isProven = came.isProven || (known?.isProven ?? false)
    // A step that was chosen because it is remembered says nothing new.
    const isRemembered =
      came.reason === '' && known !== undefined && known.step === came.step && known.isProven === isProven
    if (isRemembered && known.until > this.#now()) return
    if (came.step === 'modern' && !isProven) {
      if (known !== undefined) this.#forget(host)
      return
    }
    const forMs = came.step === 'modern' ? PROVEN_MS : longer(known)
    // Not all at the same moment: from three quarters of the time on.
    const until = this.#now() + Math.round(forMs * (0.75 + 0.25 * this.#random()))
    this.#keep(host, { step: came.step, reason: came.reason || (known?.reason ?? ''), isProven, until, forMs })
  }

  #keep(host: string, memory: HostMemory): void {
    this.#remember(host, { known: memory, fresh: this.#now() + NEAR_MS })
    // Longer than it is believed: how long the next time is depends on how long the last was.
    const ttl = memory.until - this.#now() + LONGEST_MS
    // Nobody waits for it, and what could not be shared is found out again.
    this.#store?.set(PREFIX + host, JSON.stringify(memory), ttl).catch(() => {})
  }

  #forget(host: string): void {
    this.#remember(host, { known: undefined, fresh: this.#now() + NEAR_MS })
    this.#store?.delete(PREFIX + host).catch(() => {})
  }

  #remember(host: string, near: Near): void {
    // The oldest entry goes; a map keeps the order of insertion.
    this.#near.delete(host)
    const [oldest] = this.#near.keys()
    if (this.#near.size >= MAX_HOSTS && oldest !== undefined) this.#near.delete(oldest)
    this.#near.set(host, near)
  }

  async #ask(store: MemoryStore, host: string): Promise<HostMemory | undefined> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), PATIENCE_MS)
    try {
      const known = parse(await Promise.race([store.get(PREFIX + host, late.signal), aborted(late.signal)]))
      this.#remember(host, { known, fresh: this.#now() + NEAR_MS })
      return known
    } catch {
      // A store that is away knows nothing, and takes nothing away: what this process knows itself still holds.
      return this.#near.get(host)?.known
    } finally {
      clearTimeout(timer)
    }
  }
}

function longer(known: HostMemory | undefined): number {
  return known === undefined || known.step === 'modern' ? FIRST_MS : Math.min(known.forMs * 2, LONGEST_MS)
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

/** What is no memory of ours, of another version for one, is none. */
function parse(text: string | undefined): HostMemory | undefined {
  if (text === undefined) return undefined
  const { step, reason, isProven, until, forMs }: Partial<Record<keyof HostMemory, unknown>> = JSON.parse(text)
  const isStep = TLS_STEPS.some((one) => one === step)
  if (!isStep || typeof reason !== 'string' || typeof until !== 'number' || typeof forMs !== 'number') return undefined
  return { step: step as TlsStep, reason, isProven: isProven === true, until, forMs } // it is one of the steps
}
