/** Contents that were clean a moment ago: bulk mail has the same one for thousands of recipients. */
import { createHash } from 'node:crypto'
import type { Clock, Message } from '@postroad/plugin'

/** How many are remembered, and for how long. */
export interface CleanContentsOptions {
  /** Milliseconds. 0: nothing is remembered. */
  readonly keep: number
  readonly most: number
  readonly clock: Clock
}

/** Digests of what was clean, the oldest first; bounded in number and time. */
export class CleanContents {
  readonly #options: CleanContentsOptions
  readonly #until = new Map<string, number>()

  constructor(options: CleanContentsOptions) {
    this.#options = options
  }

  /** What to ask `has` and `add` for; undefined when nothing is remembered. */
  async keyOf(message: Message): Promise<string | undefined> {
    return this.#options.keep > 0 ? digestOf(message) : undefined
  }

  has(key: string): boolean {
    const until = this.#until.get(key)
    if (until === undefined) return false
    if (until > this.#options.clock.now()) return true
    this.#until.delete(key)
    return false
  }

  add(key: string): void {
    const [oldest] = this.#until.keys()
    if (this.#until.size >= this.#options.most && oldest !== undefined) this.#until.delete(oldest)
    // The first time counts: what comes again and again is scanned again, too.
    if (!this.#until.has(key)) this.#until.set(key, this.#options.clock.now() + this.#options.keep)
  }
}

/** Trace, signatures, dates, and to whom it goes: what differs from copy to copy of the same mail, and hides nothing a scanner looks for. */
const OF_A_COPY: ReadonlySet<string> = new Set(
  (
    'received return-path delivered-to to cc message-id date dkim-signature arc-seal arc-message-signature ' +
    'arc-authentication-results authentication-results received-spf list-unsubscribe'
  ).split(' '),
)

/** SHA-256 of the body and of all fields but those of a copy. */
async function digestOf(message: Message): Promise<string> {
  const hash = createHash('sha256')
  for (const field of message.headers) if (!OF_A_COPY.has(field.name.toLowerCase())) hash.update(field.raw)
  hash.update('\r\n')
  for await (const chunk of message.body()) hash.update(chunk)
  return hash.digest('base64')
}
