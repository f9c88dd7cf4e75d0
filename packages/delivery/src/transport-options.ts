/** What an operator may say of transports: a part of a queue plugin's options, to be spread into its schema. */

import { HYBRID_GROUPS, type Transport } from '@postroad/mail'
import { durationOf, network } from '@postroad/options/zod'
import { z } from 'zod'

const ms = durationOf({ min: 1 })

const tls = z.strictObject({
  mode: z
    .enum(['none', 'opportunistic', 'required', 'implicit'])
    .describe('`opportunistic` falls back to the clear, `implicit` begins with the first octet'),
  verify: z
    .boolean()
    .default(false)
    .describe('The certificate must be valid for the name; with `required` and `implicit`'),
  servername: z.string().optional().describe('The name, where it is not that of the host'),
  ca: z.string().optional().describe('Certificates to trust instead of the system’s, PEM text'),
  minimumGroup: z
    .enum(HYBRID_GROUPS)
    .optional()
    .describe(
      'The weakest key exchange that will do, a hybrid of a curve and ML-KEM; makes `opportunistic` `required`. Default: any',
    ),
})

const isOffered = ({ mode, minimumGroup }: { readonly mode: string; readonly minimumGroup?: string | undefined }) =>
  mode !== 'none' || minimumGroup === undefined

const auth = z.strictObject({
  username: z.string(),
  password: z.string(),
  mechanism: z.enum(['PLAIN', 'LOGIN', 'CRAM-MD5']).optional().describe('Default: the first of these that is offered'),
  withoutTls: z.boolean().default(false).describe('Send them in the clear too'),
})

const smtp = z.strictObject({
  tls: tls
    .refine(isOffered, { path: ['minimumGroup'], error: 'without TLS there is no key exchange: say another mode' })
    .default({ mode: 'opportunistic', verify: false })
    .describe('TLS where the route says nothing of it'),
  tlsOptional: z
    .boolean()
    .default(true)
    .describe(
      'A message that says `TLS-Required: No` (RFC 8689) goes though DANE or MTA-STS forbid it; never against options of yours',
    ),
  credentials: z
    .record(z.string(), auth)
    .default({})
    .describe('By the name that a route gives in `settings.credentials`'),
  port: z.int().min(1).max(65_535).optional().describe('Port of hosts found by MX. Default: 25'),
  maxConnections: z.int().positive().default(20).describe('Connections to one host at a time'),
  maxTransactions: z
    .int()
    .positive()
    .default(500)
    .describe(
      'Messages on one connection, then another one is opened; `connection_max_messages` of Exim, `smtp_connection_reuse_count_limit` of Postfix',
    ),
  maxAgeMs: ms
    .default(300_000)
    .describe(
      'Milliseconds after which a connection gets no further message; `smtp_connection_reuse_time_limit` of Postfix',
    ),
  idleMs: ms.default(10_000).describe('Milliseconds an unused connection is kept'),
  chunking: z
    .boolean()
    .default(true)
    .describe(
      'Messages of up to 64 KB go with their envelope (BDAT, RFC 3030) to busy servers that offer it and were seen to read what they refuse. A route may say `settings.chunking: false`',
    ),
  localAddress: z.string().optional().describe('Address to connect from'),
  neverTo: z
    .array(z.union([z.literal('private'), network]))
    .default([])
    .describe(
      'Networks (CIDR) that mail by MX never goes to; `private`: those of RFC 6890 that only insiders reach. Not for hosts that routes name',
    ),
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

const isTransport = (value: unknown): boolean => typeof value === 'object' && value !== null && 'deliver' in value

/** The part of a queue plugin's schema that is about transports: `z.strictObject({ ...transportOptions, … })`. */
export const transportOptions = {
  smtp: smtp.prefault({}).describe('Delivery by SMTP, by MX or to the host of a route with `via: smtp`'),
  lmtp: lmtp.optional().describe('Delivery by LMTP, routes with `via: lmtp`'),
  maildir: maildir.optional().describe('Delivery into Maildirs, routes with `via: maildir`'),
  transports: z
    .record(z.string(), z.custom<Transport>(isTransport))
    .default({})
    .describe('Further transports, by the `via` of their routes; only in TypeScript'),
} as const

/** The options, checked. */
export type TransportOptions = ReturnType<typeof parse>

// Only its type is used: one that is inferred from a value is written out in the declaration, without a name of zod in it.
const parse = (value: unknown) => z.strictObject(transportOptions).parse(value)
