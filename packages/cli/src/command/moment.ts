import { UsageError } from '../config/usage-error.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds since the epoch of a time (ISO 8601) or an age (`90m`, `24h`, `7d`). @throws {UsageError} when it is neither */
export function moment(given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise
  const [, amount, unit = ''] = /^(\d+)([smhd])$/.exec(given) ?? []
  const time = amount === undefined ? Date.parse(given) : Date.now() - Number(amount) * (UNITS[unit] ?? 0)
  if (Number.isNaN(time))
    throw new UsageError(`"${given}" is neither a time (2026-11-22T03:00:00Z) nor an age (90m, 24h, 7d)`)
  return time
}
