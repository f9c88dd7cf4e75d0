/** What servers that greylist say about when to come back, in words. */

/** Words before a time, and the time: `300 seconds`, `5 min`, `4m59s`, `1h30m`, `00:05:00`. */
const HINT =
  /\b(?:in|for|after|wait|within|least)[ :=]{1,2}(?:at least |another |about )?(?:(\d{1,2}):(\d{2}):(\d{2})\b|(?:(\d{1,3})h ?)?(?:(\d{1,4})m ?)?(\d{1,5})s\b|(\d{1,3})h ?(\d{1,2})m\b|(\d{1,5}) ?(s|m|h)(?:ec|in|ours?|econds?|inutes?)?s?\b)/gi

/** A number of something in a time is a limit, not a wait: `500 messages in 60 seconds`. */
const COUNTED =
  /\b(?:messages?|e?-?mails?|connections?|recipients?|attempts?|requests?|deliveries|sessions?|transactions?|errors?)(?: [a-z]{1,12})? $/i

/** Bounds of what is believed, in milliseconds: a hint is a wish of a stranger. */
const LEAST = 10_000
const MOST = 4 * 3_600_000

/**
 * Milliseconds to wait, read from the text of a 4yz reply; undefined when it does not say.
 *
 * @example retryHint('Greylisted, please try again in 300 seconds') // 300_000
 */
export function retryHint(text: string): number | undefined {
  const seen = text.slice(0, 500)
  for (const match of seen.matchAll(HINT)) {
    if (COUNTED.test(seen.slice(Math.max(0, match.index - 40), match.index))) continue
    const ms = waitOf(match)
    if (ms > 0) return Math.min(Math.max(ms, LEAST), MOST)
  }
  return undefined
}

/** Milliseconds of whichever form it has. */
function waitOf(match: RegExpExecArray): number {
  const at = (group: number): number => Number(match[group] ?? 0)
  if (match[1] !== undefined) return clock(at(1), at(2), at(3))
  if (match[6] !== undefined) return clock(at(4), at(5), at(6))
  if (match[7] !== undefined) return clock(at(7), at(8), 0)
  const unit = (match[10] ?? '').toLowerCase()
  return clock(unit === 'h' ? at(9) : 0, unit === 'm' ? at(9) : 0, unit === 's' ? at(9) : 0)
}

function clock(hours: number, minutes: number, seconds: number): number {
  return ((hours * 60 + minutes) * 60 + seconds) * 1_000
}
