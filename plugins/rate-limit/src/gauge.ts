/** One limit: whom it concerns, how it counts, and what is said when it is exceeded. */
import { type Directory, type DirectoryEntry, DirectoryError } from '@postroad/directory'
import { type Limit, parseLimit } from '@postroad/options'
import { type Allowance, type CommandOpinion, defer, type Limiter, type Rate, reject, suspect } from '@postroad/plugin'
import { type KeyPart, keyFor, partsOf, type Subject } from './key.ts'
import type { LimitOptions } from './options.ts'

/** Slots are given back at the end of what takes them; should that be missed, after this long. */
const PLACE_TTL = 2 * 3_600_000
/** When to come again while all slots are taken, milliseconds: nobody knows. */
const FULL = 60_000

/** A limit was exceeded, and nothing taken. */
export interface Exceeded {
  readonly retryAfterMs: number
}

/** Something that was taken, to be given back. */
export interface GaugeSlot {
  release(): Promise<void>
}

/** Whom a limit counts: as the limiter knows it, and as a directory does. */
export interface GaugeKey {
  readonly key: string
  readonly of: string
}

/** A limit of the configuration on top of the limiter. */
export class Gauge {
  readonly name: string
  readonly options: LimitOptions
  readonly #limiter: Limiter
  readonly action: NonNullable<LimitOptions['action']>
  readonly #directory: Directory | undefined

  /** @param directory has other limits for some */
  constructor(options: LimitOptions, limiter: Limiter, directory?: Directory) {
    this.#directory = directory
    this.options = options
    this.#limiter = limiter
    this.name = options.name ?? nameOf(options)
    // A refusal may be held until RCPT; a connection too many must not stay open for it.
    this.action = options.action ?? (options.of === 'connections' ? 'disconnect' : 'defer')
  }

  get isRate(): boolean {
    return !('atOnce' in this.options.limit)
  }

  /** Undefined when the limit does not concern the subject. */
  key(subject: Subject): GaugeKey | undefined {
    const { clients, by } = this.options
    if (clients !== 'all' && (subject.session.identity !== undefined) !== (clients === 'authenticated'))
      return undefined
    const parts = partsOf(by, subject)
    return parts && this.#keyOf(parts)
  }

  /** What exceeding it leads to is a refusal. */
  get isDecisive(): boolean {
    return typeof this.action === 'string' && this.action !== 'none'
  }

  /** Looks at a bucket; for slots there is nothing to look at. */
  async peek(whom: GaugeKey, signal?: AbortSignal): Promise<Allowance | undefined> {
    if (!this.isRate) return undefined
    const limit = await this.#limitOf(whom)
    return 'atOnce' in limit ? undefined : this.#limiter.peek(whom.key, this.#rateOf(limit), signal)
  }

  /** Takes the cost, or a slot. Rejects when a directory could not say what the limit is. */
  async take(whom: GaugeKey, cost: number, signal?: AbortSignal): Promise<GaugeSlot | Exceeded> {
    const limit = this.#directory ? await this.#limitOf(whom) : this.options.limit
    const { key } = whom
    if ('atOnce' in limit)
      return (await this.#limiter.acquire(key, limit.atOnce, PLACE_TTL, signal)) ?? { retryAfterMs: FULL }
    const rate = this.#rateOf(limit)
    const { ok, retryAfterMs } = await this.#limiter.take(key, rate, cost, signal)
    return ok ? { release: () => this.#limiter.giveBack(key, rate, cost) } : { retryAfterMs }
  }

  /** What an operator sees of one key. */
  show(values: readonly string[]): Promise<Allowance | undefined> {
    return this.peek(this.#keyOf(values))
  }

  reset(values: readonly string[]): Promise<void> {
    return this.#limiter.reset(keyFor(this.name, values))
  }

  #keyOf(parts: readonly string[]): GaugeKey {
    return { key: keyFor(this.name, parts), of: this.#directory ? parts.join(' ').toLowerCase() : '' }
  }

  #rateOf(limit: Exclude<Limit, { atOnce: number }>): Rate {
    const { burst } = this.options
    return burst === undefined || limit !== this.options.limit ? limit : { ...limit, burst }
  }

  async #limitOf({ of }: GaugeKey): Promise<Limit> {
    const usual = this.options.limit
    const entry = await this.#entryOf(of)
    const [text] = entry?.values ?? []
    if (text === undefined || text === '') return usual
    const limit = parseLimit(text)
    if (limit && 'atOnce' in limit === 'atOnce' in usual) return limit
    throw new TypeError(
      `rate-limit: ${this.name}: the directory has "${text.slice(0, 40)}" for ${of}, which is no limit of this kind`,
    )
  }

  async #entryOf(key: string): Promise<DirectoryEntry | undefined> {
    try {
      return await this.#directory?.find(key)
    } catch (error) {
      // With `onError: pass` the limit of all counts.
      if (this.#directory?.passes && error instanceof DirectoryError) return undefined
      throw error
    }
  }

  opinion(retryAfterMs: number): CommandOpinion | undefined {
    const { action } = this
    const { of, text } = this.options
    if (typeof action === 'number') return action === 0 ? undefined : suspect(action, `limit ${this.name} is exceeded`)
    const words: Readonly<Record<string, string>> = { of, wait: inWords(retryAfterMs) }
    const said = text.replaceAll(/\{(of|wait)\}/g, (_, word: string) => words[word] ?? '')
    // X.7.28, mail flood detected: RFC 7504's registry.
    if (action === 'defer') return defer(said, { status: '4.7.28' })
    if (action === 'reject') return reject(said, { status: '5.7.28' })
    return action === 'disconnect' ? defer(said, { status: '4.7.28', code: 421, disconnect: true }) : undefined
  }
}

function nameOf({ of, by, limit }: LimitOptions): string {
  const parts = by.map((part: KeyPart) => (typeof part === 'function' ? part.name || 'function' : part.toLowerCase()))
  const amount = 'atOnce' in limit ? `${limit.atOnce}-at-once` : `${limit.amount}-per-${limit.perMs}`
  return [of, ...parts, amount].join('-')
}

function inWords(ms: number): string {
  if (!Number.isFinite(ms)) return 'smaller portions'
  if (ms > 5_400_000) return `${Math.ceil(ms / 3_600_000)} h`
  return ms > 90_000 ? `${Math.ceil(ms / 60_000)} min` : `${Math.max(1, Math.ceil(ms / 1_000))} s`
}
