/** What an operator may say of the verification of DKIM signatures. */
import type { DkimResult } from '@postroad/authres'
import { sizeOf } from '@postroad/options/zod'
import { z } from 'zod'

const action = z.union([
  z.enum(['reject', 'defer', 'quarantine', 'none']),
  z.number(),
  z.strictObject({ kind: z.literal('suspect'), points: z.number(), reason: z.string() }),
])

const worth = (text: string) => action.describe(`${text} 'reject', 'defer', 'quarantine', 'none', or points.`)

/** Options of {@link dkim}. RFC 6376 §6.3: a message must not be refused for a bad signature alone, so nothing is by default. */
export const dkimOptions = z.strictObject({
  pass: worth('At least one signature verifies.').default('none'),
  none: worth('There is no signature.').default('none'),
  fail: worth('No signature verifies: the message was changed, or is forged.').default('none'),
  policy: worth('The only good signatures are too weak for us.').default('none'),
  neutral: worth('The signatures cannot be processed: syntax, no key.').default('none'),
  permerror: worth('The signatures cannot be verified, ever.').default('none'),
  temperror: worth('DNS failed: nobody knows.').default('none'),
  maxSignatures: z.int().min(1).max(100).default(10).describe('Signatures looked at, from the top.'),
  maxHeader: sizeOf({ min: 1024 })
    .default(262_144)
    .describe('Octets of the header section beyond which no signature is looked at.'),
  maxFields: z.int().min(1).default(1000).describe('Header fields beyond which no signature is looked at.'),
  minBits: z.int().min(1024).default(1024).describe('Shortest RSA key, RFC 8301 §3.2.'),
  maxBits: z.int().min(4096).default(8192).describe('Longest RSA key.'),
  bodyLength: z
    .enum(['whole', 'accept', 'refuse'])
    .default('whole')
    .describe(
      "Signatures with l=, RFC 6376 §8.2: 'whole' if nothing follows what they cover, 'accept' as the standard has it, 'refuse' never.",
    ),
})

/** Options with their defaults. */
export type DkimOptions = z.output<typeof dkimOptions>

/** Options by result. */
export type DkimActions = Pick<DkimOptions, DkimResult>
