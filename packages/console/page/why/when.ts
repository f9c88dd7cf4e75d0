/** The words of a question that say when: a day, a time of the day, or a span of either, in the time of who asks. */

/** What is asked for, without those words; times are milliseconds since the epoch, and both ends are within. */
export interface AskedWhen {
  readonly q: string
  readonly from?: number
  readonly to?: number
}

interface Moment {
  readonly day: Date | undefined
  /** Minutes since midnight. */
  readonly minute: number | undefined
}

const MINUTE = 60_000
const MOMENT = /^(?:(\d{4})-(\d\d)-(\d\d))?(?:T?(\d\d?):(\d\d))?$/

/** `2026-11-30`, `14:05`, `2026-11-30T14:05`, and spans: `14:00..15:30`. A day and a time belong together; a time alone is the last such. */
export function whenIn(text: string, now = Date.now()): AskedWhen {
  const words: string[] = []
  const spans: (readonly [Moment, Moment])[] = []
  for (const word of text.split(/\s+/)) {
    const span = spanOf(word)
    if (span) spans.push(span)
    else words.push(word)
  }
  const q = words.join(' ').trim()
  if (spans.length === 0) return { q }
  const lent = spans.find(([{ day }]) => day)?.[0].day
  const hasTime = spans.some(([{ minute }]) => minute !== undefined)
  let [from, to] = [-Infinity, Infinity]
  for (const [first, last] of spans) {
    // A day beside a time says only which day.
    if (hasTime && first.minute === undefined && spans.length > 1) continue
    const day = first.day ?? lent ?? lastDayOf(first.minute ?? 0, now)
    const isOverMidnight = last.minute !== undefined && last.minute < (first.minute ?? 0)
    const end = last.day ?? (isOverMidnight ? dayAfter(day, 1) : day)
    from = Math.max(from, at(day, first.minute ?? 0))
    const until = last.minute === undefined ? at(end, 24 * 60) : at(end, last.minute) + MINUTE
    to = Math.min(to, until - 1)
  }
  return { q, from, to }
}

function spanOf(word: string): readonly [Moment, Moment] | undefined {
  const [begin = '', end = begin, ...more] = word.split('..')
  const [first, last] = [momentOf(begin), momentOf(end)]
  return first && last && more.length === 0 ? [first, last] : undefined
}

function momentOf(text: string): Moment | undefined {
  const [whole, year, month, dayOfMonth, hour, minute] = MOMENT.exec(text) ?? []
  if (!whole) return undefined
  const day = year === undefined ? undefined : new Date(Number(year), Number(month) - 1, Number(dayOfMonth))
  if (day && (day.getMonth() !== Number(month) - 1 || day.getDate() !== Number(dayOfMonth))) return undefined
  if (hour === undefined) return { day, minute: undefined }
  if (Number(hour) > 23 || Number(minute) > 59) return undefined
  return { day, minute: Number(hour) * 60 + Number(minute) }
}

/** As a clock says it, also on days of which an hour is missing or comes twice. */
function at(day: Date, minute: number): number {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate(), 0, minute).getTime()
}

/** Today, or yesterday when that time is still to come. */
function lastDayOf(minute: number, now: number): Date {
  const today = new Date(now)
  if (at(today, minute) <= now) return today
  return dayAfter(today, -1)
}

function dayAfter(day: Date, count: number): Date {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + count)
}
