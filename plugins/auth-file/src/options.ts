/** What an operator may say to `auth-file`. */

import { type Limit, parseLimit } from '@postroad/options'
import { domainPattern, duration, MIB, sizeOf } from '@postroad/options/zod'
import { z } from 'zod'
import { defaultThreads, type HashLimits } from './hash/pool.ts'
import type { Argon2Cost, ScryptCost } from './hash/work.ts'

const rate = z.string().transform((text, context): Exclude<Limit, { atOnce: number }> => {
  const limit = parseLimit(text)
  if (limit && !('atOnce' in limit)) return limit
  context.addIssue({ code: 'custom', message: 'not a limit such as "10 per 15 min"' })
  return z.NEVER
})

/** Judges a token of XOAUTH2 or OAUTHBEARER, RFC 7628. */
export type VerifyToken = (token: string, username: string, signal: AbortSignal) => Promise<boolean>

/** The options of {@link authFile}. */
export const options = z.strictObject({
  path: z.string().describe('The file; made by `postroad auth-file add`'),
  senders: z
    .enum(['own', 'any'])
    .default('own')
    .describe('Reverse-paths a user may use: the own address and those of `from=` in the file, or any'),
  domains: z
    .array(domainPattern)
    .default([])
    .describe('A user without a domain owns the address of that name in these'),
  hash: z
    .enum(['scrypt', 'argon2id'])
    .default('scrypt')
    .describe('How new passwords are kept; `argon2id` needs Node 24'),
  argon2: z
    .strictObject({
      m: z.int().min(8).max(4_194_304).default(19_456).describe('Memory, in KiB'),
      t: z.int().min(1).max(100).default(2).describe('Passes'),
      p: z.int().min(1).max(64).default(1),
    })
    .prefault({})
    .describe('Cost of new argon2id hashes, RFC 9106; as OWASP recommends'),
  scrypt: z
    .strictObject({
      ln: z.int().min(4).max(22).default(15).describe('Base-2 logarithm of the cost'),
      r: z.int().min(1).max(32).default(8),
      p: z.int().min(1).max(16).default(3),
    })
    .prefault({})
    .describe('Cost of new scrypt hashes, RFC 7914; as OWASP recommends'),
  iterations: z.int().min(4_096).default(4_096).describe('Of new SCRAM keys, RFC 7677 §4'),
  plain: z.boolean().default(false).describe('Offer CRAM-MD5, for which passwords must be in the file as they are'),
  certificates: z
    .boolean()
    .default(false)
    .describe('Offer EXTERNAL: client certificates whose fingerprint is in the file'),
  verifyToken: z
    .custom<VerifyToken>((value) => typeof value === 'function', 'not a function')
    .optional()
    .describe('Offer XOAUTH2 and OAUTHBEARER, and judge their tokens by this function'),
  failures: z
    .strictObject({
      byAddress: rate.prefault('10 per 15 min').describe('Of one network'),
      byUser: rate
        .prefault('20 per 15 min')
        .describe('For one name, from networks where that user has not logged in before'),
    })
    .prefault({})
    .describe('Failed attempts, after which further ones are deferred unseen'),
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
})

export type AuthFileOptions = z.output<typeof options>

/** Of new hashes. */
export function costOf({ hash, argon2, scrypt }: AuthFileOptions): Argon2Cost | ScryptCost {
  return hash === 'argon2id' ? argon2 : scrypt
}

/** Of the threads that check passwords. */
export function hashLimitsOf({ checks: { atOnce = defaultThreads(), waiting, memory } }: AuthFileOptions): HashLimits {
  return { atOnce, waiting, memory: memory * 1_048_576 }
}
