/** The options that plugins share which judge logins. */
import { type Limit, parseLimit } from '@postroad/options'
import { domainPattern, duration, MIB, sizeOf } from '@postroad/options/zod'
import { z } from 'zod'

const rate = z.string().transform((text, context): Exclude<Limit, { atOnce: number }> => {
  const limit = parseLimit(text)
  if (limit && !('atOnce' in limit)) return limit
  context.addIssue({ code: 'custom', message: 'not a limit such as "10 per 15 min"' })
  return z.NEVER
})

/**
 * Fields for a schema of options: `senders`, `domains`, `failures`, `checks`, `delay`.
 *
 * @example z.strictObject({ ...loginOptions() })
 */
export function loginOptions() {
  return {
    senders: z
      .enum(['own', 'any'])
      .default('own')
      .describe('Reverse-paths a user may use: the own address and further ones that are known of the user, or any'),
    domains: z
      .array(domainPattern)
      .default([])
      .describe('A user without a domain owns the address of that name in these'),
    failures: z
      .strictObject({
        byAddress: rate
          .prefault('10 per 15 min')
          .describe('Of one network; users who have logged in from there before go on'),
        byUser: rate
          .prefault('20 per 15 min')
          .describe('For one name, from networks where that user has not logged in before'),
        beyond: rate
          .prefault('4 per min')
          .describe(
            'Wrong passwords of a network beyond `byAddress` that are still looked at, so that a right one gets in; all others are answered like those that are not',
          ),
      })
      .prefault({})
      .describe('Failed attempts, after which further ones are deferred'),
    checks: z
      .strictObject({
        atOnce: z
          .int()
          .min(1)
          .max(64)
          .optional()
          .describe(
            'Passwords checked at once, each on a thread of its own. Default: one less than there are cores, from 1 to 8',
          ),
        waiting: z
          .int()
          .min(0)
          .max(10_000)
          .default(64)
          .describe('Further ones that may wait; beyond them an attempt is deferred unseen'),
        memory: sizeOf({ unit: MIB, min: 1 })
          .default(256)
          .describe('MiB that checks at once may take; a hash that needs more is checked alone'),
      })
      .prefault({})
      .describe('How much of the machine the checking of passwords may take'),
    delay: duration.prefault('2 s').describe('How long the answer to a failed attempt is held back'),
  }
}
