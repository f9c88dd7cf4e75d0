/** What an operator may say of SPF. */
import type { SpfResult } from '@postroad/authres'
import { durationOf } from '@postroad/options/zod'
import { z } from 'zod'

const action = z.union([
  z.enum(['reject', 'defer', 'none']),
  z.number(),
  z.strictObject({ kind: z.literal('suspect'), points: z.number(), reason: z.string() }),
])

const worth = (text: string) => action.describe(`${text} 'reject', 'defer', 'none', or points.`)

/** Options of {@link spf}. */
export const spfOptions = z.strictObject({
  /** A forwarder breaks SPF by forwarding, so a fail alone does not refuse: dmarc() knows more, RFC 7208 §8.4 and appendix D. */
  fail: worth('The client is not allowed to use the domain.').default(4),
  softfail: worth('The client is probably not allowed to.').default(1),
  neutral: worth('The domain does not say.').default('none'),
  none: worth('The domain has no SPF record.').default('none'),
  pass: worth('The client is allowed to.').default('none'),
  permerror: worth("The domain's record is broken.").default('none'),
  temperror: worth('DNS failed: nobody knows.').default('none'),
  heloFail: worth('The client is not allowed to call itself what it does.').default(4),
  helo: z.boolean().default(true).describe('Check the HELO identity too, RFC 7208 §2.3.'),
  explain: z.boolean().default(true).describe("Show the domain owner's explanation in a refusal, RFC 7208 §6.2."),
  timeout: durationOf({ min: 1 })
    .default(20_000)
    .describe('Milliseconds for both identities; then temperror. RFC 7208 §4.6.4 asks for 20 s at least.'),
})

/** Options with their defaults. */
export type SpfOptions = z.output<typeof spfOptions>

/** The action for a result of MAIL FROM. */
export type ActionOf = SpfOptions[SpfResult]
