/** How much memory the server has left: mail is refused before there is none, because to end mail takes memory too. */

import type { Reply } from '@postroad/mail'
import type { RedisLink } from '@postroad/redis-link'

/** Milliseconds between looks. */
const EVERY_MS = 1_000

const FULL: Reply = { code: 452, status: '4.3.1', text: 'Insufficient system storage, try again later' }
const AWAY: Reply = { code: 451, status: '4.3.0', text: 'The queue is not available, try again later' }

/** Watches the server's memory, and gives the reply with which mail is refused while there is too little of it. */
export class RedisMemory {
  readonly #link: RedisLink
  readonly #limit: number
  #used = 0
  #max = 0
  #lookedAt = Number.NEGATIVE_INFINITY
  #isAway = false
  #looking: Promise<void> | undefined

  constructor(link: RedisLink, limit: number) {
    this.#link = link
    this.#limit = limit
  }

  /** Octets left, when the server has a limit. */
  get free(): number | undefined {
    return this.#max === 0 ? undefined : Math.max(0, this.#max - this.#used)
  }

  /** A reply when so many octets should not be taken now. Answers from what was seen last, and looks again. */
  admit(size: number): Reply | undefined {
    void this.look()
    if (this.#isAway) return AWAY
    return this.#max > 0 && this.#used + size > this.#max * this.#limit ? FULL : undefined
  }

  /** Looks, unless it has just been done. Never rejects. */
  look(): Promise<void> {
    if (this.#looking) return this.#looking
    const now = performance.now()
    if (now - this.#lookedAt < EVERY_MS) return Promise.resolve()
    this.#lookedAt = now
    this.#looking = this.#ask().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #ask(): Promise<void> {
    try {
      const text = String(await this.#link.send('info', ['memory']))
      this.#used = numberIn(text, 'used_memory')
      this.#max = numberIn(text, 'maxmemory')
      this.#isAway = false
    } catch {
      // Told to who wants to send, by `admit`.
      this.#isAway = true
    }
  }
}

function numberIn(info: string, field: string): number {
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)
}
