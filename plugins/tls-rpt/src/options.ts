import { network } from '@postroad/options/zod'
import { reportOptions } from '@postroad/report/zod'
import { z } from 'zod'

/** What an operator may say of reports on TLS. */
export const options = z.strictObject({
  ...reportOptions,
  ca: z
    .string()
    .optional()
    .describe('Authorities to trust for web servers that take reports instead of the system’s, PEM text'),
  allow: z
    .array(network)
    .default([])
    .describe('Networks in which such a web server may stand though they are not public; no other is connected to'),
})

/** The options after validation. */
export type TlsRptOptions = z.output<typeof options>
