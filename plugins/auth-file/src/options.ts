/** What an operator may say to `auth-file`. */

import type { Argon2Cost, ScryptCost } from '@postroad/login'
import { loginOptions } from '@postroad/login/zod'
import { z } from 'zod'

/** Judges a token of XOAUTH2 or OAUTHBEARER, RFC 7628. */
export type VerifyToken = (token: string, username: string, signal: AbortSignal) => Promise<boolean>

/** The options of {@link authFile}. */
export const options = z.strictObject({
  path: z.string().describe('The file; made by `postroad auth-file add`'),
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
  ...loginOptions(),
})

export type AuthFileOptions = z.output<typeof options>

/** Of new hashes. */
export function costOf({ hash, argon2, scrypt }: AuthFileOptions): Argon2Cost | ScryptCost {
  return hash === 'argon2id' ? argon2 : scrypt
}
