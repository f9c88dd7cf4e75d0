/** What an operator may say to `rate-limit`. */
import { fromOption } from '@postroad/directory/zod'
import { type Limit, parseLimit } from '@postroad/options'
import { listOf, network } from '@postroad/options/zod'
import { z } from 'zod'
import { type KeyPart, PARTS } from './key.ts'

const part = z.union([
  z.enum(PARTS),
  z.custom<Exclude<KeyPart, string>>((value) => typeof value === 'function', 'not a function'),
])

const amount = z.string().transform((text, context): Limit => {
  const limit = parseLimit(text)
  if (limit) return limit
  context.addIssue({ code: 'custom', message: 'not a limit such as "100/h", "5 MB/day" or "20 at once"' })
  return z.NEVER
})

const limit = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/)
    .optional()
    .describe('In the log, the store and the commands; default: made of the other options'),
  of: z.enum(['connections', 'messages', 'recipients', 'octets', 'errors']).describe('What is counted'),
  by: z
    .union([part, z.array(part)])
    .transform((value): KeyPart[] => (Array.isArray(value) ? value : [value]))
    .prefault('address')
    .describe('Counted separately for each: a part, several, or a function; `[]`: all together'),
  limit: amount.describe('`100/h`, `10 per 15 min`, `5 MB/day`, `20 at once` (connections and messages)'),
  from: fromOption()
    .optional()
    .describe(
      'A directory that has another limit for some: by the parts of `by`, parted by blanks; its value is a limit',
    ),
  burst: z.number().positive().optional().describe('Most that may come at once; default: the amount'),
  action: z
    .union([z.number(), z.enum(['defer', 'reject', 'disconnect', 'none'])])
    .optional()
    .describe('What exceeding it is worth; default: `disconnect` for connections, else `defer`'),
  text: z.string().default('Too many {of}, try again in {wait}').describe('What the client is told'),
  clients: z.enum(['all', 'strangers', 'authenticated']).default('all').describe('Whom it concerns'),
})

/** The options of {@link rateLimit}. */
export const options = z.strictObject({
  limits: z.array(limit).min(1).describe('All of them apply'),
  exempt: listOf(network).prefault([]).describe('Networks that are not counted'),
  header: z
    .string()
    .regex(/^[!-9;-~]+$/)
    .optional()
    .describe('Name of a header field that tells later servers which limits were exceeded'),
})

export type RateLimitOptions = z.output<typeof options>
export type LimitOptions = z.output<typeof limit>
