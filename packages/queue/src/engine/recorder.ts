/** Writes down how deliveries ended, together with what has to be told of it; goes on trying, because the alternative is to deliver again. */
import type { MessageSource } from '@postroad/mail'
import type { Lease } from '../model.ts'
import type { Transition } from '../state.ts'
import { type LeaseEnd, type NewMessage, QueueError, type RecordResult } from '../store.ts'
import type { EngineOptions } from './options.ts'
import type { PutBack } from './put-back.ts'
import { lateReports, pendingReports, type ReportBatch } from './report-batch.ts'
import { isFor, report, unreturned } from './reporter.ts'

/** Milliseconds between tries to write down what happened, when the store fails. */
const RECORD_RETRY_MS = 1_000

/** What became of an end, and the notifications that are now durable. */
export type Recorded = readonly [result: RecordResult, spawned: readonly NewMessage[]]

/** Ends leases in the store, with the notifications that become durable in the same step. */
export class Recorder {
  readonly #options: EngineOptions
  readonly #putBack: PutBack
  readonly #closing: AbortSignal

  constructor(options: EngineOptions, putBack: PutBack, closing: AbortSignal) {
    this.#options = options
    this.#putBack = putBack
    this.#closing = closing
  }

  /** Ends an attempt; `canWait`: no other waits for its place. */
  async end(lease: Lease, transition: Transition, source: MessageSource, canWait = false): Promise<Recorded> {
    const { state, reports } = transition
    // Made once: whatever is tried again is the same event.
    const events = this.#options.events?.ended(lease, transition, this.#options.clock.now())
    const lost = unreturned(lease, transition)
    if (lost.length > 0)
      return this.#record({ ends: [{ lease, state }], reports: lost }, source, { unreturned: lost.length, events })
    const own: ReportBatch = {
      ends: [{ lease, state }],
      reports: reports.map((each) => ({ ...each, delivery: lease.index })),
    }
    const late =
      lease.message.deliveries.length > 1 && reports.some(({ action }) => action === 'delayed')
        ? await this.#late(lease)
        : []
    if (late.length === 0) return this.#record(own, source, { events, canWait })
    const recorded = await this.#record(together([own, ...late]), source, { events }).catch(async (error: unknown) => {
      await this.#giveBack(late)
      throw error
    })
    if (recorded[0] !== 'lost') return recorded
    // Perhaps it was one of the others.
    await this.#giveBack(late)
    return this.#record(own, source, { events })
  }

  /** Makes the pending reports of one message. */
  async tell(leases: readonly Lease[]): Promise<Recorded> {
    const [first] = leases
    if (!first) return ['lost', []]
    const batch = await pendingReports(this.#options.store, leases)
    try {
      const recorded = await this.#record(batch, this.#options.store.content(first.message))
      if (recorded[0] === 'lost') await this.#giveBack([batch])
      return recorded
    } catch (error) {
      // Leases that the caller handed in are put back by the caller.
      await this.#giveBack([{ ...batch, ends: batch.ends.filter(({ lease }) => !leases.includes(lease)) }])
      throw error
    }
  }

  /** To tell less is better than to lose what has happened. */
  async #late(lease: Lease): Promise<ReportBatch[]> {
    try {
      const batch = await lateReports(this.#options, lease, this.#options.clock.now())
      return batch.ends.length === 0 ? [] : [batch]
    } catch (error) {
      this.#options.log.warn(
        { error, id: lease.message.id },
        'other late deliveries of a message could not be looked for',
      )
      return []
    }
  }

  async #giveBack(batches: readonly ReportBatch[]): Promise<void> {
    const leases = batches.flatMap(({ ends }) => ends.map(({ lease }) => lease))
    await this.#putBack.give(leases, { kind: 'scheduled', at: this.#options.clock.now() })
  }

  async #record(
    { ends: [first, ...also], reports }: ReportBatch,
    source: MessageSource,
    { unreturned = 0, events, canWait = false }: Pick<LeaseEnd, 'unreturned' | 'events' | 'canWait'> = {},
  ): Promise<Recorded> {
    const { store, clock, log, hostname, returnLimit, routeReport, postmaster } = this.#options
    if (!first) return ['lost', []]
    const now = clock.now()
    const { message } = first.lease
    const options = { hostname, returnLimit, route: routeReport }
    const to = unreturned > 0 && postmaster && !isFor(postmaster, message) ? postmaster : undefined
    let spawn: readonly NewMessage[] | undefined = reports.length === 0 ? [] : undefined
    for (;;) {
      try {
        // What cannot be read now, for want of a descriptor, does not undo what has happened.
        spawn ??= await report({ message, reports, source, now, to }, options)
        const result = await store.record({
          ...first,
          also,
          spawn,
          now,
          events,
          canWait,
          ...(unreturned > 0 && { unreturned }),
        })
        if (events && result !== 'lost') this.#options.events?.written()
        return [result, result === 'lost' ? [] : spawn]
      } catch (error) {
        if (this.#closing.aborted || (error instanceof QueueError && error.code === 'ERR_QUEUE_CORRUPT')) throw error
        log.error({ error, id: message.id }, 'the end of an attempt could not be stored; trying again')
        await new Promise<void>((resolve) => clock.after(RECORD_RETRY_MS, resolve))
      }
    }
  }
}

function together(batches: readonly ReportBatch[]): ReportBatch {
  return { ends: batches.flatMap(({ ends }) => ends), reports: batches.flatMap(({ reports }) => reports) }
}
