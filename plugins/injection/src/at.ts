/** When a message is to go: RFC 3339, or a while from now. */
import { parseDuration } from '@postroad/options'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i

/** Milliseconds since the epoch; a sentence when it is no time, or too far ahead. */
export function readTime(
  text: string,
  { now, horizon }: { readonly now: number; readonly horizon: number },
): number | string {
  const at = timeOf(text, now)
  if (at === undefined || Number.isNaN(at))
    return `is no time such as "2026-12-24T18:00:00+01:00" or "+2 h": ${JSON.stringify(text)}`
  const days = Math.round(horizon / 86_400_000)
  return at > now + horizon ? `is more than ${days >= 1 ? `${days} days` : `${horizon} ms`} ahead` : at
}

function timeOf(text: string, now: number): number | undefined {
  if (!text.startsWith('+')) return TIME.test(text) && isOnCalendar(text) ? Date.parse(text) : undefined
  const while_ = parseDuration(text.slice(1).trim())
  return while_ === undefined ? undefined : now + while_
}

/** The 30th of February is the 2nd of March to `Date`. */
function isOnCalendar(text: string): boolean {
  const day = text.slice(0, 10)
  const time = Date.parse(`${day}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day)
}
