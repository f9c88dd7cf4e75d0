/** One day of mail, minute by minute: what comes, what is deferred and comes again, what a destination's outage piles up. Pure. */

/** The mail of a day. */
export interface DayOptions {
  readonly messagesADay: number
  /** The busiest minute against the average one. */
  readonly peakFactor: number
  /** Part of first attempts that is deferred. */
  readonly deferred: number
  /** Part of later attempts that is deferred again. */
  readonly deferredAgain: number
  /** Minutes between attempts; the last repeats. */
  readonly waits: readonly number[]
  /** A destination that takes nothing for a while. */
  readonly outage?: { readonly share: number; readonly fromMinute: number; readonly minutes: number }
}

/** What the day asks of the machines. */
export interface Day {
  readonly messages: number
  readonly attempts: number
  /** Of the busiest minute. */
  readonly peakMessagesPerSecond: number
  readonly peakAttemptsPerSecond: number
  /** Most messages in the queue at the end of a minute. */
  readonly peakBacklog: number
}

const MINUTES = 1_440

interface Minute {
  readonly fresh: number
  readonly made: number
  readonly backlog: number
}

/** Plays two days and tells of the second, which begins with what the first left. */
export function playDay(options: DayOptions): Day {
  const share = options.outage?.share ?? 0
  const usual = playStream(options, { part: 1 - share, isDown: () => false })
  const hit = playStream(options, { part: share, isDown: (minute) => isOut(options, minute) })
  const day = { messages: 0, attempts: 0, peakMessagesPerSecond: 0, peakAttemptsPerSecond: 0, peakBacklog: 0 }
  for (let minute = MINUTES; minute < 2 * MINUTES; minute++) {
    const [a, b] = [usual[minute] ?? NOTHING, hit[minute] ?? NOTHING]
    day.messages += a.fresh + b.fresh
    day.attempts += a.made + b.made
    day.peakMessagesPerSecond = Math.max(day.peakMessagesPerSecond, (a.fresh + b.fresh) / 60)
    day.peakAttemptsPerSecond = Math.max(day.peakAttemptsPerSecond, (a.made + b.made) / 60)
    day.peakBacklog = Math.max(day.peakBacklog, a.backlog + b.backlog)
  }
  return day
}

const NOTHING: Minute = { fresh: 0, made: 0, backlog: 0 }

/** A part of the mail whose destinations are up or down together. */
function playStream(options: DayOptions, stream: { readonly part: number; isDown(minute: number): boolean }): Minute[] {
  const due = new Map<number, Map<number, number>>()
  let backlog = 0
  return Array.from({ length: 2 * MINUTES }, (_, minute) => {
    const fresh = arrivals(options, minute) * stream.part
    const attempts = new Map(due.get(minute) ?? [])
    attempts.set(0, (attempts.get(0) ?? 0) + fresh)
    due.delete(minute)
    backlog += fresh
    let made = 0
    for (const [attempt, count] of attempts) {
      made += count
      const usual = attempt === 0 ? options.deferred : options.deferredAgain
      const again = count * (stream.isDown(minute) ? 1 : usual)
      backlog -= count - again
      later(due, minute + wait(options.waits, attempt), { attempt: attempt + 1, count: again })
    }
    return { fresh, made, backlog }
  })
}

function isOut({ outage }: DayOptions, minute: number): boolean {
  const since = outage ? minute - MINUTES - outage.fromMinute : -1
  return outage !== undefined && since >= 0 && since < outage.minutes
}

/** A sine over the day between what makes the average and the peak factor. */
function arrivals({ messagesADay, peakFactor }: DayOptions, minute: number): number {
  const swing = Math.min(1, peakFactor - 1)
  const wave = 1 + swing * Math.sin((2 * Math.PI * (minute % MINUTES)) / MINUTES - Math.PI / 2)
  // What a wave cannot reach is a burst of ten minutes at noon.
  const burst = peakFactor > 2 && Math.abs((minute % MINUTES) - MINUTES / 2) < 5 ? peakFactor / 2 : 1
  return (messagesADay / MINUTES) * wave * burst
}

function wait(waits: readonly number[], attempt: number): number {
  return waits[Math.min(attempt, waits.length - 1)] ?? 60
}

function later(
  due: Map<number, Map<number, number>>,
  minute: number,
  what: { readonly attempt: number; readonly count: number },
): void {
  if (what.count < 1e-9) return
  const there = due.get(minute) ?? new Map<number, number>()
  there.set(what.attempt, (there.get(what.attempt) ?? 0) + what.count)
  due.set(minute, there)
}
