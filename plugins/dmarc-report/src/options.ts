import { addressPattern } from '@postroad/options/zod'
import { reportOptions } from '@postroad/report/zod'
import { z } from 'zod'

/** What an operator may say of reports on DMARC. */
export const options = z.strictObject({
  ...reportOptions,
  ignore: z
    .array(addressPattern)
    .default([])
    .describe('Addresses whose mail is in no report, besides `from`: those that reports of others come to (`rua`)'),
  maxRows: z
    .int()
    .min(10)
    .max(100_000)
    .default(10_000)
    .describe('Rows of one domain and day; beyond, messages are put together that differ in less'),
})

/** The options after validation. */
export type DmarcReportOptions = z.output<typeof options>
