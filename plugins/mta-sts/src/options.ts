import { network } from '@postroad/options/zod'
import { z } from 'zod'

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
})

/** The options after validation. */
export type StsSettings = z.output<typeof options>
