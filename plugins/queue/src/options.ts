/** What an operator may say of the embedded queue; `docs/options.md` is made of it. */
import type { Transport } from '@postroad/delivery'
import { BOUNCE_TABLE } from '@postroad/queue'
import { z } from 'zod'

const duration = z.union([
  z.number().nonnegative(),
  z
    .string()
    .regex(/^\d+(?:ms|s|m|h|d)$/)
    .transform(parseDuration),
])

const ms = z.number().positive()

const lane = z.strictObject({
  match: z.string().min(1).describe('Domain (`example.com`, `*.example.com`), host of a route, or name of a transport; `*` is all others'),
  concurrency: z.int().positive().default(20).describe('Transactions at once'),
  perSecond: ms.optional().describe('Transactions a second'),
  group: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .optional()
    .describe('Destinations of one group share their limits: the domains of one provider'),
  retry: z.array(duration).min(1).optional().describe('Waits for these destinations, instead of `retry` and `retryByClass`'),
})

const tls = z.strictObject({
  mode: z
    .enum(['none', 'opportunistic', 'required', 'implicit'])
    .describe('`opportunistic` falls back to the clear, `implicit` begins with the first octet'),
  verify: z.boolean().default(false).describe('The certificate must be valid for the name; with `required` and `implicit`'),
  servername: z.string().optional().describe('The name, where it is not that of the host'),
  ca: z.string().optional().describe('Certificates to trust instead of the system’s, PEM text'),
})

const auth = z.strictObject({
  username: z.string(),
  password: z.string(),
  mechanism: z.enum(['PLAIN', 'LOGIN', 'CRAM-MD5']).optional().describe('Default: the first of these that is offered'),
  withoutTls: z.boolean().default(false).describe('Send them in the clear too'),
})

const smtp = z.strictObject({
  tls: tls.default({ mode: 'opportunistic', verify: false }).describe('TLS where the route says nothing of it'),
  credentials: z.record(z.string(), auth).default({}).describe('By the name that a route gives in `settings.credentials`'),
  maxConnections: z.int().positive().default(20).describe('Connections to one host at a time'),
  idleMs: ms.default(10_000).describe('Milliseconds an unused connection is kept'),
  localAddress: z.string().optional().describe('Address to connect from'),
})

const lmtp = z.strictObject({
  host: z.string().min(1).optional().describe('Default: the host of the route'),
  port: z.int().min(1).max(65_535).optional().describe('Default: 24'),
  path: z.string().min(1).optional().describe('UNIX socket; goes before host and port'),
})

const maildir = z.strictObject({
  folder: z.string().min(1).describe('The mailboxes are `folder/<local part>/`'),
  byDomain: z.boolean().default(false).describe('One level more: `folder/<domain>/<local part>/`'),
  create: z.boolean().default(true).describe('Make mailboxes that are not there'),
})

const CLASSES = [...new Set(BOUNCE_TABLE.map((row) => row.class)), 'other' as const]

const isTransport = (value: unknown): boolean => typeof value === 'object' && value !== null && 'deliver' in value

/** The schema. */
export const options = z.strictObject({
  folder: z.string().min(1).optional().describe('Where the queue lives. Default: the plugin’s own folder'),
  concurrency: z.int().positive().default(200).describe('Deliveries under way at once, in one process'),
  backlogShare: z
    .number()
    .min(0.05)
    .max(1)
    .default(0.5)
    .describe('Part of `concurrency` that deferred mail may take; the rest stays free for fresh mail'),
  lanes: z
    .array(lane)
    .default([])
    .describe('Limits by destination, counted in each process; the first that matches. Default: 20 transactions at once'),
  life: duration.default(432_000_000).describe('How long a message is tried: milliseconds, or `5d`'),
  warnAfter: duration.default(14_400_000).describe('When senders hear that their mail is late; 0: never'),
  retry: z
    .array(duration)
    .min(1)
    .optional()
    .describe('Waits after the first, second, … failure; the last repeats. Default: 5, 10, 20, 30 minutes, 1, 2, 3, 4 hours'),
  retryByClass: z
    .partialRecord(z.enum(CLASSES), z.array(duration).min(1))
    .default({})
    .describe('Other waits for a class of failure. Default: `greylist` from 2 minutes, `rate` from 10, `quota` from an hour'),
  maxRecipients: z.int().positive().default(100).describe('Recipients of one transaction'),
  inlineLimit: z.int().nonnegative().default(65_536).describe('Bodies up to this many octets stand in the database, larger ones are files'),
  minFree: z
    .number()
    .nonnegative()
    .default(268_435_456)
    .describe('Octets that must stay free on the disk: below, mail is refused with 452'),
  memory: z.number().nonnegative().default(67_108_864).describe('Octets of fresh mail kept in memory until it is delivered'),
  keepFinished: z.int().nonnegative().default(100_000).describe('Finished messages that `postroad queue show` remembers'),
  returnLimit: z
    .number()
    .nonnegative()
    .default(50_000)
    .describe('Largest original that goes back whole with a failure notification, when the sender asked for it'),
  reports: z
    .strictObject({ via: z.string().min(1), host: z.string().min(1).optional(), port: z.int().optional() })
    .default({ via: 'smtp' })
    .describe('The route of notifications. Default: by MX to the sender’s domain'),
  smtp: smtp.prefault({}).describe('Delivery by SMTP, by MX or to the host of a route with `via: smtp`'),
  lmtp: lmtp.optional().describe('Delivery by LMTP, routes with `via: lmtp`'),
  maildir: maildir.optional().describe('Delivery into Maildirs, routes with `via: maildir`'),
  transports: z
    .record(z.string(), z.custom<Transport>(isTransport))
    .default({})
    .describe('Further transports, by the `via` of their routes; only in TypeScript'),
})

/** Options, checked. */
export type QueueOptions = z.output<typeof options>

/** Milliseconds of `90s`, `15m`, `4h`, `5d`; NaN when it is none of these. */
export function parseDuration(text: string): number {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text)
  return match ? Number(match[1]) * units[match[2] as keyof typeof units] : Number.NaN // the pattern allows no other unit
}
