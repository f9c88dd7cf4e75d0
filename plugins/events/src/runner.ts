/** Tells all endpoints from one process at a time, and keeps the outbox within its bounds. */

import type { Clock, Lock, Logger } from '@postroad/plugin'
import type { MailOutbox, Outbox } from '@postroad/queue-engine'
import { CURSOR, noteAt } from './notes.ts'
import type { EventsOptions } from './options.ts'
import type { EventSink } from './sink.ts'
import { Teller } from './teller.ts'
import { trim } from './trim.ts'

/** What a {@link Runner} needs. */
export interface RunnerOptions {
  readonly options: EventsOptions
  /** Of the plugin in its scope. */
  readonly name: string
  readonly outbox: MailOutbox
  readonly lock: Lock
  readonly clock: Clock
  readonly log: Logger
  /** In the order of the endpoints. */
  readonly sinks: readonly EventSink[]
}

/** Milliseconds after which another process goes on when one has died. */
const LOCK_MS = 2_000
/** Milliseconds between tries to be the one who tells, and after a failure. */
const AGAIN_MS = 1_000
/** Milliseconds that the server waits for new endpoints to be written down. */
const PATIENCE_MS = 1_000
/** Milliseconds between looks at how much there is. */
const SIZE_MS = 1_000

/** The work of the plugin in one process. */
export class Runner {
  readonly #options: RunnerOptions
  readonly #closing = new AbortController()
  #tellers: readonly Teller[] = []
  #isFull = false
  #isRegistered = false
  #dropped = 0
  #size: Awaited<ReturnType<Outbox['size']>> | undefined
  #working: Promise<unknown> | undefined

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  /** No more mail should be taken. */
  get isFull(): boolean {
    return this.#isFull && this.#options.options.whenFull === 'defer'
  }

  /** Endpoints that are new have their place in the outbox: what is taken from now on is told to them. */
  get isRegistered(): boolean {
    return this.#isRegistered
  }

  /** Of the process that tells; of others there is none. */
  get tellers(): readonly Teller[] {
    return this.#tellers
  }

  get size(): Awaited<ReturnType<Outbox['size']>> | undefined {
    return this.#size
  }

  /** Events that were removed before everybody was told of them. */
  get dropped(): number {
    return this.#dropped
  }

  /** Writes down where new endpoints begin, and begins. Does not reject: mail is refused until it has been done. */
  async start(): Promise<void> {
    const registering = this.#register().catch((error: unknown) => this.#failed(error))
    let timer: NodeJS.Timeout | undefined
    // A queue that does not answer holds up nobody but its own mail.
    await Promise.race([registering, new Promise((go) => (timer = setTimeout(go, PATIENCE_MS)))])
    clearTimeout(timer)
    this.#working = Promise.all([this.#watch(), this.#compete()])
  }

  written(): void {
    for (const teller of this.#tellers) teller.written()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#working
    for (const sink of this.#options.sinks) sink.close?.()
  }

  /** What does not answer does not hold up the end of the server. */
  #open(): Promise<Outbox> {
    const { signal } = this.#closing
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason)
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort, { once: true })
      const done = (): void => signal.removeEventListener('abort', abort)
      this.#options.outbox.open().then(resolve, reject).finally(done)
    })
  }

  async #register(): Promise<void> {
    const outbox = await this.#open()
    const { last } = await outbox.size()
    for (const { name, from } of this.#options.options.endpoints)
      if ((await noteAt(outbox, CURSOR + name)) === undefined)
        await outbox.note([[CURSOR + name, from === 'now' ? (last ?? '0-0') : '0-0']])
    await this.#look(outbox)
    this.#isRegistered = true
  }

  /** How much there is, in each process: each refuses by itself. */
  async #watch(): Promise<void> {
    while (await this.#sleep(this.#isRegistered ? SIZE_MS : AGAIN_MS)) {
      try {
        if (this.#isRegistered) await this.#look(await this.#open())
        else await this.#register()
      } catch (error) {
        this.#failed(error)
      }
    }
  }

  async #look(outbox: Outbox): Promise<void> {
    const { options, log } = this.#options
    this.#size = await outbox.size()
    const isFull = this.#size.octets >= options.limit
    if (isFull && !this.#isFull)
      log.error(
        { events: this.#size.events, octets: this.#size.octets },
        options.whenFull === 'defer'
          ? 'there is no room for more events: mail is refused with 452'
          : 'there is no room for more events: the oldest are dropped',
      )
    this.#isFull = isFull
  }

  /** One process tells, the others wait for its end. */
  async #compete(): Promise<void> {
    const { lock, name } = this.#options
    do {
      if (!this.#isRegistered) continue
      try {
        await lock.tryWith(`events:${name}`, LOCK_MS, (lost) =>
          this.#tell(AbortSignal.any([lost, this.#closing.signal])),
        )
      } catch (error) {
        this.#failed(error)
      }
    } while (await this.#sleep(AGAIN_MS))
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const { options, clock, log, sinks } = this.#options
    const outbox = await this.#open()
    const ends = new AbortController()
    const until = AbortSignal.any([signal, ends.signal])
    const known = new Map(this.#tellers.map((teller) => [teller.name, teller.counts]))
    this.#tellers = options.endpoints.flatMap((endpoint, at) => {
      const sink = sinks[at]
      return sink ? [new Teller({ endpoint, outbox, sink, clock, log, counts: known.get(endpoint.name) })] : []
    })
    try {
      const failing = Promise.all([...this.#tellers.map((teller) => teller.run(until)), this.#trim(outbox, until)])
      await failing
    } finally {
      // When one has failed the others end, too: all begin anew.
      ends.abort()
      await Promise.allSettled(this.#tellers.map((teller) => teller.ended))
    }
  }

  async #trim(outbox: Outbox, signal: AbortSignal): Promise<void> {
    const { options, clock, log } = this.#options
    while (await this.#sleep(SIZE_MS, signal)) {
      const held = this.#tellers.flatMap(({ holds }) => holds ?? [])
      const { dropped } = await trim(outbox, {
        ...options,
        now: clock.now(),
        held,
        canDrop: options.whenFull === 'drop-oldest',
      })
      if (dropped === 0) continue
      this.#dropped += dropped
      log.error({ dropped }, 'events were dropped of which not everybody was told')
    }
  }

  async #sleep(ms: number, signal = this.#closing.signal): Promise<boolean> {
    return this.#options.clock.sleep(ms, signal).then(
      () => !signal.aborted,
      () => false, // it was aborted
    )
  }

  #failed(error: unknown): void {
    if (!this.#closing.signal.aborted)
      this.#options.log.error({ error }, 'events cannot be told now; it is tried again')
  }
}
