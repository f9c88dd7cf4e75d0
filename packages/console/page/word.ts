/** Numbers, times and plurals as a person reads them; always through `Intl`, in the language of the page. */

const LANGUAGE = 'en-GB'
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const tenth = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1, minimumFractionDigits: 1 })
const short = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat(LANGUAGE, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const minute = new Intl.DateTimeFormat(LANGUAGE, { hour: '2-digit', minute: '2-digit' })
const dayName = new Intl.DateTimeFormat(LANGUAGE, { weekday: 'short' })
const dayMonth = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'long' })
const plurals = new Intl.PluralRules('en-US')
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** 12,345 */
export const number = (value: number): string => whole.format(value)

/** `one` when it is 1, else `many`. */
export const plural = (count: number, one: string, many: string): string =>
  plurals.select(count) === 'one' ? one : many

/** 12,345 messages */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${number(count)} ${plural(count, one, many)}`

/** 58.4 %; what is there and rounds to nothing is `< 0.1 %`. */
export function percent(share: number): string {
  const value = share * 100
  return value > 0 && value < 0.05 ? '< 0.1 %' : `${tenth.format(value)} %`
}

/** Milliseconds, briefly: 0.4 ms, 120 ms, 2.1 s. */
export function took(ms: number): string {
  if (ms >= 10 * MINUTE) return ageOf(ms)
  if (ms >= 1_000) return `${short.format(ms / 1_000)} s`
  return `${ms < 10 ? short.format(ms) : number(ms)} ms`
}

/** How long something lasted, in a sentence: the same words as `postroad why` has, 0.8 s, 95 s, 5 min 12 s, 2 h 5 min. */
export function lasted(ms: number): string {
  if (ms < 9_950) {
    const seconds = Math.max(ms, 0) / 1_000
    return `${seconds < 1 && ms % 100 !== 0 ? seconds.toFixed(ms < 100 ? 3 : 1) : short.format(seconds)} s`
  }
  const seconds = Math.round(ms / 1_000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 600) return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? '' : ` ${seconds % 60} s`}`
  return ageOf(Math.round(ms / MINUTE) * MINUTE)
}

/** Milliseconds without a unit: 0.05, 3.2, 1,900. */
export function bare(ms: number): string {
  if (ms >= 10) return number(ms)
  return ms >= 0.1 || ms === 0 ? short.format(ms) : ms.toFixed(2)
}

/** How long ago or how long: 12 s, 5 min, 2 h 10 min, 3 d 4 h. */
export function ageOf(ms: number): string {
  if (ms < MINUTE) return `${Math.max(0, Math.floor(ms / 1_000))} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  const [big, small, unit, sub] = ms < DAY ? [HOUR, MINUTE, 'h', 'min'] : [DAY, HOUR, 'd', 'h']
  const rest = Math.floor((ms % Number(big)) / Number(small))
  return `${Math.floor(ms / Number(big))} ${unit}${rest > 0 ? ` ${rest} ${sub}` : ''}`
}

/** 16:04:31 */
export const timeOf = (time: number | string): string => clock.format(new Date(time))

/** 16:04:31.688 */
export function exactTimeOf(time: number | string): string {
  const date = new Date(time)
  return `${clock.format(date)}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** As near as it has to be: 16:04 today, Mon this week, 3 November before. */
export function whenOf(time: number | string, now = Date.now()): string {
  const date = new Date(time)
  const days = Math.floor((midnight(now) - midnight(date.getTime())) / DAY + 0.5)
  if (days <= 0) return minute.format(date)
  return days < 7 ? `${dayName.format(date)} ${minute.format(date)}` : dayMonth.format(date)
}

/** `today`, `yesterday` or 3 November. */
export function dayOf(time: number | string, now = Date.now()): string {
  const days = Math.floor((midnight(now) - midnight(new Date(time).getTime())) / DAY + 0.5)
  return days === 0 ? 'today' : days === 1 ? 'yesterday' : dayMonth.format(new Date(time))
}

/** A mark below an axis: hours for a day, days for more. */
export const markOf = (time: number, spanMs: number): string =>
  spanMs <= 2 * DAY ? minute.format(new Date(time)) : dayName.format(new Date(time))

/** 48.2 KB; powers of 1,000. */
export function octets(size: number): string {
  for (const [unit, value] of [
    ['TB', 1e12],
    ['GB', 1e9],
    ['MB', 1e6],
    ['KB', 1e3],
  ] as const)
    if (size >= value) return `${short.format(size / value)} ${unit}`
  return counted(size, 'octet')
}

function midnight(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0)
}
