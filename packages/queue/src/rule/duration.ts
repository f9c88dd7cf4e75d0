/** Durations as operators write them: `90s`, `15m`, `4h`, `5d`, or milliseconds. */
import { z } from 'zod'

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** An option that is a duration; becomes milliseconds. */
export const duration = z.union([
  z.number().nonnegative(),
  z
    .string()
    .regex(/^\d+(?:ms|s|m|h|d)$/)
    .transform(parseDuration),
])

/** Milliseconds of `90s`, `15m`, `4h`, `5d`; NaN when it is none of these. */
export function parseDuration(text: string): number {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text)
  return match ? Number(match[1]) * UNITS[match[2] as keyof typeof UNITS] : Number.NaN // the pattern allows no other unit
}
