/** Waits until replicas, or the disk, have what was written: one question for many messages, as a group commit. */
import { QueueError } from '@postroad/queue'
import type { RedisLink } from '../link.ts'

/** See above. */
export class Confirmation {
  readonly #link: RedisLink
  readonly #replicas: number
  /** Ask for the local disk too: `WAITAOF`, Redis 7.2. */
  readonly #asksDisk: boolean
  #asked: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(link: RedisLink, replicas: number, asksDisk = false) {
    this.#link = link
    this.#replicas = replicas
    this.#asksDisk = asksDisk
  }

  /**
   * Resolves when everything written before this call is confirmed.
   *
   * @throws {QueueError} `ERR_QUEUE_IO` when too few confirmed it in time
   */
  wait(): Promise<void> {
    if (this.#replicas === 0 && !this.#asksDisk) return Promise.resolve()
    // A question that is on its way may be older than what was written: join the one after it.
    this.#next ??= (this.#asked ?? Promise.resolve()).catch(() => {}).then(() => this.#ask())
    return this.#next
  }

  #ask(): Promise<void> {
    this.#next = undefined
    this.#asked = this.#question()
    return this.#asked
  }

  async #question(): Promise<void> {
    const patience = Math.max(1, Math.floor(this.#link.deadline / 2))
    if (this.#asksDisk) {
      const [disk, replicas] = (await this.#link.send('waitaof', [1, this.#replicas, patience])) as number[] // as the command says
      if ((disk ?? 0) < 1 || (replicas ?? 0) < this.#replicas) throw unconfirmed(replicas ?? 0)
      return
    }
    const confirmed = Number(await this.#link.send('wait', [this.#replicas, patience]))
    if (confirmed < this.#replicas) throw unconfirmed(confirmed)
  }
}

function unconfirmed(count: number): QueueError {
  return new QueueError('ERR_QUEUE_IO', `Only ${count} replicas have the message in time`)
}
