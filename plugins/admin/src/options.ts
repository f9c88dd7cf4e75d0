/** What an operator may say to `admin`. */
import { duration } from '@postroad/options/zod'
import { z } from 'zod'

/** The options of {@link admin}. */
export const options = z.strictObject({
  session: duration.prefault('12 h').describe('How long a browser stays logged in'),
  viewers: z
    .int()
    .min(1)
    .default(200)
    .describe('Pages and programs that may read events at the same time, of each worker; one more is answered 503'),
  page: z.boolean().default(true).describe('Serve the page; without it there is the API alone'),
})
