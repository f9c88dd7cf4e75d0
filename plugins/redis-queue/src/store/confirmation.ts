/**
 * Waits until replicas, or the disk, have the messages that were taken: one question for many, as a group commit. It is asked on a
 * connection of its own, because a server answers nothing else on a connection that waits; and it asks for the messages too, because
 * the server that is reached now may be one that was promoted without them.
 */

import { QueueError } from '@postroad/queue-engine'
import type { RedisLink } from '@postroad/redis-link'
import { CONFIRM } from './scripts.ts'

/** Who must have a message. */
export interface ConfirmationOptions {
  readonly link: RedisLink
  /** Key of the queue's index, as the scripts want it. */
  readonly key: string
  readonly replicas: number
  /** Called instead of a rejection, where the operator takes the risk. */
  readonly onUnconfirmed?: ((problem: QueueError) => void) | undefined
}

type Client = ReturnType<RedisLink['connect']>

/** Confirms messages in groups: all that are waiting share one question to Redis. */
export class Confirmation {
  /** Ask for the disk of the server too: `WAITAOF`, Redis 7.2. */
  asksDisk = false
  readonly #options: ConfirmationOptions
  #client: Client | undefined
  #ids: string[] = []
  #asked: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(options: ConfirmationOptions) {
    this.#options = options
  }

  /**
   * Resolves when the message, which was taken before this call, is confirmed.
   *
   * @throws {QueueError} `ERR_QUEUE_IO` when it was not in time
   */
  wait(id: string): Promise<void> {
    if (this.#options.replicas === 0 && !this.asksDisk) return Promise.resolve()
    this.#ids.push(id)
    // A question that is on its way may be older than what was written: join the one after it.
    this.#next ??= (this.#asked ?? Promise.resolve()).catch(() => {}).then(() => this.#ask())
    return this.#next
  }

  close(): void {
    this.#client?.disconnect()
    this.#client = undefined
  }

  #ask(): Promise<void> {
    const ids = this.#ids
    this.#ids = []
    this.#next = undefined
    this.#asked = this.#question(ids)
    return this.#asked
  }

  async #question(ids: readonly string[]): Promise<void> {
    const { link, key, replicas, onUnconfirmed } = this.#options
    // The server looks at its clocks ten times a second; its answer "too few" is worth more than none.
    const patience = Math.floor(link.deadline * 0.75)
    const client = await this.#connected()
    const questions = client.pipeline().call('eval', CONFIRM.lua, 1, key, ...ids)
    if (this.asksDisk) questions.call('waitaof', 1, 0, patience)
    if (replicas > 0) questions.call('wait', replicas, patience)
    const [there, ...confirmed] = valuesOf(await questions.exec())
    if (Number(there) < ids.length)
      throw new QueueError('ERR_QUEUE_IO', 'Another server is the primary now, and has not got the message')
    const disk = this.asksDisk ? Number((confirmed.shift() as number[])[0]) : 1 // WAITAOF tells of the server and of its replicas
    const count = replicas > 0 ? Number(confirmed.shift()) : 0
    if (disk >= 1 && count >= replicas) return
    const text =
      disk < 1
        ? 'The disk has not got the message in time'
        : `${count} of ${replicas} replicas have the message in time`
    const problem = new QueueError('ERR_QUEUE_IO', text)
    if (!onUnconfirmed) throw problem
    onUnconfirmed(problem)
  }

  async #connected(): Promise<Client> {
    const client = (this.#client ??= this.#options.link.connect('command'))
    if (client.status === 'wait') await client.connect()
    return client
  }
}

function valuesOf(replies: readonly (readonly [error: Error | null, reply: unknown])[] | null): unknown[] {
  return (replies ?? []).map(([error, reply]) => {
    if (error) throw error
    return reply
  })
}
