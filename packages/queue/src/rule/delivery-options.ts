/** What an operator may say of deliveries, whatever store the queue has: the options that all queue plugins share. */
import { parseAddress } from '@postroad/mail'
import { domainPattern, duration, hostPattern, size } from '@postroad/options/zod'
import { z } from 'zod'
import { BOUNCE_TABLE } from '../bounce-table.ts'

const CLASSES = [...new Set(BOUNCE_TABLE.map((row) => row.class)), 'other' as const]

const waits = z.array(duration).min(1)
const waitsByClass = z.partialRecord(z.enum(CLASSES), waits)

const destinationShape = z.strictObject({
  match: hostPattern
    .optional()
    .describe('Domain (`example.com`, `*.example.com`), host of a route, or name of a transport; `*` is all others'),
  mx: domainPattern
    .optional()
    .describe(
      'Instead of `match`: a best mail host (`*.mail.example.com`). All its domains together have these limits',
    ),
  concurrency: z
    .int()
    .positive()
    .optional()
    .describe('Transactions at once. Default, with `perSecond` or `group` alone: 20'),
  perSecond: z.number().positive().optional().describe('Transactions a second'),
  group: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .optional()
    .describe('Destinations of one group have the limits of its first entry together'),
  life: duration.optional().describe('`life` for these destinations'),
  warnAfter: duration.optional().describe('`warnAfter` for these destinations'),
  retry: waits.optional().describe('Waits for these destinations, instead of `retry` and `retryByClass`'),
  retryByClass: waitsByClass.optional().describe('Waits for a class of failure of these destinations'),
})

const destination = destinationShape
  .refine(({ match, mx }) => (match === undefined) !== (mx === undefined), 'an entry has either match or mx')
  .refine((entry) => entry.mx === undefined || !(entry.life ?? entry.warnAfter ?? entry.retry ?? entry.retryByClass), {
    message: 'mail hosts have limits; schedules are by match',
  })

/** A part of a plugin's options: spread it into the schema. */
export const deliveryOptions = {
  concurrency: z.int().positive().default(200).describe('Deliveries under way at once, in one process'),
  backlogShare: z
    .number()
    .min(0.05)
    .max(1)
    .default(0.5)
    .describe('Part of `concurrency` that deferred mail may take; the rest stays free for fresh mail'),
  lanes: z
    .array(destination)
    .default([])
    .describe(
      'Limits and schedules by destination. Limits come from the first entry that matches and has any, the schedule from the first that matches and has any. Default: 20 transactions at once with all domains that have the same best mail hosts',
    ),
  life: duration
    .default(432_000_000)
    .describe('How long a message is tried: milliseconds, or `5d`. A change concerns mail that is queued too'),
  warnAfter: duration.default(14_400_000).describe('When senders hear that their mail is late; 0: never'),
  retry: waits
    .optional()
    .describe(
      'Waits after the first, second, … failure; the last repeats. Default: 5, 10, 20, 30 minutes, 1, 2, 3, 4 hours',
    ),
  retryByClass: waitsByClass
    .default({})
    .describe(
      'Other waits for a class of failure. Default: `greylist` from 2 minutes, `rate` from 10, `quota` from an hour',
    ),
  maxRecipients: z.int().positive().default(100).describe('Recipients of one transaction'),
  stopGrace: duration
    .default(10_000)
    .describe(
      'How long deliveries under way may go on when the server stops; then they are cut, and tried again later',
    ),
  answerGrace: duration
    .default(120_000)
    .describe(
      'How long, when the server stops, a delivery may go on of which all was sent and only the answer is awaited: to cut it makes a duplicate. RFC 5321 grants the next hop `10m`; what starts and stops the server must wait longer than this',
    ),
  memory: size.default(67_108_864).describe('Octets of fresh mail kept in memory until it is delivered'),
  returnLimit: size
    .default(50_000)
    .describe('Largest original that goes back whole with a failure notification, when the sender asked for it'),
  reports: z
    .strictObject({ via: z.string().min(1), host: z.string().min(1).optional(), port: z.int().optional() })
    .optional()
    .describe(
      'The way of all notifications. Default: where `route` hooks of the scopes around and within say, and where none does by MX to the sender’s domain',
    ),
  postmaster: z
    .string()
    .refine((text) => parseAddress(text, { smtputf8: true }) !== undefined, 'not an address')
    .optional()
    .describe(
      'Address that is told of mail with the null reverse-path that was given up: a notification whose sender cannot be reached. Default: the log and `postroad queue stats`',
    ),
} as const

/** The options, checked. */
export type DeliveryOptions = ReturnType<typeof parse>

/** An entry of `lanes`, checked. */
export type DestinationOptions = DeliveryOptions['lanes'][number]

// Only its type is used: one that is inferred from a value is written out in the declaration, without a name of zod in it.
const parse = (value: unknown) => z.strictObject(deliveryOptions).parse(value)
