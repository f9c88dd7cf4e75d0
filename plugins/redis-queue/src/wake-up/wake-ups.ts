/**
 * Who does what when, by BullMQ: each scheduled delivery has a job, its *wake-up*, that is due when the delivery is. The wake-up is
 * a hint and the record in the store the truth: a wake-up that fits no record is thrown away, a record whose wake-up was lost is
 * found by its time. So BullMQ spreads the work over the nodes at once and shows it in its dashboards, and nothing is lost with it.
 */

import type { Logger } from '@postroad/plugin'
import type { RedisLink } from '@postroad/redis-link'
import { type Job, Queue, Worker } from 'bullmq'

/** What a wake-up is for: a delivery, at the time at which it was scheduled. */
export interface WakeUp {
  /** Queue id, a space, index of the delivery. */
  readonly entry: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** How wake-ups are handled. */
export interface WakeUpsOptions {
  readonly link: RedisLink
  /** Name of the mail queue. */
  readonly name: string
  readonly log: Logger
  /** Wake-ups in one process at once. */
  readonly concurrency: number
}

/** Name of the BullMQ queue, below the prefix `{PREFIX:queue:NAME}`. */
export const WAKE_UP_QUEUE = 'deliveries'

/** Milliseconds a job belongs to a worker that says nothing; all workers of a queue must agree on it. */
const LOCK_MS = 30_000
/** Milliseconds after which a worker that lost Redis asks again for wake-ups. */
const RETRY_MS = 1_000
/** A worker that dies is no failure of the mail: as good as any number. */
const STALLED_LIMIT = 1_000_000

/** Issues wake-ups and takes them as they fall due; each is a job of BullMQ. */
export class WakeUps {
  readonly #options: WakeUpsOptions
  /** Made when the first wake-up is issued: to check a configuration opens no connection. */
  #queue: Queue<WakeUp> | undefined
  #worker: Worker<WakeUp> | undefined
  readonly #clients: ReturnType<RedisLink['connect']>[] = []
  #unsent: WakeUp[] = []
  #isSending = false

  constructor(options: WakeUpsOptions) {
    this.#options = options
  }

  /** Issues a wake-up. Never fails: a delivery whose wake-up was lost is found by its time. */
  issue(wakeUp: WakeUp): void {
    this.#unsent.push(wakeUp)
    if (this.#isSending) return
    this.#isSending = true
    setImmediate(() => void this.#send())
  }

  /** Takes wake-ups as they fall due; the promise says when one is used up. */
  take(use: (wakeUp: WakeUp) => Promise<void>): void {
    const { concurrency, log } = this.#options
    this.#worker = new Worker<WakeUp>(WAKE_UP_QUEUE, (job: Job<WakeUp>) => use(job.data), {
      connection: this.#connect('blocking'),
      prefix: prefixOf(this.#options),
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: LOCK_MS,
      maxStalledCount: STALLED_LIMIT,
      runRetryDelay: RETRY_MS,
      skipVersionCheck: true,
      metrics: { maxDataPoints: 1_440 },
    })
    this.#worker.on('error', (error) => log.debug({ error }, 'the wake-up worker has an error'))
  }

  /** Takes no more of them, while those that were taken are used up. */
  rest(): void {
    void this.#worker?.pause(true).catch(() => {}) // then they are found by their time
  }

  /** Ends; wake-ups that are being used go to others when their lock ends, and fit no record then. */
  async close(): Promise<void> {
    await this.flushed()
    await within(1_000, this.#worker?.close(true))
    await within(1_000, this.#queue?.close())
    // BullMQ closes what it has made itself, and leaves what it was given.
    for (const client of this.#clients) client.disconnect()
  }

  async #send(): Promise<void> {
    while (this.#unsent.length > 0) {
      const wakeUps = this.#unsent.splice(0, 500)
      const now = Date.now()
      const jobs = wakeUps.map((data) => ({
        name: 'attempt',
        data,
        opts: { jobId: `${data.entry.replace(' ', '-')}-${data.at}`, delay: Math.max(0, data.at - now) },
      }))
      await this.#opened()
        .addBulk(jobs)
        .catch((error: unknown) => {
          this.#options.log.warn(
            { error, tickets: wakeUps.length },
            'wake-ups could not be issued: the deliveries are found by their time',
          )
        })
    }
    this.#isSending = false
  }

  #connect(kind: 'command' | 'blocking'): ReturnType<RedisLink['connect']> {
    const client = this.#options.link.connect(kind)
    this.#clients.push(client)
    return client
  }

  #opened(): Queue<WakeUp> {
    if (this.#queue) return this.#queue
    const { log } = this.#options
    this.#queue = new Queue<WakeUp>(WAKE_UP_QUEUE, {
      connection: this.#connect('command'),
      prefix: prefixOf(this.#options),
      skipVersionCheck: true,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: 1_000 },
    })
    this.#queue.on('error', (error) => log.debug({ error }, 'the wake-up queue has an error'))
    return this.#queue
  }

  /** Resolves when what was issued is with Redis, or a second has passed. */
  async flushed(): Promise<void> {
    for (let turn = 0; this.#isSending && turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function prefixOf({ link, name }: WakeUpsOptions): string {
  return `{${link.prefix}:queue:${name}}`
}

async function within(ms: number, done: Promise<unknown> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([done?.catch(() => {}), late])
  clearTimeout(timer)
}
