/** What greylisting remembers: who was seen first when, who came back, whose network has earned trust. */
import { createHash } from 'node:crypto'
import { networkOf } from '@postroad/options'
import type { Address, Logger, Store } from '@postroad/plugin'
import type { GreylistOptions } from './options.ts'

/** Keys of the store: `first` an attempt, `count` of them by network, `known` one that came back, `network` one whose mail was `good`. */
const PREFIX = {
  first: 'greylist:first:',
  count: 'greylist:count:',
  known: 'greylist:known:',
  network: 'greylist:network:',
  good: 'greylist:good:',
} as const

/** What the wire says of a client whom nobody can name. */
const UNNAMED = 'unknown'

/** First attempts that are written down while nobody waits for it. */
const MOST_WRITING = 1_000

/** So often, at most, is an entry prolonged within its lifetime. */
const REFRESHES = 36

/** Who, from whom, to whom: RFC 6647 §2.4. */
export interface Triplet {
  /** Network of the client, canonical. */
  readonly network: string
  readonly from: Address | undefined
  readonly to: Address
}

/** Something that is remembered, for the operator. */
export interface Memory {
  readonly what: 'first' | 'known' | 'network'
  readonly network: string
  readonly from: string | undefined
  readonly to: string | undefined
  /** Milliseconds since the epoch: of the first attempt, or of the last mail, to within a 36th of the lifetime. */
  readonly at: number
}

/** Triplets and networks in the store; every entry expires. */
export class Greylist {
  readonly #store: Store
  readonly #options: GreylistOptions
  readonly #log: Pick<Logger, 'warn'>
  /** First attempts that are being written down. */
  readonly #writing = new Set<Promise<unknown>>()
  /** The last one could not be: until one can, whoever attempts waits for the store, and hears what it says. */
  #isFailing = false

  constructor(store: Store, options: GreylistOptions, log: Pick<Logger, 'warn'>) {
    this.#store = store
    this.#options = options
    this.#log = log
  }

  /** Undefined for a client without an address: a UNIX socket. Clients whom nobody can name are one network. */
  networkOf(address: string): string | undefined {
    return networkOf(address, this.#options.network) ?? (address === UNNAMED ? UNNAMED : undefined)
  }

  /** Milliseconds that are left to wait; 0 for those who may pass. Remembers an attempt that is the first. */
  async wait({ network, from, to }: Triplet, now: number, signal: AbortSignal): Promise<number> {
    const { delay, lifetime } = this.#options
    if ((await this.#store.get(PREFIX.network + network, signal)) !== undefined) return 0
    const key = tripletKey({ network, from, to }, this.#options.separator)
    const known = await this.#store.get(PREFIX.known + key, signal)
    if (known !== undefined) {
      if (this.#isStale(known, now)) await this.#store.set(PREFIX.known + key, String(now), lifetime, signal)
      return 0
    }
    const first =
      (await this.#store.get(PREFIX.first + key, signal)) ?? (await this.#begin(network, key, { now, signal }))
    const wait = Number(first) + delay - now
    if (wait > 0) return wait
    await this.#store.set(PREFIX.known + key, String(now), lifetime, signal)
    await this.#store.delete(PREFIX.first + key, signal)
    return 0
  }

  /**
   * Remembers a first attempt, unless its network has made too many: who tries every name there is fills no disk, and after that writes
   * nothing at all. The count and the attempt are written at once, so that they share a commit; of sessions at the same time some more than allowed may be remembered.
   *
   * Nobody waits for it while the store does well: the answer is the same whatever becomes of it, and an attempt that is forgotten by a crash is made again.
   */
  async #begin(
    network: string,
    key: string,
    { now, signal }: { readonly now: number; readonly signal: AbortSignal },
  ): Promise<string> {
    const { attempts, window } = this.#options
    const count = await this.#store.get(PREFIX.count + network, signal)
    if (Number(count ?? 0) >= attempts) return String(now)
    // The client may leave: its attempt was one.
    const written = Promise.all([
      this.#store.setIfAbsent(PREFIX.first + key, String(now), window),
      this.#store.increment(PREFIX.count + network, 1, window),
    ])
    if (this.#isFailing || this.#writing.size >= MOST_WRITING) {
      const [first] = await written
      this.#isFailing = false
      return first
    }
    const ended = written
      .catch((error: unknown) => {
        this.#isFailing = true
        this.#log.warn({ error }, 'a first attempt could not be written down')
      })
      .finally(() => this.#writing.delete(ended))
    this.#writing.add(ended)
    return String(now)
  }

  /** Resolves when all that is being written down is. */
  async settled(): Promise<void> {
    await Promise.all(this.#writing)
  }

  /** A message from there was accepted. */
  async good(network: string, now: number): Promise<void> {
    const { promote, lifetime } = this.#options
    // Whom nobody can name has earned nothing for the next one.
    if (promote === 0 || network === UNNAMED) return
    const known = await this.#store.get(PREFIX.network + network)
    if (known !== undefined) {
      if (this.#isStale(known, now)) await this.#store.set(PREFIX.network + network, String(now), lifetime)
    } else if ((await this.#store.increment(PREFIX.good + network, 1, lifetime)) >= promote) {
      await this.#store.set(PREFIX.network + network, String(now), lifetime)
      await this.#store.delete(PREFIX.good + network)
    }
  }

  /** Who writes every minute is not written down every minute. */
  #isStale(at: string, now: number): boolean {
    return now - Number(at) > this.#options.lifetime / REFRESHES
  }

  async *list(signal: AbortSignal): AsyncIterable<Memory> {
    for (const what of ['first', 'known', 'network'] as const) {
      for await (const [key, value] of this.#store.entries(PREFIX[what], signal)) {
        const [network = '', from, to] = key.slice(PREFIX[what].length).split(' ')
        yield { what, network, from, to, at: Number(value) }
      }
    }
  }

  /** Forgets all that has to do with a network, or a part of an address. Resolves to how many entries that were. */
  async forget(text: string, signal: AbortSignal): Promise<number> {
    const wanted = text.toLowerCase()
    const network = this.networkOf(text)
    let count = 0
    for (const prefix of Object.values(PREFIX)) {
      for await (const [key] of this.#store.entries(prefix, signal)) {
        const parts = key.slice(prefix.length).split(' ')
        const fits = parts[0] === (network ?? wanted) || parts.slice(1).some((part) => part.includes(wanted))
        if (fits && (await this.#store.delete(key, signal)) && prefix !== PREFIX.count) count++
      }
    }
    return count
  }
}

/** Bounded whatever a stranger writes, and readable for an operator as long as it is short. */
function tripletKey({ network, from, to }: Triplet, separator: string): string {
  const key = `${network} ${from ? path(stable(from, separator)) : '<>'} ${path(to)}`
  return Buffer.byteLength(key) <= 500
    ? key
    : `${network} ${createHash('sha256').update(key).digest('hex')} ${path(to).slice(-60)}`
}

function path(address: { toString(): string }): string {
  return address.toString().toLowerCase().replaceAll(' ', '_')
}

/** Without what changes from mail to mail: details, and digits (VERP, BATV, SRS). RFC 6647 §2.4. */
function stable({ local, domain }: Address, separator: string): string {
  const cut = separator === '' ? -1 : local.indexOf(separator, 1)
  return `${(cut < 0 ? local : local.slice(0, cut)).replaceAll(/\d+/g, '#')}@${domain}`
}
