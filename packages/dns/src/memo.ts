/** What was concluded from DNS answers, kept as long as every one of them may be: nothing is concluded twice from the same. */
import type { DnsAnswer } from '@postroad/plugin'
import { type AskContext, Asker, type Records, type RecordType } from './asker.ts'
import { Cache } from './cache.ts'
import { DnsError } from './failure.ts'

interface Conclusion<T> {
  readonly value: T
  readonly expires: number
}

/** How a conclusion is drawn. */
export interface Conclude<D, T> {
  /** What it may ask. */
  readonly dns: D
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Draws the conclusion; asks no other resolver than the given one. */
  draw(dns: D): Promise<T>
  /** Whether it holds for everybody with this key. Default: it does. `texts`: the TXT records it rests on. */
  isCommon?(value: T, texts: readonly string[]): boolean
}

/**
 * A bounded memory of conclusions by key. One that rests on a question nobody could answer, on none at all, or on a resolver
 * that is not of this package is not kept.
 *
 * @example
 * const known = memo.get(key, now)
 * const result = known ?? (await memo.learn(key, { dns, now, draw: (witness) => evaluate(witness) }))
 */
export class DnsMemo<T> {
  readonly #kept: Cache<Conclusion<T>>

  /** @param limit conclusions kept; the least recently used go first */
  constructor(limit = 10_000) {
    this.#kept = new Cache(limit)
  }

  /** @param now milliseconds since the epoch */
  get(key: string, now: number): T | undefined {
    return this.#kept.get(key, now)?.value
  }

  /** Draws the conclusion, and keeps it. Rejects as `draw` does. */
  async learn<D extends object>(key: string, { dns, now, draw, isCommon }: Conclude<D, T>): Promise<T> {
    if (!(dns instanceof Asker)) return draw(dns)
    const witness = new Witness(dns, now)
    const value = await draw(witness as Asker as Asker & D) // `as`: an Asker has every method of the Dns service, and D is an Asker here
    if (isCommon?.(value, witness.texts) ?? true) this.#kept.set(key, { value, expires: witness.expires }, now)
    return value
  }
}

/** Passes questions on, and remembers what the answers were worth. */
class Witness extends Asker {
  readonly lookupsPerMessage: number
  readonly texts: string[] = []
  readonly #inner: Asker
  readonly #now: number
  #expires: number | undefined

  constructor(inner: Asker, now: number) {
    super()
    this.#inner = inner
    this.#now = now
    this.lookupsPerMessage = inner.lookupsPerMessage
  }

  /** Milliseconds since the epoch; 0 when nothing was asked. */
  get expires(): number {
    return this.#expires ?? 0
  }

  async ask<T extends RecordType>(type: T, name: string, context?: AskContext): Promise<DnsAnswer<Records[T]>> {
    try {
      const answer = await this.#inner.ask(type, name, context)
      this.#note(this.#now + answer.ttl * 1000)
      if (type === 'TXT') this.texts.push(...(answer.records as readonly string[])) // `as`: the type was just looked at
      return answer
    } catch (error) {
      this.#note(error instanceof DnsError ? (error.expires ?? 0) : 0)
      throw error
    }
  }

  #note(expires: number): void {
    this.#expires = Math.min(this.#expires ?? expires, expires)
  }
}
