/**
 * Tells one endpoint: reads the outbox behind its cursor, brings events to the sink in the order of each message, and moves the cursor when
 * they have been taken. Whatever dies meanwhile, what the cursor has not passed is told again.
 */

import type { Clock, Logger } from '@postroad/plugin'
import { type Outbox, readEvent } from '@postroad/queue-engine'
import { Circuit } from './circuit.ts'
import { EndpointCounts } from './counts.ts'
import { wantedBy } from './filter.ts'
import { Nap } from './nap.ts'
import { ASKED, type AskedNote, CURSOR, type DeadNote, deadPrefix, noteAt, OFF, type OffNote } from './notes.ts'
import type { EndpointOptions } from './options.ts'
import { type Parked, ParkedEvents, sortable } from './parked.ts'
import { type EventOutcome, type EventSink, whyOf } from './sink.ts'
import { type PendingEvent, pending, Window } from './window.ts'

/** What a {@link Teller} needs. */
export interface TellerOptions {
  readonly endpoint: EndpointOptions
  readonly outbox: Outbox
  readonly sink: EventSink
  readonly clock: Clock
  readonly log: Logger
  readonly random?: () => number
  /** Goes on with these. */
  readonly counts?: EndpointCounts | undefined
}

/** Milliseconds between looks for what other processes have written. */
const LOOK_MS = 500
/** Milliseconds between writings of the cursor: what is told again after a death is of so long. */
const CURSOR_MS = 500
/** Tries after which an event that fails by itself does not hold up the others. */
const TRIES = 3
/** Milliseconds for requests under way when the server stops. */
const GRACE_MS = 3_000
/** Parked events beyond which no more are parked: then it is the endpoint. */
const PARKED = 10_000

type Changes = (readonly [key: string, value: string | undefined])[]

/** The teller of one endpoint. */
export class Teller {
  readonly counts: EndpointCounts
  readonly #options: TellerOptions
  readonly #isWanted: (event: Pick<PendingEvent, 'kind' | 'payload'>) => boolean
  readonly #circuit: Circuit
  readonly #parked: ParkedEvents
  readonly #running = new Set<Promise<void>>()
  readonly #nap: Nap
  #window = new Window()
  #readTo = ''
  #written = ''
  #writtenAt = 0
  #lookedAt = Number.NEGATIVE_INFINITY
  #hasMore = true
  #isOff = false
  #isNudged = false
  readonly #over = new AbortController()
  #ended: Promise<void> = Promise.resolve()

  constructor(options: TellerOptions) {
    this.#options = options
    this.counts = options.counts ?? new EndpointCounts()
    this.#nap = new Nap(options.clock)
    this.#isWanted = wantedBy(options.endpoint)
    this.#circuit = new Circuit(options.random)
    this.#parked = new ParkedEvents(options.endpoint.name, options.random)
  }

  get name(): string {
    return this.#options.endpoint.name
  }

  /** Resolves when {@link run} has. */
  get ended(): Promise<void> {
    return this.#ended
  }

  /** All up to here is settled, durably; undefined: this endpoint holds nothing. */
  get holds(): string | undefined {
    return this.#isOff ? undefined : this.#written
  }

  /** Milliseconds since the epoch of the oldest event that it was not told of. */
  get oldest(): number | undefined {
    const position = this.#window.oldest
    return position === undefined ? undefined : Number.parseInt(position, 10)
  }

  get parked(): number {
    return this.#parked.size
  }

  get state(): 'on' | 'open' | 'off' {
    return this.#isOff ? 'off' : this.#circuit.isOpen ? 'open' : 'on'
  }

  /** Events were written. Those of a batch are read together. */
  written(): void {
    const { endpoint, clock } = this.#options
    this.#hasMore = true
    if (endpoint.batch === 1 || endpoint.wait === 0) this.#nap.wake()
    else if (!this.#isNudged) {
      this.#isNudged = true
      clock.sleep(endpoint.wait, this.#over.signal).then(
        () => {
          this.#isNudged = false
          this.#nap.wake()
        },
        () => undefined, // it has ended
      )
    }
  }

  /** Until the signal is aborted; what is under way then has a moment to end. Rejects when the outbox cannot be read or written. */
  run(signal: AbortSignal): Promise<void> {
    const run = this.#run(signal)
    this.#ended = run.catch(() => undefined) // whoever has called hears why
    return run
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { endpoint } = this.#options
    const cutting = new AbortController()
    await this.#load()
    try {
      while (!signal.aborted) {
        await this.#look()
        if (!this.#isOff) {
          await this.#fill()
          await this.#dispatch(cutting.signal)
          await this.#writeCursor(false)
        }
        await this.#nap.sleep(this.#restMs(), signal)
      }
    } finally {
      this.#over.abort()
      const late = setTimeout(() => cutting.abort(), GRACE_MS)
      await Promise.all(this.#running)
      clearTimeout(late)
      // The outbox may be what has failed: then the cursor of before holds.
      if (!this.#isOff)
        await this.#writeCursor(true).catch((error: unknown) =>
          this.#options.log.warn({ error, endpoint: endpoint.name }, 'where an endpoint is could not be written down'),
        )
    }
  }

  async #load(): Promise<void> {
    const { outbox, endpoint } = this.#options
    this.#readTo = (await noteAt(outbox, CURSOR + endpoint.name)) ?? '0-0'
    this.#written = this.#readTo
    this.#isOff = (await noteAt(outbox, OFF + endpoint.name)) !== undefined
    this.#window = new Window()
    await this.#parked.load(outbox, (event) => readEvent(event).key)
  }

  /** What commands of other processes want. */
  async #look(): Promise<void> {
    const { outbox, endpoint, clock } = this.#options
    const elapsed = this.#elapsed()
    if (elapsed - this.#lookedAt < LOOK_MS) return
    this.#lookedAt = elapsed
    this.#hasMore = true
    const key = ASKED + endpoint.name
    const text = await noteAt(outbox, key)
    if (text === undefined) return
    const { seek, enable }: AskedNote = JSON.parse(text) // a command wrote it
    await Promise.all(this.#running)
    const changes: Changes = [[key, undefined]]
    if (seek === undefined) await this.#writeCursor(true)
    else changes.push([CURSOR + endpoint.name, seek])
    if (enable) changes.push([OFF + endpoint.name, undefined])
    await outbox.note(changes)
    this.#circuit.succeeded()
    await this.#load()
    this.#parked.hasten(clock.now())
  }

  async #fill(): Promise<void> {
    const { outbox, endpoint } = this.#options
    const size = Math.max(200, endpoint.batch * endpoint.concurrency * 2)
    if (!this.#hasMore || this.#window.length >= size) return
    const limit = size - this.#window.length
    const read = await outbox.read({ after: this.#readTo, limit })
    this.#hasMore = read.length === limit
    for (const { position, event } of read) {
      this.#readTo = position
      const written = readEvent(event)
      const entry = pending(position, event, written)
      if (this.#isWanted(written) && !this.#parked.hasPosition(position)) this.#window.add(entry)
      else this.#window.skip(entry)
    }
  }

  async #dispatch(cut: AbortSignal): Promise<void> {
    const { endpoint, clock } = this.#options
    if (this.#parked.size > 0) await this.#follow()
    for (;;) {
      const most = this.#circuit.isOpen ? 1 : endpoint.concurrency
      if (this.#running.size >= most || this.#elapsed() < this.#circuit.readyAt) return
      const due = this.#circuit.isOpen && this.#window.ready > 0 ? undefined : this.#parked.takeDue(clock.now())
      if (due) {
        this.#begin(this.#retry(due, cut))
        continue
      }
      if (this.#window.ready === 0 || this.#waitsForMore()) return
      const batch = this.#window.take(this.#circuit.isOpen ? 1 : endpoint.batch)
      if (batch.length === 0) return
      this.#begin(this.#send(batch, cut))
    }
  }

  /** A batch that is not full waits for more of them, for a while. */
  #waitsForMore(): boolean {
    const { endpoint, clock } = this.#options
    const { oldest } = this
    if (endpoint.batch === 1 || this.#window.ready >= endpoint.batch || oldest === undefined) return false
    const age = clock.now() - oldest
    // An event of the future was written by another clock.
    return age >= 0 && age < endpoint.wait
  }

  #begin(work: Promise<void>): void {
    const running: Promise<void> = work
      .catch((error: unknown) => {
        // It stays unsettled, and is told after the next start.
        this.#options.log.error(
          { error, endpoint: this.#options.endpoint.name },
          'what became of an event could not be written down',
        )
      })
      .finally(() => {
        this.#running.delete(running)
        this.#nap.wake()
      })
    this.#running.add(running)
  }

  async #send(batch: readonly PendingEvent[], cut: AbortSignal): Promise<void> {
    const outcome = await this.#deliver(batch, cut).catch((error: unknown) => {
      this.#window.putBack(batch)
      throw error
    })
    if (outcome.kind === 'ok') return this.#window.settle(batch)
    if (outcome.kind === 'gone' || cut.aborted) return this.#window.putBack(batch)
    const [only] = batch
    const isOne = batch.length === 1
    for (const entry of batch) {
      entry.tries++
      // One of them may be the fault of all.
      if (!isOne && (outcome.kind === 'refused' || entry.tries >= TRIES)) entry.isAlone = true
    }
    const isGivenUp = isOne && only !== undefined && (outcome.kind === 'refused' || only.tries >= TRIES)
    if (isGivenUp && this.#parked.size < PARKED) await this.#park([only], { attempts: only.tries, why: outcome.why })
    else this.#window.putBack(batch)
  }

  /** Whatever comes later of a message that has something parked is parked behind it. */
  async #follow(): Promise<void> {
    const followers = this.#window.takeOf((key) => this.#parked.hasMessage(key))
    if (followers.length > 0)
      await this.#park(followers, { attempts: 0, why: 'an earlier event of its message was not taken' })
  }

  async #park(
    entries: readonly PendingEvent[],
    how: { readonly attempts: number; readonly why: string },
  ): Promise<void> {
    const { outbox, clock } = this.#options
    const all = entries.map((entry) => this.#parked.park(entry, how, clock.now()))
    try {
      await outbox.note(all.flatMap(({ changes }) => changes))
    } catch (error) {
      this.#window.putBack(entries)
      throw error
    }
    this.#parked.parked(all.map(({ parked }) => parked))
    this.#window.settle(entries)
  }

  async #retry(parked: Parked, cut: AbortSignal): Promise<void> {
    // What stands in its place; where something fails, it stays as it is.
    let next: Parked | undefined = parked
    try {
      next = await this.#tryParked(parked, cut)
    } finally {
      this.#parked.ended(parked, next)
    }
  }

  async #tryParked(parked: Parked, cut: AbortSignal): Promise<Parked | undefined> {
    const { outbox, clock, endpoint, log } = this.#options
    const written = readEvent(parked.event)
    const outcome = await this.#deliver([written], cut)
    const removal = this.#parked.removal(parked)
    if (outcome.kind === 'ok') {
      await outbox.note(removal)
      return undefined
    }
    if (cut.aborted || outcome.kind === 'gone') return parked
    const now = clock.now()
    const { next, changes } = this.#parked.retry(parked, outcome.why, now)
    if (now - Number.parseInt(parked.position, 10) < endpoint.life) {
      await outbox.note(changes)
      return next
    }
    const dead: DeadNote = { event: parked.event, attempts: next.attempts, since: now, why: outcome.why }
    await outbox.note([...removal, [deadPrefix(endpoint.name) + sortable(parked.position), JSON.stringify(dead)]])
    this.counts.dead++
    log.warn({ endpoint: endpoint.name, event: written.id, why: outcome.why }, 'an event is a dead letter')
    return undefined
  }

  async #deliver(events: readonly Pick<PendingEvent, 'id' | 'payload'>[], cut: AbortSignal): Promise<EventOutcome> {
    const { sink, endpoint, log, clock } = this.#options
    const startedAt = this.#elapsed()
    const outcome = await sink
      .deliver(events, cut)
      .catch((error: unknown): EventOutcome => ({ kind: 'failed', why: whyOf(error) }))
    this.counts.told(outcome, { events: events.length, ms: this.#elapsed() - startedAt, now: clock.now() })
    if (cut.aborted) return outcome
    if (outcome.kind === 'ok') {
      if (this.#circuit.isOpen) {
        log.info({ endpoint: endpoint.name }, 'an endpoint takes events again')
        this.#parked.hasten(clock.now())
      }
      this.#circuit.succeeded()
    } else if (outcome.kind === 'gone') await this.#switchOff(outcome.why)
    else {
      const wasOpen = this.#circuit.isOpen
      this.#circuit.failed(this.#elapsed(), startedAt, outcome.kind === 'failed' ? outcome.retryAfterMs : undefined)
      if (this.#circuit.isOpen && !wasOpen)
        log.warn(
          { endpoint: endpoint.name, why: outcome.why, failures: this.#circuit.failures },
          'an endpoint does not take events: it is asked now and then',
        )
    }
    return outcome
  }

  async #switchOff(why: string): Promise<void> {
    const { outbox, endpoint, clock, log } = this.#options
    if (this.#isOff) return
    this.#isOff = true
    const note: OffNote = { since: clock.now(), why }
    log.warn(
      { endpoint: endpoint.name, why },
      'an endpoint wants no more events and is off; `postroad events enable` begins again',
    )
    await this.#writeCursor(true)
    await outbox.note([[OFF + endpoint.name, JSON.stringify(note)]])
  }

  async #writeCursor(isNow: boolean): Promise<void> {
    const { settledTo } = this.#window
    const elapsed = this.#elapsed()
    if (settledTo === undefined || settledTo === this.#written || (!isNow && elapsed - this.#writtenAt < CURSOR_MS))
      return
    this.#writtenAt = elapsed
    await this.#options.outbox.note([[CURSOR + this.#options.endpoint.name, settledTo]])
    this.#written = settledTo
  }

  /** Milliseconds until something is due. */
  #restMs(): number {
    const { clock, endpoint } = this.#options
    const [now, elapsed] = [clock.now(), this.#elapsed()]
    const times = [LOOK_MS]
    if (this.#isOff) return LOOK_MS
    if (this.#window.settledTo !== undefined && this.#window.settledTo !== this.#written)
      times.push(this.#writtenAt + CURSOR_MS - elapsed)
    if (this.#running.size === 0 && this.#window.ready > 0)
      times.push(
        this.#circuit.readyAt > elapsed ? this.#circuit.readyAt - elapsed : (this.oldest ?? now) + endpoint.wait - now,
      )
    const due = this.#parked.nextAt()
    if (due !== undefined) times.push(Math.max(due - now, this.#circuit.readyAt - elapsed))
    return Math.max(1, Math.min(...times))
  }

  #elapsed(): number {
    const { clock } = this.#options
    return clock.monotonic?.() ?? clock.now()
  }
}
