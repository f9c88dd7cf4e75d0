/** When reports go out: once a day has ended, each domain's at a time of its own within a few hours, and by one process at a time. */
import { createHash } from 'node:crypto'
import type { Clock, Lock, Logger } from '@postroad/plugin'
import { dayOf, rangeOf } from './day.ts'
import { type ReportLedger, SHARES } from './ledger.ts'

/** What became of a domain's report: `nothing` where nobody wants one, `later` where it is to be tried again. */
export type RoundOutcome = 'sent' | 'nothing' | 'later'

/** A day of a domain. */
export interface DueReport {
  readonly day: string
  readonly domain: string
  readonly about: string
  readonly rows: ReadonlyMap<string, number>
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
/** What other processes have counted in the last minutes of the day is there by then. */
const SETTLE_MS = 10 * MINUTE
const AGAIN_MS = 30 * MINUTE
/** Reports under way: whoever names a web server that never answers is not to keep those of others waiting for hours. */
const AT_ONCE = 16
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
        await ledger.flushAt(minute)
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
    const now = this.#options.clock.now()
    let sent = 0
    // The day before yesterday, for what is tried again.
    for (const back of [2, 1])
      for (let share = 0; share < SHARES; share++) {
        const day = dayOf(now - back * DAY_MS)
        if (this.#isDue(day, share, now)) sent += await this.#deal(day, share, signal)
      }
    return sent
  }

  #isDue(day: string, share: number, now: number): boolean {
    const { hostname, spreadMs } = this.#options
    const hash = createHash('sha256').update(`${hostname} ${day} ${share}`).digest().readUInt32BE()
    const due = rangeOf(day).end + SETTLE_MS + Math.floor((hash / 2 ** 32) * spreadMs)
    return now >= Math.max(due, this.#resting.get(`${day} ${share}`) ?? 0)
  }

  async #deal(day: string, share: number, signal: AbortSignal): Promise<number> {
    const { clock, ledger, spreadMs } = this.#options
    let sent = 0
    let isLater = false
    const rest = (await ledger.read(day, share, { signal })).entries()
    const work = async (): Promise<void> => {
      for (const [domain, { about, rows }] of rest) {
        signal.throwIfAborted()
        if (await ledger.isSettled(day, domain)) continue
        const outcome = await this.#send({ day, domain, about, rows }, signal)
        if (outcome === 'sent') sent++
        if (outcome === 'later') isLater = true
        else await ledger.settle(day, domain)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    const isOver = clock.now() > rangeOf(day).end + SETTLE_MS + spreadMs + GIVE_UP_MS
    // One that has nothing is not looked at in every round; what has come late is found all the same.
    this.#resting.set(`${day} ${share}`, clock.now() + AGAIN_MS)
    if (!isLater || isOver) await ledger.forget(day, share)
    if (this.#resting.size > 4 * SHARES)
      for (const [key, at] of this.#resting) if (at < clock.now()) this.#resting.delete(key)
    return sent
  }

  async #send(due: DueReport, signal: AbortSignal): Promise<RoundOutcome> {
    const { log, send } = this.#options
    const { domain, day } = due
    try {
      return await send(due, signal)
    } catch (error) {
      signal.throwIfAborted()
      log.warn({ error, domain, day }, 'a report could not be made')
      return 'later'
    }
  }
}
