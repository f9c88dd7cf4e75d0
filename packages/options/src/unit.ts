/** Amounts as operators write them: `5 min`, `10 MB`, `100/h`, `20 at once`. */

const TIME: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['sec', 1_000],
  ['second', 1_000],
  ['m', 60_000],
  ['min', 60_000],
  ['minute', 60_000],
  ['h', 3_600_000],
  ['hour', 3_600_000],
  ['d', 86_400_000],
  ['day', 86_400_000],
  ['w', 604_800_000],
  ['week', 604_800_000],
])
const COUNT: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['k', 1_000],
  ['kb', 1_000],
  ['kib', 1_024],
  ['m', 1_000_000],
  ['mb', 1_000_000],
  ['mib', 1_048_576],
  ['g', 1_000_000_000],
  ['gb', 1_000_000_000],
  ['gib', 1_073_741_824],
])

/** What a limit allows: so many in a time, or so many at once. */
export type Limit = { readonly amount: number; readonly perMs: number } | { readonly atOnce: number }

/**
 * Milliseconds; undefined when it is not a duration. A bare number is milliseconds.
 *
 * @example parseDuration('36 d') // 3_110_400_000
 */
export function parseDuration(text: string): number | undefined {
  const parts = /^(\d{1,12}(?:\.\d{1,6})?) *([a-z]*)$/i.exec(text.trim())
  const unit = parts?.[2]?.toLowerCase() ?? ''
  const factor = unit === '' ? 1 : (TIME.get(unit) ?? TIME.get(unit.replace(/s$/, '')))
  return parts && factor !== undefined ? Number(parts[1]) * factor : undefined
}

/**
 * Octets; undefined when it is not a size. A bare number is octets.
 *
 * @example parseSize('10 MB') // 10_000_000
 */
export function parseSize(text: string): number | undefined {
  const parts = /^(\d{1,12}) *([a-z]*)$/i.exec(text.trim())
  const scale = parts && COUNT.get((parts[2] ?? '').toLowerCase().replace(/^b$/, ''))
  return parts && scale !== null && scale !== undefined ? Number(parts[1]) * scale : undefined
}

/**
 * `100/h`, `10 per 15 min`, `5 MB/day`, `20 at once`; undefined when it is no limit.
 *
 * @example parseLimit('100/h') // { amount: 100, perMs: 3_600_000 }
 */
export function parseLimit(text: string): Limit | undefined {
  const once = /^(\d{1,9}) at once$/i.exec(text.trim())
  if (once) return Number(once[1]) > 0 ? { atOnce: Number(once[1]) } : undefined
  const parts = /^(\d{1,12}) ?([a-z]*) ?(?:\/|per ) ?(\d{0,9}) ?([a-z]+)$/i.exec(text.trim())
  const scale = parts && COUNT.get((parts[2] ?? '').toLowerCase())
  const perMs = parts && parseDuration(`${parts[3] || '1'} ${parts[4]}`)
  if (!parts || scale === undefined || !perMs) return undefined
  const amount = Number(parts[1]) * (scale ?? 1)
  return amount > 0 ? { amount, perMs } : undefined
}
