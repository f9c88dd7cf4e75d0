/** A layer of DNS answers that all nodes share: what one has asked, the others need not ask until it expires. */

import { type AskContext, Asker, type Records, type RecordType } from '@postroad/dns'
import type { DnsAnswer } from '@postroad/plugin'
import type { RedisLink } from '@postroad/redis-link'

/** Seconds an answer is shared at most: a changed record should not outlive a working day. */
const MAX_TTL = 3_600
/** Milliseconds Redis may take; the resolver is asked when it takes longer. */
const PATIENCE_MS = 50

interface SharedAnswer {
  readonly records: readonly unknown[]
  readonly secure: boolean
  readonly canonical: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

/**
 * Answers from Redis where it has them, else from `inner`, which keeps its own memory, limits and deadlines. Failures are not
 * shared: one node's broken resolver is not the others' problem. Without Redis it is as fast and as right as `inner`.
 */
export class SharedDns extends Asker {
  readonly lookupsPerMessage: number
  readonly #inner: Asker
  readonly #link: RedisLink
  readonly #near = new Map<string, SharedAnswer>()
  readonly #nearLimit: number

  constructor(inner: Asker, link: RedisLink, nearLimit = 5_000) {
    super()
    this.lookupsPerMessage = inner.lookupsPerMessage
    this.#inner = inner
    this.#link = link
    this.#nearLimit = nearLimit
  }

  async ask<T extends RecordType>(type: T, name: string, context?: AskContext): Promise<DnsAnswer<Records[T]>> {
    // TLSA data are octets, and DANE must see the present key: always asked.
    if (type === 'TLSA') return this.#inner.ask(type, name, context)
    const key = `${this.#link.prefix}:dns:${type}:${name.toLowerCase()}`
    const known = this.#nearby(key) ?? (await this.#shared(key))
    if (known) return answerOf<T>(known)
    const answer = await this.#inner.ask(type, name, context)
    if (answer.ttl > 0) this.#share(key, answer)
    return answer
  }

  #nearby(key: string): SharedAnswer | undefined {
    const known = this.#near.get(key)
    if (known && known.expires > Date.now()) return known
    this.#near.delete(key)
    return undefined
  }

  async #shared(key: string): Promise<SharedAnswer | undefined> {
    const reply = await patiently(this.#link.send('get', [key]))
    if (typeof reply !== 'string') return undefined
    const answer: SharedAnswer = JSON.parse(reply) // only we write below this prefix
    // A node of another version may not have written the name.
    if (answer.expires <= Date.now() || answer.canonical === undefined) return undefined
    this.#keep(key, answer)
    return answer
  }

  #share(key: string, { records, secure, canonical, ttl }: DnsAnswer<unknown>): void {
    const life = Math.min(ttl, MAX_TTL) * 1_000
    const answer: SharedAnswer = { records, secure, canonical, expires: Date.now() + life }
    this.#keep(key, answer)
    // Nobody waits for it, and an answer that could not be shared is asked again.
    this.#link.send('set', [key, JSON.stringify(answer), 'PX', life]).catch(() => {})
  }

  #keep(key: string, answer: SharedAnswer): void {
    // The oldest goes: a Map remembers the order of insertion.
    if (this.#near.size >= this.#nearLimit) for (const oldest of this.#near.keys()) if (this.#near.delete(oldest)) break
    this.#near.set(key, answer)
  }
}

function answerOf<T extends RecordType>({ records, secure, canonical, expires }: SharedAnswer): DnsAnswer<Records[T]> {
  const ttl = Math.max(0, Math.floor((expires - Date.now()) / 1_000))
  return { records: records as readonly Records[T][], secure, canonical, ttl } // `as`: the key under which they were found has the type
}

async function patiently(reply: Promise<unknown>): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS, undefined)
  })
  try {
    return await Promise.race([reply.catch(() => undefined), late])
  } finally {
    clearTimeout(timer)
  }
}
