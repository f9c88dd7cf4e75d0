/** Pieces of schemas for plugins that send reports. */
import { parseAddress } from '@postroad/mail'
import { durationOf } from '@postroad/options/zod'
import { z } from 'zod'

/** What every plugin that sends reports asks its operator. */
export const reportOptions = {
  from: z
    .string()
    .refine((text) => parseAddress(text) !== undefined, 'not an address such as "reports@example.com"')
    .describe('Address that reports are from, and that their readers write to; its domain signs them (DKIM)'),
  organization: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Who reports, for people. Default: the domain of `from`'),
  submit: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('A listener of this server that signs, routes and queues'),
      port: z.int().min(1).max(65_535).optional().describe('Default 25'),
      path: z.string().optional().describe('UNIX socket, in place of host and port'),
    })
    .optional()
    .describe('Where reports are handed in; without it they are counted and shown, and no mail is sent'),
  spread: durationOf({ max: 43_200_000 })
    .default(14_400_000)
    .describe('Time after the end of the day (UTC) over which the reports of different domains are spread'),
}
