/** Says whether there is room for another message: the store must be able to end what it has begun. */
import { statfs } from 'node:fs/promises'
import type { Reply } from '@postroad/mail'

/** How room is judged. */
export interface DiskOptions {
  readonly folder: string
  /** Octets that must stay free besides the message. */
  readonly reserve: number
  /** Milliseconds a look stays good. */
  readonly everyMs: number
  now(): number
}

/** RFC 5321 §4.2.3, RFC 3463 §3.4: 452 4.3.1, come back when there is room. */
const FULL: Reply = Object.freeze({ code: 452, status: '4.3.1', text: 'Insufficient system storage, try again later' })

/** RFC 3463 §3.4: 4.3.0, the mail system itself; said at MAIL, so that nobody sends octets that cannot be stored. */
export const UNWRITABLE: Reply = Object.freeze({
  code: 451,
  status: '4.3.0',
  text: 'Mail cannot be stored at present, try again later',
})

/** Free octets of a file system, looked at now and then. */
export class Disk {
  readonly #options: DiskOptions
  #free: number | undefined
  #looked = Number.NEGATIVE_INFINITY
  /** Octets taken since the last look. */
  #taken = 0

  constructor(options: DiskOptions) {
    this.#options = options
  }

  get free(): number | undefined {
    return this.#free === undefined ? undefined : Math.max(0, this.#free - this.#taken)
  }

  /** Looks now; a file system that cannot tell counts as roomy. */
  async look(): Promise<void> {
    this.#looked = this.#options.now()
    try {
      const { bavail, bsize } = await statfs(this.#options.folder)
      this.#free = bavail * bsize
      this.#taken = 0
    } catch {
      // Not every file system has an answer; writes will tell.
      this.#free = undefined
    }
  }

  /** A refusal when there is no room. Never waits: judges by the last look and starts the next. */
  admit(size: number): Reply | undefined {
    if (this.#options.now() - this.#looked >= this.#options.everyMs) void this.look()
    return this.free !== undefined && this.free - size < this.#options.reserve ? FULL : undefined
  }

  take(size: number): void {
    this.#taken += size
  }
}
