/** One node's part in the queue: takes mail, delivers it, or both. */

import { openTransports, type Transports } from '@postroad/delivery'
import type { MessageSource } from '@postroad/mail'
import type { Dns, Role, Store } from '@postroad/plugin'
import {
  answerStats,
  type CommandedQueue,
  DEFAULT_BACKOFF,
  DestinationRules,
  type EngineContext,
  limitedTransports,
  openEngine,
  type QueuedMessage,
  type QueueEngine,
  QueueError,
  reporterOf,
} from '@postroad/queue-engine'
import type { RedisLink } from '@postroad/redis-link'
import { type Durability, inspect } from './durability.ts'
import type { RedisQueueOptions } from './options.ts'
import { SharedSlots } from './slot/shared-slots.ts'
import { RedisStore } from './store/redis-store.ts'
import { WakeUpStore } from './wake-up/wake-up-store.ts'
import { WakeUps } from './wake-up/wake-ups.ts'

/** What a node is made of. */
export interface NodeContext extends EngineContext {
  readonly options: RedisQueueOptions
  readonly role: Role
  readonly link: RedisLink
  readonly dns: Dns
  /** What is remembered of hosts, by all nodes. */
  readonly store: Store
  /** Absolute path of a file an option names. */
  resolve(file: string): string
}

/** Milliseconds between looks at how the server is set up: it may be another one by now. */
const INSPECT_MS = 30_000
/** Milliseconds between signs of life of a node that delivers nothing. */
const BEAT_MS = 5_000
/** Milliseconds between looks for content of messages that were never taken: litter of crashes, which nobody waits for. */
const SWEEP_MS = 3_600_000

/** The queue of one process: its store, its transports and, where the node delivers, its engine. */
export class QueueNode {
  readonly store: RedisStore
  readonly transports: Transports
  readonly rules: DestinationRules
  readonly #context: NodeContext
  readonly #wakeUps: WakeUps
  readonly #slots: SharedSlots
  readonly #closing = new AbortController()
  #wakeUpStore: WakeUpStore | undefined
  #engine: QueueEngine | undefined
  #answering: { stop(): void } | undefined
  #inspecting: NodeJS.Timeout | undefined
  #beating: NodeJS.Timeout | undefined
  #sweeping: NodeJS.Timeout | undefined
  /** Why no mail may be taken now. */
  #danger: string | undefined = 'The queue has not been looked at yet'

  constructor(context: NodeContext) {
    const { options, link, log } = context
    const { name, keepFinished, replicas, memoryLimit, concurrency, bodyFolder, inlineLimit, minFree } = options
    this.#context = context
    const { hooks } = context
    this.transports = openTransports(options, {
      ...context,
      tlsPolicy: (question) => hooks.tls(question),
      hasTlsPolicy: () => hooks.asksTls !== false,
    })
    this.rules = new DestinationRules(options, this.transports.mailHosts)
    this.#slots = new SharedSlots(link, name, DEFAULT_BACKOFF)
    this.#wakeUps = new WakeUps({ link, name, log, concurrency })
    this.store = new RedisStore({
      link,
      name,
      keepFinished,
      replicas,
      takesUnconfirmed: options.unsafe === 'warn',
      memoryLimit,
      files: bodyFolder === undefined ? undefined : { folder: context.resolve(bodyFolder), inlineLimit, minFree },
      onProblem: (error) => log.error({ error, code: error.code }, 'a queue entry has a problem'),
      onScheduled: (entry, at) => this.#wakeUps.issue({ entry, at }),
    })
  }

  /**
   * Looks at the server and begins.
   *
   * @throws {QueueError} `ERR_QUEUE_UNSAFE` when it may lose acknowledged mail and the operator has not allowed that
   */
  async start(): Promise<void> {
    const danger = await this.#inspect()
    if (danger?.code === 'ERR_QUEUE_UNSAFE') throw danger
    // So that MAIL has an answer from the first on.
    await this.store.memory.look()
    this.#answering = answerStats(this.#context.options.name, this.store)
    this.#inspecting = setInterval(() => void this.#inspect(), INSPECT_MS).unref()
    if (this.#context.options.bodyFolder !== undefined)
      this.#sweeping = setInterval(() => void this.#sweep(), SWEEP_MS).unref()
    if (this.#context.role === 'smtp') this.#beating = setInterval(() => void this.#beat(), BEAT_MS).unref()
    else this.#deliver()
  }

  /** Takes responsibility; resolves when the message is as safe as the server can make it. Rejects when it is not taken. */
  async accept(message: QueuedMessage, source: MessageSource): Promise<void> {
    if (this.#danger !== undefined) await this.#inspect()
    if (this.#danger !== undefined) throw new QueueError('ERR_QUEUE_UNSAFE', this.#danger)
    if (this.#engine) await this.#engine.accept(message, source)
    else {
      const told = this.#context.events?.accepted(message)
      await this.store.addScheduled({ message, source }, this.#context.clock.now(), told)
      if (told) this.#context.events?.written()
    }
  }

  /** Ends deliveries within the grace and gives back what is left: another node goes on with it at once. */
  async close(stop?: AbortSignal): Promise<void> {
    clearInterval(this.#inspecting)
    clearInterval(this.#beating)
    clearInterval(this.#sweeping)
    this.#closing.abort()
    this.#answering?.stop()
    this.#wakeUps.rest()
    await this.#engine?.close(undefined, stop)
    // Without Redis nothing can be given back; then the leases end with this process.
    await (this.#wakeUpStore ?? this.store).close().catch((error: unknown) => {
      this.#context.log.warn({ error }, 'the leases of this process could not be given back')
    })
    await this.#wakeUps.close()
    await this.#slots.close()
    await this.transports.close()
  }

  /** For commands: the queue without a part in its work. */
  commanded(): CommandedQueue {
    const { clock, options, events } = this.#context
    return {
      rules: this.rules,
      events,
      reporter: reporterOf({ ...this.#context, carries: this.transports.has }),
      plan: { maxRecipients: options.maxRecipients },
      reopen: async (deliveries) => {
        const routes = new Map(deliveries.map(({ destination, route }) => [destination, route]))
        const sites = await Promise.all([...routes].map(([name, route]) => this.rules.siteOf(name, route)))
        await Promise.all([...new Set(sites.map(({ name }) => name))].map((name) => this.#slots.reopen(name)))
      },
      now: () => clock.now(),
      store: async () => this.store,
      // What a command has claimed, a notification for one, goes to the schedule, and a wake-up with it.
      done: async () => {
        await this.store.close()
        await this.#wakeUps.flushed()
      },
    }
  }

  #deliver(): void {
    const store = new WakeUpStore(this.store)
    // Who knows nothing of other nodes must not guess: all limits are shared, also those nobody wrote down.
    const limited = {
      slots: this.#slots,
      siteOf: this.rules.siteOf,
      isShared: () => true,
      closing: this.#closing.signal,
    }
    const transports = limitedTransports(this.transports.find, limited)
    const engine = openEngine(
      { ...this.#context, carries: this.transports.has },
      { store, transports, rules: this.rules },
    )
    this.#wakeUpStore = store
    this.#engine = engine
    engine.start()
    store.onWakeUp = () => engine.wake()
    this.#wakeUps.take((wakeUp) => store.use(wakeUp))
  }

  /** Without an engine, which beats by itself; any node may take over what a dead one had. */
  async #beat(): Promise<void> {
    await this.store.beat(this.#context.clock.now()).catch((error: unknown) => {
      this.#context.log.warn({ error }, 'the queue could not be looked after')
    })
  }

  async #sweep(): Promise<void> {
    const { log } = this.#context
    await this.store.sweep().then(
      (swept) => swept > 0 && log.info({ swept }, 'removed content without a message'),
      (error: unknown) => log.warn({ error }, 'content without a message could not be looked for'),
    )
  }

  async #inspect(): Promise<QueueError | undefined> {
    const { link, options, log } = this.#context
    let found: Durability
    try {
      found = await inspect(link, options.replicas)
    } catch (cause) {
      // Away is not unsafe: what is not there takes no mail either.
      this.#danger &&= 'Redis is away'
      return new QueueError('ERR_QUEUE_IO', 'Redis is away', { cause })
    }
    this.store.asksDisk = found.asksDisk
    const text = found.dangers.join(' ')
    this.#danger = text === '' || options.unsafe === 'warn' ? undefined : text
    if (text === '') return undefined
    log[options.unsafe === 'warn' ? 'warn' : 'error'](
      { dangers: found.dangers },
      'this Redis may lose acknowledged mail',
    )
    return this.#danger === undefined ? undefined : new QueueError('ERR_QUEUE_UNSAFE', text)
  }
}
