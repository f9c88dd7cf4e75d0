/**
 * Delivers what is queued: takes fresh messages straight from memory, brings deferred ones back when they are due, keeps
 * every destination within its limits, and writes down how each attempt ended before anybody is told.
 */
import { type MessageSource, memorySource } from '@postroad/mail'
import { birth } from '../birth.ts'
import type { Lease, QueuedMessage } from '../model.ts'
import { afterAttempt } from '../state.ts'
import { type NewMessage, QueueError } from '../store.ts'
import { announce } from './announce.ts'
import { type AttemptResult, attempt, commonFailure } from './attempt.ts'
import type { Destination } from './destination.ts'
import { Ending, Running } from './ending.ts'
import type { EngineJob, EngineOptions } from './options.ts'
import { PutBack } from './put-back.ts'
import { Recorder } from './recorder.ts'
import { Registry } from './registry.ts'
import { byMessage } from './report-batch.ts'
import { Scheduler } from './scheduler.ts'
import { type Site, spread } from './site.ts'
import { gathering, watched } from './source.ts'

/** The engine over one store: `start` makes it work, `accept` gives it fresh mail, `close` ends it. */
export class QueueEngine {
  readonly #options: EngineOptions
  readonly #registry: Registry
  readonly #scheduler: Scheduler
  readonly #putBack: PutBack
  readonly #recorder: Recorder
  readonly #running = new Set<Running>()
  readonly #telling = new Set<Promise<void>>()
  /** Sites with jobs, while all slots are taken. */
  readonly #starved = new Set<Site<EngineJob>>()
  readonly #closing = new AbortController()
  #activeBacklog = 0
  #queued = 0
  #queuedBacklog = 0
  #memory = 0
  #tick: { readonly at: number; cancel(): void } | undefined
  #ending: Ending | undefined

  constructor(options: EngineOptions) {
    this.#options = options
    this.#registry = new Registry(options)
    this.#putBack = new PutBack(options, (leases) => {
      for (const lease of leases) this.#destinationOf(lease).hasStored = true
    })
    this.#recorder = new Recorder(options, this.#putBack, this.#closing.signal)
    const room = (): number =>
      Math.min(options.destinationLimit, Math.ceil(options.maxActive * options.backlogShare) * 2 - this.#queuedBacklog)
    this.#scheduler = new Scheduler({
      engine: options,
      registry: this.#registry,
      room,
      isBusy: () => this.#queued - this.#queuedBacklog + this.#running.size - this.#activeBacklog > 0,
      offer: (leases) => this.#offer(leases),
      stopped: (destinations) => {
        for (const destination of destinations) this.#withdraw(destination)
      },
      looked: (elapsed) => this.#abortOverdue(elapsed),
      heard: () => this.#pumpStarved(),
    })
  }

  /** Takes back what dead processes had, and begins. */
  start(): void {
    this.#scheduler.wake()
  }

  /** Looks at the store now instead of within a second. */
  wake(): void {
    this.#scheduler.wake()
  }

  /**
   * Takes responsibility for a message: it is on stable storage when this resolves, and its delivery begins.
   *
   * @throws {QueueError} when it could not be stored; then nobody has taken it
   */
  async accept(message: QueuedMessage, source: MessageSource): Promise<void> {
    // What is not in memory belongs to the caller, who may forget it when this has resolved.
    const chunks = source.chunks?.()
    const hasRoom = this.#memory + source.size <= this.#options.memoryLimit
    // What the store takes over as a file it does not read: it is delivered from there.
    const isFile = !chunks && source.file?.() !== undefined
    const gathered = chunks || isFile || !hasRoom ? undefined : gathering(source)
    const kept = chunks && memorySource(chunks, source.hasOnlyCrlf)
    const { store, events } = this.#options
    const told = events?.accepted(message)
    const leases = await store.add(message, kept ?? gathered?.source ?? source, told)
    if (told) events?.written()
    this.#offerFresh(leases, kept ?? gathered?.take())
  }

  /** What the engine is doing now. */
  get load(): {
    readonly active: number
    readonly queued: number
    readonly destinations: number
    readonly memory: number
  } {
    return { active: this.#running.size, queued: this.#queued, destinations: this.#registry.size, memory: this.#memory }
  }

  /**
   * Starts nothing more, and waits for what is under way: to its end while `stop` is not aborted (after a reload another engine
   * goes on), else up to `graceMs`, and longer for what has sent its final dot. What is left goes back to the store.
   */
  async close(graceMs = this.#options.stopGraceMs ?? 10_000, stop: AbortSignal = AbortSignal.abort()): Promise<void> {
    this.#closing.abort()
    this.#tick?.cancel()
    await this.#scheduler.close()
    await this.#giveBackQueued()
    await Promise.all(this.#telling)
    if (this.#running.size === 0) return
    const { clock, log, answerGraceMs = 120_000 } = this.#options
    const beat = (): Promise<void> => this.#beatWhileEnding()
    this.#ending = new Ending({ running: this.#running, clock, log, graceMs, answerMs: answerGraceMs, beat })
    await this.#ending.wait(stop)
  }

  async #beatWhileEnding(): Promise<void> {
    const { store, clock, log } = this.#options
    this.#abortOverdue(clock.monotonic())
    await store
      .beat(clock.now())
      .catch((error: unknown) => log.error({ error }, 'the queue could not be told that this process lives'))
  }

  #offer(leases: readonly Lease[]): void {
    for (const message of byMessage(leases.filter(({ state }) => state.pendingReport))) {
      const telling: Promise<void> = this.#tell(message).finally(() => this.#telling.delete(telling))
      this.#telling.add(telling)
    }
    for (const lease of leases)
      if (!lease.state.pendingReport)
        this.#enqueue({ lease, destination: this.#destinationOf(lease), isFresh: false, source: undefined })
  }

  #offerFresh(leases: readonly Lease[], source: MessageSource | undefined): void {
    const size = source?.size ?? 0
    const keep = source && this.#memory + size <= this.#options.memoryLimit ? source : undefined
    const full: Lease[] = []
    for (const lease of leases) {
      const destination = this.#destinationOf(lease)
      if (
        destination.isSuspended ||
        destination.length >= this.#options.destinationLimit ||
        this.#closing.signal.aborted
      )
        full.push(lease)
      else this.#enqueue({ lease, destination, isFresh: true, source: keep })
    }
    this.#park(full)
  }

  #destinationOf({ message, index }: Lease): Destination<EngineJob> {
    return this.#registry.get(message.deliveries[index]?.destination ?? '')
  }

  #enqueue(job: EngineJob): void {
    ;(job.isFresh ? job.destination.fresh : job.destination.backlog).push(job)
    this.#queued++
    if (!job.isFresh) this.#queuedBacklog++
    this.#memory += job.source?.size ?? 0
    job.destination.site?.ready.add(job.destination)
    // The next turn: the reply to the client is written before its mail is carried.
    setImmediate(() => this.#locate(job))
  }

  #locate({ destination, lease: { message, index } }: EngineJob): void {
    const { route } = message.deliveries[index] ?? {}
    const located = (): void => (destination.isSuspended ? this.#withdraw(destination) : this.#pump(destination.site))
    if (route) this.#registry.locate(destination, route, located)
    located()
  }

  /** A destination that is stopped keeps nothing in memory: what waits there would take the room of others. */
  #withdraw(destination: Destination<EngineJob>): void {
    const jobs = destination.clear()
    for (const job of jobs) {
      this.#dequeued(job)
      this.#memory -= job.source?.size ?? 0
    }
    this.#park(jobs.map(({ lease }) => lease))
  }

  #dequeued({ isFresh }: EngineJob): void {
    this.#queued--
    if (!isFresh) this.#queuedBacklog--
  }

  /** No room in memory: it waits in the store. */
  #park(leases: readonly Lease[]): void {
    void this.#putBack.give(leases, { kind: 'waiting', since: this.#options.clock.now() })
  }

  #pump(site: Site<EngineJob> | undefined): void {
    const { clock, maxActive } = this.#options
    while (site && site.ready.size > 0 && !this.#closing.signal.aborted) {
      const elapsed = clock.monotonic()
      const readyAt = site.readyAt(elapsed)
      if (this.#scheduler.isSilent(elapsed)) {
        this.#starved.add(site)
        return
      }
      if (readyAt > elapsed) {
        if (Number.isFinite(readyAt)) this.#tickAt(readyAt)
        return
      }
      const job = this.#running.size < maxActive ? site.shift(this.#mayTakeBacklog()) : undefined
      if (!job) {
        this.#starved.add(site)
        return
      }
      this.#dequeued(job)
      if (this.#isOurs(job.lease)) void this.#run(job, site)
      else this.#drop(job)
    }
  }

  #pumpStarved(): void {
    if (this.#starved.size === 0) return
    const starved = [...this.#starved]
    this.#starved.clear()
    for (const site of starved) this.#pump(site)
  }

  /** A process that was taken for dead has another name by now: what it claimed before went to others. */
  #isOurs({ state: { status } }: Lease): boolean {
    return status.kind !== 'claimed' || status.owner === this.#options.store.owner
  }

  #drop({ lease, source }: EngineJob): void {
    this.#memory -= source?.size ?? 0
    this.#options.log.warn({ id: lease.message.id }, 'a delivery went to another process before it was tried here')
    void this.#putBack.give([lease], { kind: 'scheduled', at: this.#options.clock.now() })
  }

  #mayTakeBacklog(): boolean {
    return this.#activeBacklog < Math.max(1, this.#options.maxActive * this.#options.backlogShare)
  }

  /** One timer for all sites that wait for their rate: the first of them. */
  #tickAt(at: number): void {
    if (this.#tick && this.#tick.at <= at) return
    this.#tick?.cancel()
    const { clock } = this.#options
    const cancel = clock.after(Math.max(1, at - clock.monotonic()), () => {
      this.#tick = undefined
      for (const site of this.#registry.sites) this.#pump(site)
    })
    this.#tick = { at, cancel }
  }

  async #run(job: EngineJob, site: Site<EngineJob>): Promise<void> {
    const startedAt = this.#options.clock.monotonic()
    const running = new Running(startedAt)
    this.#running.add(running)
    if (!job.isFresh) this.#activeBacklog++
    site.started(startedAt)
    try {
      await this.#carry(job, site, running)
    } catch (error) {
      if (!running.hasLeft) site.skipped()
      await this.#failed(job, error)
    }
    this.#running.delete(running)
    if (!job.isFresh) this.#activeBacklog--
    this.#memory -= job.source?.size ?? 0
    this.#next(job.destination, site)
  }

  async #carry(
    { lease, destination, source: kept }: EngineJob,
    site: Site<EngineJob>,
    running: Running,
  ): Promise<void> {
    const { store, transports, hooks, clock, routeReport: routeOf } = this.#options
    const { message, index, state } = lease
    const delivery = message.deliveries[index]
    let damage: unknown
    const source =
      kept ??
      watched(store.content(message), (error) => {
        damage = error
      })
    if (!delivery) throw new QueueError('ERR_QUEUE_CORRUPT', `Message ${message.id} has no delivery ${index}`)
    const until = site.blockedUntil(running.startedAt)
    const closed = until > 0 ? site.lastFailure : undefined
    const onError = (error: unknown): void => {
      this.#options.log.error({ error, id: message.id, lane: destination.name }, 'an attempt failed')
    }
    const result = await attempt({ lease, delivery, source, transports, hooks, closed, onError, running, routeOf })
    const [now, elapsed] = [clock.now(), clock.monotonic()]
    const startedAt = now - (elapsed - running.startedAt)
    running.hasLeft = true
    leave(site, result, elapsed)
    if (result.how === 'withdrawn') {
      await this.#putBack.give([lease], { kind: 'scheduled', at: now })
      return
    }
    // Octets that are not what was written never had a final dot; trying again would change nothing: a human must look.
    if (isCorrupt(damage)) throw damage
    const transition = afterAttempt({
      message,
      delivery,
      state,
      ...result,
      untried: result.how === 'skipped',
      opensAt: closed && now + spread(until, elapsed),
      startedAt,
      now,
      today: this.#scheduler.today(message.queuedAt),
      schedule: this.#options.scheduleOf(destination.name),
      random: Math.random(),
    })
    const [recorded, spawned] = await this.#recorder.end(lease, transition, source, this.#queued === 0 && !this.#ending)
    if (recorded === 'lost') {
      this.#options.log.warn(
        { id: message.id, lane: destination.name },
        'the lease was lost while the attempt ran: the message may arrive twice',
      )
      return
    }
    announce(this.#options, { lease, delivery, transition, startedAt, now })
    this.#offerSpawned(spawned)
    if (recorded === 'finished') this.#options.onFinished?.(message.id)
  }

  /** Nothing is to be carried any more; the sender has yet to be told. */
  async #tell(leases: readonly Lease[]): Promise<void> {
    const [first] = leases
    if (!first) return
    try {
      const [recorded, spawned] = await this.#recorder.tell(leases)
      this.#offerSpawned(spawned)
      if (recorded === 'finished') this.#options.onFinished?.(first.message.id)
    } catch (error) {
      for (const lease of leases) await this.#failed({ lease, destination: this.#destinationOf(lease) }, error)
    }
  }

  #offerSpawned(spawned: readonly NewMessage[]): void {
    for (const { message, source } of spawned)
      this.#offerFresh(birth.leases(message, this.#options.store.owner), source)
  }

  /** A transport that never answers must not hold a slot for ever. */
  #abortOverdue(elapsed: number): void {
    for (const running of this.#running)
      if (elapsed - running.startedAt >= this.#options.attemptMs) running.abort(new Error('The attempt took too long'))
  }

  /** The attempt itself could not be made or written down. */
  async #failed({ lease, destination }: Pick<EngineJob, 'lease' | 'destination'>, error: unknown): Promise<void> {
    const { log, clock, scheduleOf } = this.#options
    const { id } = lease.message
    log.error({ error, id }, isCorrupt(error) ? 'the message is damaged and is set aside' : 'the delivery is put back')
    const now = clock.now()
    const status = isCorrupt(error)
      ? ({ kind: 'held', since: now, reason: 'corrupt' } as const)
      : ({ kind: 'scheduled', at: now + (scheduleOf(destination.name).waits[0] ?? 300_000) } as const)
    await this.#putBack.give([lease], status)
  }

  #next(destination: Destination<EngineJob>, site: Site<EngineJob>): void {
    this.#ending?.attemptEnded()
    this.#pump(site)
    this.#pumpStarved()
    if (destination.hasStored && destination.length === 0) this.#scheduler.wake()
  }

  async #giveBackQueued(): Promise<void> {
    const leases = [...this.#registry].flatMap((destination) => destination.clear().map(({ lease }) => lease))
    await this.#putBack.give(leases, { kind: 'scheduled', at: this.#options.clock.now() })
    await this.#putBack.close()
  }
}

function leave(site: Site<EngineJob>, { how, outcomes, tried }: AttemptResult, elapsed: number): void {
  if (how === 'carried') site.ended(commonFailure(tried ?? outcomes), elapsed)
  else site.skipped()
}

function isCorrupt(error: unknown): boolean {
  return error instanceof QueueError && error.code === 'ERR_QUEUE_CORRUPT'
}
