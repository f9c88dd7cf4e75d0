/** What servers that greylist say about when to come back, in words. */

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

const HINT = /\b(?:in|for|after|wait|within)[ :=](?:at least |another |about )?(\d{1,5}) ?(s|m|h)(?:ec|in|ours?|econds?|inutes?)?s?\b/i

/** Bounds of what is believed, in milliseconds: a hint is a wish of a stranger. */
const LEAST = 10_000
const MOST = 4 * 3_600_000

/**
 * Milliseconds to wait, read from the text of a 4yz reply; undefined when it does not say.
 *
 * @example retryHint('Greylisted, please try again in 300 seconds') // 300_000
 */
export function retryHint(text: string): number | undefined {
  const match = HINT.exec(text.slice(0, 500))
  if (match === null) return undefined
  const ms = Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? 0)
  return ms > 0 ? Math.min(Math.max(ms, LEAST), MOST) : undefined
}
