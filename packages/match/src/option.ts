/** Options that several plugins have, so that they are written alike everywhere. */
import { type Defer, defer, type PermanentStatus, type Reject, reject, type Suspect, suspect, type TransientStatus } from '@postroad/plugin'
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

/** What a finding is worth: points, a refusal, a refusal that ends the connection, or nothing. */
export type Action = z.output<typeof action>

/** How an {@link Action} is said. */
export interface Wording {
  /** To the client: generic English. */
  readonly text: string
  /** To the log, with points. */
  readonly reason: string
  /** Default: `5.7.1`. */
  readonly status?: PermanentStatus
  /** Default: `4.7.1`. */
  readonly transient?: TransientStatus
}

/** The opinion that an action stands for; undefined for `none` and no points. */
export function opinionOf(
  action: Action,
  { text, reason, status = '5.7.1', transient = '4.7.1' }: Wording,
): Suspect | Reject | Defer | undefined {
  if (typeof action === 'number') return action === 0 ? undefined : suspect(action, reason)
  if (action === 'none') return undefined
  if (action === 'defer') return defer(text, { status: transient })
  return reject(text, { status, disconnect: action === 'disconnect' })
}
