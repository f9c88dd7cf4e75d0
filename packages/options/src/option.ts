/** Options that several plugins have, so that they are written alike everywhere. */
import { z } from 'zod'
import { parseDuration, parseSize } from './unit.ts'

/** A duration: milliseconds, or a number with a unit (`5 min`). Becomes milliseconds. */
export const duration = z.union([z.number().nonnegative(), z.string()]).transform((value, context): number => {
  const ms = typeof value === 'number' ? value : parseDuration(value)
  if (ms !== undefined) return ms
  context.addIssue({ code: 'custom', message: 'not a duration such as "5 min"' })
  return z.NEVER
})

/** A size: octets, or a number with a unit (`10 MB`). Becomes octets. */
export const size = z.union([z.int().nonnegative(), z.string()]).transform((value, context): number => {
  const octets = typeof value === 'number' ? value : parseSize(value)
  if (octets !== undefined) return octets
  context.addIssue({ code: 'custom', message: 'not a size such as "10 MB"' })
  return z.NEVER
})

/** Something, or a list of it. Becomes a list. */
export const stringList = z
  .union([z.string(), z.array(z.string())])
  .transform((value): string[] => (typeof value === 'string' ? [value] : value))

/** What a finding is worth: points, or a refusal. */
export const action = z.union([z.number(), z.enum(['reject', 'defer', 'disconnect', 'none'])])
