/** Days of reports: from midnight to midnight, UTC. RFC 8460 §4.1, RFC 9990 §3.1.1.4. */

const DAY_MS = 86_400_000

/** `2026-11-30`: the day in which a moment lies. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/** Begin and end of a day in milliseconds since the epoch; the end is the begin of the next. */
export function rangeOf(day: string): { readonly begin: number; readonly end: number } {
  const begin = Date.parse(`${day}T00:00:00Z`)
  return { begin, end: begin + DAY_MS }
}

/** Whether it is the name of a day. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`))
}
