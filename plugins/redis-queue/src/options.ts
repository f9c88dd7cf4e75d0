/** What an operator may say of the queue in Redis; `docs/options.md` is made of it. */
import { transportOptions } from '@postroad/delivery/zod'
import { size } from '@postroad/options/zod'
import { deliveryOptions } from '@postroad/queue-engine/zod'
import { z } from 'zod'

/** The schema. */
export const options = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .default('mail')
    .describe('Name of the queue; each has its place in Redis, on one node of a Cluster'),
  role: z
    .enum(['all', 'smtp', 'delivery'])
    .optional()
    .describe(
      '`smtp` takes mail and delivers none, `delivery` delivers, `all` does both. Default: what the server was started as, else `all`',
    ),
  unsafe: z
    .enum(['refuse', 'warn'])
    .default('refuse')
    .describe('A Redis that may lose acknowledged mail: `refuse` is no start and no mail, `warn` a line in the log'),
  replicas: z
    .int()
    .nonnegative()
    .default(0)
    .describe('Replicas that must have a message before it is acknowledged; not with a Cluster'),
  memoryLimit: z
    .number()
    .min(0.1)
    .max(0.95)
    .default(0.85)
    .describe('Part of Redis’s `maxmemory` above which mail is refused with 452'),
  bodyFolder: z
    .string()
    .min(1)
    .optional()
    .describe('Folder for large content, mounted on every node. Default: all content is in Redis'),
  inlineLimit: size
    .default(65_536)
    .describe('With `bodyFolder`: content up to this many octets stands in Redis all the same'),
  minFree: size
    .default(268_435_456)
    .describe('With `bodyFolder`: octets that must stay free there; below, mail is refused with 452'),
  ...deliveryOptions,
  keepFinished: z
    .int()
    .nonnegative()
    .default(10_000)
    .describe('Finished messages that `postroad queue show` remembers'),
  ...transportOptions,
})

/** Options, checked. */
export type RedisQueueOptions = z.output<typeof options>
