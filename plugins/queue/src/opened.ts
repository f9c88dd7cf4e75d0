/** The open queue of this process: store, engine and transports, opened when first needed and never because of `postroad check`. */
import cluster from 'node:cluster'
import path from 'node:path'
import { openTransports, type Transports } from '@postroad/delivery'
import { type LmdbStore, openLmdbStore } from '@postroad/embedded'
import type { Reply } from '@postroad/mail'
import type { Dns, Limiter, Store } from '@postroad/plugin'
import {
  answerStats,
  DestinationRules,
  type EngineContext,
  type FindTransport,
  limitedTransports,
  limiterSlots,
  openEngine,
  type QueueEngine,
  type SiteRule,
  UNWRITABLE,
} from '@postroad/queue-engine'
import type { QueueOptions } from './options.ts'

/** What an open queue is made of. */
export interface OpenContext extends EngineContext {
  readonly options: QueueOptions
  readonly folder: string
  readonly dns: Dns
  readonly limiter: Limiter
  readonly store: Store
  /** Absolute path of a file an option names. */
  resolve(file: string): string
}

/** How long a refusal to open stays good, in milliseconds. */
const REOPEN_MS = 10_000

/** Milliseconds until litter is looked for, and between the times after that. */
const FIRST_SWEEP_MS = 60_000
const SWEEP_MS = 3_600_000

/** Opens at most once; what could not be opened is tried again later, so that a damaged queue means 451 and not a crash loop. */
export class OpenedQueue {
  readonly transports: Transports
  readonly rules: DestinationRules
  /** Where large messages are written while they come. */
  readonly spool: string
  readonly #context: OpenContext
  readonly #closing = new AbortController()
  #store: Promise<LmdbStore> | undefined
  #engine: Promise<QueueEngine> | undefined
  #admitting: LmdbStore | undefined
  #isRefusing = false
  #answering: { stop(): void } | undefined

  constructor(context: OpenContext) {
    this.#context = context
    this.spool = path.join(context.folder, 'incoming')
    const { hooks } = context
    this.transports = openTransports(context.options, {
      ...context,
      tlsPolicy: (question) => hooks.tls(question),
      hasTlsPolicy: () => hooks.asksTls !== false,
    })
    this.rules = new DestinationRules(context.options, this.transports.mailHosts)
  }

  /** The store; opened by the first who asks. */
  store(): Promise<LmdbStore> {
    const { folder, options, log, clock } = this.#context
    this.#store ??= openLmdbStore({
      folder,
      spool: this.spool,
      inlineLimit: options.inlineLimit,
      minFreeBytes: options.minFree,
      keepFinished: options.keepFinished,
      now: () => clock.now(),
      onProblem: (error) =>
        log.error(
          { error, code: error.code },
          error.code === 'ERR_QUEUE_IO' ? 'the queue has a problem' : 'a queue entry has a problem',
        ),
    })
    return this.#store
  }

  /** The running engine. Rejects, without trying each time, while the store cannot be opened. */
  engine(): Promise<QueueEngine> {
    if (this.#engine) return this.#engine
    const engine = this.#startEngine()
    this.#engine = engine
    engine.then(
      () => {
        this.#isRefusing = false
      },
      (error: unknown) => this.#refuse(error),
    )
    return engine
  }

  /** A refusal when the disk is nearly full, or the queue could not be opened. */
  admit(size: number): Reply | undefined {
    return this.#isRefusing ? UNWRITABLE : this.#admitting?.admit(size)
  }

  /** Ends deliveries within the grace, and gives back what is left. */
  async close(stop?: AbortSignal): Promise<void> {
    this.#closing.abort()
    void this.#store?.then((store) => store.hurry()).catch(() => undefined)
    // What could not be opened needs no closing; its error was told when it happened.
    await (await this.#engine?.catch(() => undefined))?.close(undefined, stop)
    this.#answering?.stop()
    await (await this.#store?.catch(() => undefined))?.close()
    await this.transports.close()
  }

  /** What waits in the queue cannot wait for new mail, which is refused: it is tried again until it is open. */
  #refuse(error: unknown): void {
    this.#isRefusing = true
    this.#context.log.error({ error }, 'the queue could not be opened: mail is refused with 451')
    void this.#store?.then((store) => store.close()).catch(() => undefined) // it was not opened: `error` says why
    this.#store = undefined
    setTimeout(() => {
      this.#engine = undefined
      if (!this.#closing.signal.aborted) this.engine().catch(() => undefined) // told when it happened
    }, REOPEN_MS).unref()
  }

  async #startEngine(): Promise<QueueEngine> {
    const store = await this.store()
    this.#admitting = store
    const engine = openEngine(
      { ...this.#context, carries: this.transports.has },
      { store, transports: this.#transports(), rules: this.rules },
    )
    engine.start()
    this.#answering = answerStats(this.#context.folder, store)
    this.#sweepLater(store)
    return engine
  }

  /** Limits that were written down hold over all workers; one process alone keeps them without asking anybody. */
  #transports(): FindTransport {
    const { find } = this.transports
    if (!cluster.isWorker || !this.rules.hasLimits) return find
    const slots = limiterSlots(this.#context.limiter)
    const isShared = ({ isWritten = false }: SiteRule): boolean => isWritten
    return limitedTransports(find, { slots, siteOf: this.rules.siteOf, isShared, closing: this.#closing.signal })
  }

  /** Content of messages that were never taken is litter of a crash; nobody waits for this. It may be of one that is too young to be told from mail that comes in: it is looked for again. */
  #sweepLater(store: LmdbStore, afterMs = FIRST_SWEEP_MS): void {
    setTimeout(() => {
      if (this.#closing.signal.aborted) return
      this.#sweepLater(store, SWEEP_MS)
      store.sweep().then(
        (swept) => swept > 0 && this.#context.log.info({ swept }, 'removed content without a message'),
        (error: unknown) => this.#context.log.warn({ error }, 'content without a message could not be looked for'),
      )
    }, afterMs).unref()
  }
}
