import type { Transport } from '@postroad/delivery'
import { deliveryOptions } from '@postroad/queue'
import { z } from 'zod'

const server = z.strictObject({
  /** Default: the route's. */
  host: z.string().min(1).optional(),
  port: z.number().int().min(1).max(65_535).optional(),
  /** UNIX socket. */
  path: z.string().min(1).optional(),
})

/** What an operator may say of the queue in Redis. */
export const options = z.strictObject({
  /** Name of the queue; each has its place in Redis, on one node of a cluster. */
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .default('mail'),
  /** `smtp`: takes mail and delivers none. `delivery`: delivers. `all`: both. Default: what the server was started as, else `all`. */
  role: z.enum(['all', 'smtp', 'delivery']).optional(),
  /** What a Redis is worth that may lose acknowledged mail. `refuse`: no start, no mail. `warn`: a line in the log. */
  unsafe: z.enum(['refuse', 'warn']).default('refuse'),
  /** Replicas that must have a message before it is acknowledged. */
  replicas: z.number().int().nonnegative().default(0),
  /** Part of Redis's `maxmemory` above which mail is refused with 452. */
  memoryLimit: z.number().min(0.1).max(0.95).default(0.85),
  /** Folder for large bodies, mounted on every node. Default: all bodies are in Redis. */
  bodyFolder: z.string().min(1).optional(),
  /** With `bodyFolder`: bodies up to this many octets stand in Redis all the same. */
  inlineLimit: z.number().int().nonnegative().default(65_536),
  /** With `bodyFolder`: octets that must stay free there; below, mail is refused with 452. */
  minFree: z.number().nonnegative().default(268_435_456),
  ...deliveryOptions,
  /** Finished messages that `show` remembers. */
  keepFinished: z.number().int().nonnegative().default(10_000),
  /** Delivery by SMTP, routes with `via: 'smtp'`: by MX, or to this host. */
  smtp: server.default({}),
  /** Delivery by LMTP, routes with `via: 'lmtp'`. */
  lmtp: server.optional(),
  /** Delivery into Maildirs, routes with `via: 'maildir'`. */
  maildir: z
    .strictObject({ folder: z.string().min(1), byDomain: z.boolean().default(false), create: z.boolean().default(true) })
    .optional(),
  /** Further transports, by the `via` of their routes. */
  transports: z
    .record(
      z.string(),
      z.custom<Transport>((value) => typeof value === 'object' && value !== null && 'deliver' in value),
    )
    .default({}),
})

/** Options, checked. */
export type RedisQueueOptions = z.output<typeof options>
