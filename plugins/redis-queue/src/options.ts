import type { Transport } from '@postroad/delivery'
import { z } from 'zod'

/** `15m`, `4h`, `5d`, or milliseconds. */
const duration = z.union([
  z.number().nonnegative(),
  z
    .string()
    .regex(/^\d+(?:ms|s|m|h|d)$/)
    .transform(parseDuration),
])

const lane = z.strictObject({
  /** Domain (`example.com`, `*.example.com`), host of a route, or name of a transport; `*` is all others. */
  match: z.string().min(1),
  /** Transactions at once, of all nodes together. */
  concurrency: z.number().int().positive().default(20),
  /** Transactions a second, of all nodes together. */
  perSecond: z.number().positive().optional(),
  /** Destinations with the same group share their limits: the domains of one provider. */
  group: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .optional(),
})

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
  /** Deliveries under way at once, in one process. */
  concurrency: z.number().int().positive().default(200),
  /** Part of `concurrency` that deferred mail may take; the rest stays free for fresh mail. */
  backlogShare: z.number().min(0.05).max(1).default(0.5),
  /** Limits by destination; the first that matches. */
  lanes: z.array(lane).default([]),
  /** How long a message is tried. */
  life: duration.default(432_000_000),
  /** When senders hear that their mail is late; 0: never. */
  warnAfter: duration.default(14_400_000),
  /** Waits after the first, second, … failure; the last repeats. Default: 5, 10, 20, 30 minutes, 1, 2, 3, 4 hours. */
  retry: z.array(duration).min(1).optional(),
  /** Recipients of one transaction. */
  maxRecipients: z.number().int().positive().default(100),
  /** Octets of fresh mail kept in memory until it is delivered. */
  memory: z.number().nonnegative().default(67_108_864),
  /** Finished messages that `show` remembers. */
  keepFinished: z.number().int().nonnegative().default(10_000),
  /** Largest original that goes back whole with a failure notification, when the sender asked for it. */
  returnLimit: z.number().nonnegative().default(50_000),
  /** Where notifications go; default: the way of `smtp`, to the sender's domain. */
  reports: z
    .strictObject({ via: z.string().min(1), host: z.string().min(1).optional(), port: z.number().int().optional() })
    .default({ via: 'smtp' }),
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

/** Milliseconds of `90s`, `15m`, `4h`, `5d`. */
export function parseDuration(text: string): number {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text)
  return match ? Number(match[1]) * units[match[2] as keyof typeof units] : Number.NaN // the pattern allows no other unit
}
