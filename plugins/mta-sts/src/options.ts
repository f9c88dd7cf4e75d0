import { durationOf, network } from '@postroad/options/zod'
import { z } from 'zod'

const served = z.strictObject({
  mode: z
    .enum(['testing', 'enforce', 'none'])
    .default('testing')
    .describe(
      '`testing`: others deliver all the same, and report; `enforce`: they do not deliver to who is not named, or has no valid certificate',
    ),
  mx: z.array(z.string().min(1)).default([]).describe('Names of the MX hosts; `*.example.org` is one label'),
  maxAge: durationOf({ min: 86_400_000 }).default(604_800_000).describe('How long others may keep it'),
})

/** What an operator may say of MTA-STS. */
export const options = z.strictObject({
  ca: z
    .string()
    .optional()
    .describe('Authorities to trust for the web servers of policies instead of the system’s, PEM text'),
  allow: z
    .array(network)
    .default([])
    .describe(
      'Networks in which web servers of policies may stand though they are not public; nothing else but public addresses is connected to',
    ),
  port: z.int().min(1).max(65_535).default(443).describe('Port of the web servers; another one is for tests only'),
  serve: z
    .record(z.string().regex(/^(?:[a-z0-9-]+\.)+[a-z0-9-]+$/, 'a domain, in A-labels and lower case'), served)
    .default({})
    .describe(
      'Policies of your own domains, by domain: served at `mta-sts.<domain>` by listeners of kind `http` of this scope',
    ),
})

/** The options after validation. */
export type StsSettings = z.output<typeof options>
