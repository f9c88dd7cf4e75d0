/** When reports go out: once a day has ended, each domain's at a time of its own within a few hours, and by one process at a time. */
import { createHash } from 'node:crypto'
import type { Clock, Lock, Logger } from '@postroad/plugin'
import { dayOf, rangeOf } from './day.ts'
import type { ReportLedger } from './ledger.ts'

/** What became of a domain's report: `nothing` where nobody wants one, `later` where it is to be tried again. */
export type RoundOutcome = 'sent' | 'nothing' | 'later'

/** A day of a domain. */
export interface DueReport {
  readonly day: string
  readonly domain: string
  readonly about: string
}

/** How rounds are made. */
export interface RoundsOptions {
  /** Of the lock. */
  readonly name: string
  readonly ledger: ReportLedger
  readonly lock: Lock
  readonly clock: Clock
  readonly log: Logger
  /** Spreads the times of different servers. */
  readonly hostname: string
  /** Milliseconds over which reports are spread, RFC 8460 §4.1. */
  readonly spreadMs: number
  send(due: DueReport, signal: AbortSignal): Promise<RoundOutcome>
}

const MINUTE = 60_000
const DAY_MS = 86_400_000
/** Minutes between two rounds. */
const ROUND_EVERY = 5
/** What other processes have counted in the last minute of the day is there by then. */
const SETTLE_MS = 10 * MINUTE
const AGAIN_MS = 30 * MINUTE
/** RFC 8460 §5.6: a report that could not be delivered is tried for a day. */
const GIVE_UP_MS = DAY_MS

/** Writes counts down once a minute, and sends what is due. */
export class ReportRounds {
  readonly #options: RoundsOptions
  readonly #resting = new Map<string, number>()

  constructor(options: RoundsOptions) {
    this.#options = options
  }

  /** Until the signal is aborted. Does not reject. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, ledger, log } = this.#options
    for (let minute = 1; !signal.aborted; minute++) {
      try {
        await clock.sleep(MINUTE, signal)
        await ledger.flush()
        if (minute % ROUND_EVERY === 0) await this.round(signal)
      } catch (error) {
        if (!signal.aborted) log.warn({ error }, 'the round of reports could not be made')
      }
    }
  }

  /** Sends what is due now. Resolves to how many reports were sent; undefined when another process is at it. */
  async round(signal: AbortSignal): Promise<number | undefined> {
    const { name, lock } = this.#options
    return await lock.tryWith(`${name}:round`, 10 * MINUTE, (lost) => this.#round(AbortSignal.any([lost, signal])))
  }

  async #round(signal: AbortSignal): Promise<number> {
    const { clock, ledger } = this.#options
    let sent = 0
    const now = clock.now()
    // The day before yesterday, for what is tried again.
    for (const back of [2, 1]) {
      const day = dayOf(now - back * DAY_MS)
      for await (const { domain, about } of ledger.domains(day, signal)) {
        signal.throwIfAborted()
        if (this.#isDue(day, domain, now) && (await this.#deal({ day, domain, about }, signal)) === 'sent') sent++
      }
    }
    return sent
  }

  #isDue(day: string, domain: string, now: number): boolean {
    const { hostname, spreadMs } = this.#options
    const share = createHash('sha256').update(`${hostname} ${day} ${domain}`).digest().readUInt32BE() / 2 ** 32
    const due = rangeOf(day).end + SETTLE_MS + Math.floor(share * spreadMs)
    return now >= Math.max(due, this.#resting.get(`${day} ${domain}`) ?? 0)
  }

  async #deal(due: DueReport, signal: AbortSignal): Promise<RoundOutcome> {
    const { clock, ledger, log, send, spreadMs } = this.#options
    const { day, domain } = due
    const key = `${day} ${domain}`
    let outcome: RoundOutcome
    try {
      outcome = await send(due, signal)
    } catch (error) {
      signal.throwIfAborted()
      log.warn({ error, domain, day }, 'a report could not be made')
      outcome = 'later'
    }
    const isOver = clock.now() > rangeOf(day).end + SETTLE_MS + spreadMs + GIVE_UP_MS
    if (outcome === 'later' && !isOver) {
      this.#resting.set(key, clock.now() + AGAIN_MS)
      return outcome
    }
    if (outcome === 'later') log.warn({ domain, day }, 'a report could not be delivered, and is given up')
    this.#resting.delete(key)
    await ledger.forget(day, domain)
    return outcome
  }
}
