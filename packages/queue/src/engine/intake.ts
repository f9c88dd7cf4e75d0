/**
 * Brings work from the store into memory, a page at a time, so that 100,000 deferred messages cost no more memory than
 * a hundred, and never stand in the way of fresh ones.
 */
import type { Claim } from '../model.ts'
import type { ScheduleOptions } from '../schedule.ts'
import type { Gate, GateView } from '../store.ts'
import type { Lane } from './lane.ts'
import type { LaneBook } from './lane-book.ts'
import { BEAT_MS, type EngineOptions, type Job, PAGE } from './options.ts'
import { type Site, spread } from './site.ts'

/** Milliseconds between pages while there is more that is due: when nothing else is to be done, and while there is fresh mail. */
const PAGE_PAUSE_MS = 10
const BUSY_PAUSE_MS = 100

/** Milliseconds after which those who follow a first one look again. */
const FOLLOW_MS = 5_000

/** What the intake needs of the engine. */
export interface IntakeOptions {
  readonly engine: EngineOptions
  readonly lanes: LaneBook
  /** How many claims there is room for. */
  room(): number
  /** There is fresh mail: old mail must not slow it. */
  isBusy(): boolean
  /** Takes claims; what they are of is read back from the store. */
  offer(claims: readonly Claim[]): void
  /** These lanes were suspended. */
  stopped(lanes: readonly Lane<Job>[]): void
  /** Is called with every look. */
  looked(now: number): void
}

/** Looks at the store now and then. */
export class Intake {
  readonly #options: IntakeOptions
  #cancel: () => void = () => {}
  #looking: Promise<void> | undefined
  #isClosed = false
  #isWoken = false
  #nextBeat = 0
  #nextLook = 0

  constructor(options: IntakeOptions) {
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
        this.#options.engine.log.error({ err: error }, 'the queue could not be read')
        this.#rest(this.#options.engine.lookMs)
      },
    )
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
    const { engine, lanes, room, isBusy } = this.#options
    const now = engine.clock.now()
    this.#options.looked(now)
    if (now >= this.#nextBeat) await this.#beat(now)
    if (now >= this.#nextLook) {
      this.#nextLook = now + engine.lookMs
      this.#options.stopped(lanes.suspend((await engine.store.suspensions()).map(({ target }) => target)))
      lanes.noteStored(await engine.store.waitingLanes())
    }
    await this.#fetchWaiting()
    const pauseMs = isBusy() ? BUSY_PAUSE_MS : PAGE_PAUSE_MS
    if (room() <= 0) return pauseMs
    const limit = Math.min(PAGE, room())
    const due = await engine.store.nextDue()
    if (due === undefined || due > now) return Math.min(engine.lookMs, Math.max(1, (due ?? Number.POSITIVE_INFINITY) - now))
    const { claims, moved } = await engine.store.claimDue({ now, limit, gate: this.#gate(now) })
    this.#options.offer(claims)
    return moved < limit ? Math.min(engine.lookMs, BUSY_PAUSE_MS) : pauseMs
  }

  async #beat(now: number): Promise<void> {
    const { store, log } = this.#options.engine
    this.#nextBeat = now + BEAT_MS
    this.#options.lanes.prune(now)
    const taken = await store.beat(now)
    if (taken > 0) log.warn({ deliveries: taken }, 'took over deliveries of a process that is gone')
  }

  /** Lanes that have room again get what waits for them. */
  async #fetchWaiting(): Promise<void> {
    const { engine, lanes, room } = this.#options
    for (const lane of lanes.hungry()) {
      const limit = Math.min(PAGE, room())
      if (limit <= 0) return
      const claims = await engine.store.claimWaiting(lane.name, limit)
      lane.hasStored = claims.length === limit
      this.#options.offer(claims)
    }
  }

  /** Where a site was closed one goes first, and shows whether the others may follow; 0: nobody has to wait. */
  #turnOf({ site }: Lane<Job>, tried: Set<Site<Job>>, now: number): number {
    if (!site?.isDoubtful) return 0
    if (site.isBusy || tried.has(site)) return now + FOLLOW_MS
    tried.add(site)
    return 0
  }

  #gate(now: number): Gate {
    const { engine, lanes } = this.#options
    const tried = new Set<Site<Job>>()
    return (name, view) => {
      // What is owed to the sender needs no destination.
      if (view.owes) return 'take'
      const lane = lanes.get(name)
      if (lane.isSuspended || lane.length >= engine.laneLimit) {
        lane.hasStored = true
        return 'wait'
      }
      const until = lane.blockedUntil(now) || this.#turnOf(lane, tried, now)
      return until > 0 && !mustSpeak(view, engine.scheduleOf(name), now) ? spread(until, now) : 'take'
    }
  }
}

/** Behind a closed lane only what has to be told today is taken out: a warning, or the end. */
function mustSpeak({ queuedAt, warned }: GateView, { lifeMs, warnAfterMs }: ScheduleOptions, now: number): boolean {
  return now >= queuedAt + lifeMs || (warnAfterMs > 0 && !warned && now - queuedAt >= warnAfterMs)
}
