/** What an operator may say of the embedded queue; `docs/options.md` is made of it. */
import { transportOptions } from '@postroad/delivery/zod'
import { size } from '@postroad/options/zod'
import { deliveryOptions } from '@postroad/queue-engine/zod'
import { z } from 'zod'

/** The schema. */
export const options = z.strictObject({
  folder: z.string().min(1).optional().describe('Where the queue lives. Default: the plugin’s own folder'),
  ...deliveryOptions,
  inlineLimit: size
    .default(65_536)
    .describe('Content up to this many octets stands in the database, larger ones are files'),
  minFree: size
    .default(268_435_456)
    .describe('Octets that must stay free on the disk: below, mail is refused with 452'),
  keepFinished: z
    .int()
    .nonnegative()
    .default(100_000)
    .describe('Finished messages that `postroad queue show` remembers'),
  ...transportOptions,
})

/** Options, checked. */
export type QueueOptions = z.output<typeof options>
