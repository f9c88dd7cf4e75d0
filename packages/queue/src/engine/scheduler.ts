/**
 * Brings work from the store into memory, a page at a time, so that 100,000 deferred messages cost no more memory than
 * a hundred, and never stand in the way of fresh ones.
 */
import type { Lease } from '../model.ts'
import { longestPause, type ScheduleOptions } from '../schedule.ts'
import { lifeBegan } from '../state.ts'
import type { Gate, GateView } from '../store.ts'
import type { Destination } from './destination.ts'
import { BEAT_MS, type EngineJob, type EngineOptions, PAGE } from './options.ts'
import type { Registry } from './registry.ts'
import { type Site, spread } from './site.ts'
import { WallWatch } from './wall-watch.ts'

/** Milliseconds between pages while there is more that is due: when nothing else is to be done, and while there is fresh mail. */
const PAGE_PAUSE_MS = 10
const BUSY_PAUSE_MS = 100

/** Milliseconds without a beat after which others may soon take this process for dead: nothing new is begun before it has beaten again. */
const SILENCE_MS = 30_000

/** Milliseconds after which those who follow a first one look again. */
const FOLLOW_MS = 5_000

/** Milliseconds that a time may lie behind the latest that a rule allows: clocks of nodes differ, and what is written down may have been reckoned before. */
const SLACK_MS = 600_000

/** What the scheduler needs of the engine. */
export interface SchedulerOptions {
  readonly engine: EngineOptions
  readonly registry: Registry
  /** How many leases there is room for. */
  room(): number
  /** There is fresh mail: old mail must not slow it. */
  isBusy(): boolean
  /** Takes leases; what they are of is read back from the store. */
  offer(leases: readonly Lease[]): void
  /** These destinations were suspended. */
  stopped(destinations: readonly Destination<EngineJob>[]): void
  /** Is called with every look, with the monotonic time. */
  looked(elapsed: number): void
  /** The store has heard of this process again, after {@link Scheduler.isSilent}. */
  heard(): void
}

/** Looks at the store now and then. */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #wall = new WallWatch()
  #cancel: () => void = () => {}
  #looking: Promise<void> | undefined
  #isClosed = false
  #isWoken = false
  #nextBeat = Number.NEGATIVE_INFINITY
  #nextLook = Number.NEGATIVE_INFINITY
  /** When the last beat that was stored began; before the first there is nothing to be silent about. */
  #beatAt = Number.POSITIVE_INFINITY

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  /** Looks at once. */
  wake(): void {
    this.#isWoken = true
    if (this.#isClosed || this.#looking) return
    this.#isWoken = false
    this.#cancel()
    this.#looking = this.#look().then(
      (pauseMs) => this.#rest(pauseMs),
      (error: unknown) => {
        this.#options.engine.log.error({ error }, 'the queue could not be read')
        this.#rest(this.#options.engine.lookMs)
      },
    )
  }

  /** This process was stopped for long, or cannot write: what it has may be another's by now. Looks at once. */
  isSilent(elapsed: number): boolean {
    if (elapsed - this.#beatAt <= SILENCE_MS) return false
    if (!this.#looking) this.wake()
    return true
  }

  /** When something was queued, by the clock of now: it may have been set forth since. */
  today(queuedAt: number): number {
    return this.#wall.today(queuedAt)
  }

  /** Ends; resolves when no look is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel()
    await this.#looking
  }

  #rest(ms: number): void {
    this.#looking = undefined
    if (!this.#isClosed) this.#cancel = this.#options.engine.clock.after(this.#isWoken ? 1 : ms, () => this.wake())
  }

  /** Resolves to how long to rest. */
  async #look(): Promise<number> {
    const { engine, registry, room, isBusy } = this.#options
    const elapsed = engine.clock.monotonic()
    this.#options.looked(elapsed)
    if (elapsed >= this.#nextBeat) await this.#beat(elapsed)
    if (elapsed >= this.#nextLook) {
      this.#nextLook = elapsed + engine.lookMs
      this.#options.stopped(registry.suspend((await engine.store.suspensions()).map(({ target }) => target)))
      registry.noteStored(await engine.store.waitingDestinations())
    }
    if (this.#wall.isDoubtful(engine.clock.now(), elapsed)) await this.#hasten(elapsed)
    await this.#fetchWaiting()
    const pauseMs = isBusy() ? BUSY_PAUSE_MS : PAGE_PAUSE_MS
    if (room() <= 0) return pauseMs
    const limit = Math.min(PAGE, room())
    const now = engine.clock.now()
    const due = await engine.store.nextDue()
    if (due === undefined || due > now)
      return Math.min(engine.lookMs, Math.max(1, (due ?? Number.POSITIVE_INFINITY) - now))
    const { leases, moved } = await engine.store.claimDue({ now, limit, gate: this.#gate(now, elapsed) })
    this.#options.offer(leases)
    return moved < limit ? Math.min(engine.lookMs, BUSY_PAUSE_MS) : pauseMs
  }

  async #beat(elapsed: number): Promise<void> {
    const { store, log, clock } = this.#options.engine
    this.#nextBeat = elapsed + BEAT_MS
    this.#options.registry.prune(elapsed)
    const taken = await store.beat(clock.now())
    this.#beatAt = elapsed
    // Each time: a beat that took long may have begun before the silence that it ends.
    this.#options.heard()
    if (taken > 0) log.warn({ deliveries: taken }, 'took over deliveries of a process that is gone')
  }

  /** What is scheduled for later than any rule allows was so by a clock that has been set back since. */
  async #hasten(elapsed: number): Promise<void> {
    const {
      store,
      log,
      clock,
      scheduleOf,
      backoff,
      longestPauseMs = longestPause(scheduleOf('')),
    } = this.#options.engine
    const now = clock.now()
    const latest = now + Math.max(longestPauseMs, 2 * backoff.maxMs) + SLACK_MS
    try {
      const hastened = await store.hasten({ now, latest })
      this.#wall.looked(elapsed)
      if (hastened > 0)
        log.warn(
          { deliveries: hastened },
          'deliveries were scheduled for later than any rule allows: the clock was set back',
        )
    } catch (error) {
      // What is due by any clock must not wait for this.
      log.error(
        { error },
        'what was scheduled before the clock was set back could not be brought forward; trying again',
      )
    }
  }

  /** Destinations that have room again get what waits for them. */
  async #fetchWaiting(): Promise<void> {
    const { engine, registry, room } = this.#options
    for (const destination of registry.hungry()) {
      const limit = Math.min(PAGE, room())
      if (limit <= 0) return
      const leases = await engine.store.claimWaiting(destination.name, limit)
      destination.hasStored = leases.length === limit
      this.#options.offer(leases)
    }
  }

  /** Where a site was closed one goes first, and shows whether the others may follow; 0: nobody has to wait. */
  #turnOf({ site }: Destination<EngineJob>, tried: Set<Site<EngineJob>>, elapsed: number): number {
    if (!site?.isDoubtful) return 0
    if (site.isBusy || tried.has(site)) return elapsed + FOLLOW_MS
    tried.add(site)
    return 0
  }

  #gate(now: number, elapsed: number): Gate {
    const { engine, registry } = this.#options
    const tried = new Set<Site<EngineJob>>()
    return (name, view) => {
      // A pending report needs no destination.
      if (view.hasPendingReport) return 'take'
      const destination = registry.get(name)
      if (destination.isSuspended || destination.length >= engine.destinationLimit) {
        destination.hasStored = true
        return 'wait'
      }
      const until = destination.blockedUntil(elapsed) || this.#turnOf(destination, tried, elapsed)
      return until > 0 && !mustSpeak(view, engine.scheduleOf(name), now) ? now + spread(until, elapsed) : 'take'
    }
  }
}

/** Behind a closed destination only what has to be told today is taken out: a warning, or the end. */
function mustSpeak(view: GateView, { lifeMs, warnAfterMs }: ScheduleOptions, now: number): boolean {
  const age = now - lifeBegan(view, view, { now })
  return age >= lifeMs || (warnAfterMs > 0 && !view.warned && age >= warnAfterMs)
}
