/** When digests go out: at times of the day, on days of the week, as the clocks of a place show them. */

/** Days as `Date` numbers them, from Sunday. */
export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** What an operator says of it. */
export interface Schedule {
  /** `HH:MM`. */
  readonly at: readonly string[]
  readonly days: readonly (typeof DAYS)[number][]
  /** A name of the IANA database. */
  readonly timeZone: string
}

const DAY_MS = 86_400_000

/** The latest time that has come; milliseconds since the epoch. */
export function lastDue(now: number, schedule: Schedule): number {
  return Math.max(...timesAround(now, schedule).filter((at) => at <= now))
}

/** The next time to come; milliseconds since the epoch. */
export function nextDue(now: number, schedule: Schedule): number {
  return Math.min(...timesAround(now, schedule).filter((at) => at > now))
}

/** `at 07:00 and 13:00 (Europe/Berlin), on mon and thu`. */
export function scheduleInWords({ at, days, timeZone }: Schedule): string {
  const on = days.length === DAYS.length ? 'every day' : `on ${days.join(', ')}`
  return `at ${at.join(', ')} (${timeZone}), ${on}`
}

/** All of nine days before and after: a week has one, and a day may be one that no clock has. */
function timesAround(now: number, { at, days, timeZone }: Schedule): readonly number[] {
  const clock = clockOf(timeZone)
  const today = clock(now)
  const times: number[] = []
  for (let by = -9; by <= 9; by++) {
    // A date alone, reckoned as if it were UTC's: days of a calendar have no length there that changes.
    const date = new Date(Date.UTC(today.year, today.month - 1, today.day) + by * DAY_MS)
    const day = DAYS[date.getUTCDay()]
    if (day === undefined || !days.includes(day)) continue
    for (const text of at) {
      const [hour = 0, minute = 0] = text.split(':').map(Number)
      times.push(instantOf(date.getTime() + (hour * 60 + minute) * 60_000, clock))
    }
  }
  return times
}

type WallClock = (at: number) => {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly shown: number
}

const clocks = new Map<string, WallClock>()

/** What the clocks there show at an instant; `shown` as if it were UTC. */
function clockOf(timeZone: string): WallClock {
  const known = clocks.get(timeZone)
  if (known) return known
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const clock: WallClock = (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = (
      ['year', 'month', 'day', 'hour', 'minute', 'second'] as const
    ).map((name) => parts.get(name))
    return { year, month, day, shown: Date.UTC(year, month - 1, day, hour, minute, second) }
  }
  clocks.set(timeZone, clock)
  return clock
}

/** When the clocks show it: the first time where they show it twice; as much later as they jump where they never do. */
function instantOf(wall: number, clock: WallClock): number {
  const before = clock(wall - DAY_MS).shown - (wall - DAY_MS)
  const after = clock(wall + DAY_MS).shown - (wall + DAY_MS)
  const candidates = [wall - before, wall - after].filter((at) => clock(at).shown === wall)
  return candidates.length > 0 ? Math.min(...candidates) : wall - before
}
