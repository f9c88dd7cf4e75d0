/** What an operator may say to `quarantine`. */
import { duration, globPattern } from '@postroad/options/zod'
import { z } from 'zod'

/** The options of {@link quarantine}. */
export const options = z.strictObject({
  keep: duration.prefault('30 d').describe('How long a message is kept'),
  release: z
    .strictObject({
      protocol: z.enum(['smtp', 'lmtp']).default('smtp').describe('How to speak to it'),
      host: z.string().default('127.0.0.1').describe('A listener whose scope has none of the plugins that quarantine'),
      port: z.int().min(1).max(65_535).optional().describe('Default 25, or 24 for LMTP'),
      path: z.string().optional().describe('UNIX socket, in place of host and port'),
    })
    .optional()
    .describe('Where a released message goes; without it nothing can be released'),
  matches: z
    .array(globPattern)
    .default(['*'])
    .describe('Globs of the reasons this quarantine is for; others are left to another one'),
})

export type QuarantineOptions = z.output<typeof options>
