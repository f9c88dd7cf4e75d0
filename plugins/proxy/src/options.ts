import { HYBRID_GROUPS } from '@postroad/mail'
import { durationOf } from '@postroad/options/zod'
import { z } from 'zod'

const ms = durationOf({ min: 1 })

const server = z.strictObject({
  host: z.string().min(1).describe('Name or address'),
  port: z.int().min(1).max(65_535).optional().describe('Default: 25 for `smtp`, 24 for `lmtp`'),
})

const socket = z.strictObject({ path: z.string().min(1).describe('UNIX socket') })

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
      'The weakest key exchange that will do, a hybrid of a curve and ML-KEM; with `required` and `implicit`. Default: any',
    ),
})

const auth = z.strictObject({
  username: z.string(),
  password: z.string(),
  mechanism: z.enum(['PLAIN', 'LOGIN', 'CRAM-MD5']).optional().describe('Default: the first of these that is offered'),
  withoutTls: z.boolean().default(false).describe('Send them in the clear too'),
})

const timeouts = z
  .strictObject({
    connect: ms.describe('TCP to one address; default 30,000'),
    setup: ms.describe('From connecting to the first MAIL, everything together; default 300,000'),
    greeting: ms.describe('Default 300,000'),
    command: ms.describe('EHLO, STARTTLS, AUTH, RSET; default 300,000'),
    mail: ms.describe('Default 300,000'),
    rcpt: ms.describe('Default 300,000'),
    data: ms.describe('Until 354; default 120,000'),
    block: ms.describe('Each piece of the message; default 180,000'),
    final: ms.describe('After the final dot; default 600,000. A short one makes duplicates'),
  })
  .partial()

/** What an operator may say of the proxy. */
export const options = z
  .strictObject({
    to: z.union([server, socket]).optional().describe('The next hop of routes that name no host'),
    protocol: z.enum(['smtp', 'lmtp']).default('smtp').describe('How to speak to it'),
    via: z.string().min(1).default('proxy').describe('The `via` of the routes that this proxy carries'),
    verify: z
      .enum(['rcpt', 'never'])
      .default('rcpt')
      .describe('`rcpt`: each recipient is asked for while the client waits at RCPT; `never`: with the message only'),
    tls: tls
      .refine(({ mode, minimumGroup }) => minimumGroup === undefined || mode === 'required' || mode === 'implicit', {
        path: ['minimumGroup'],
        error: 'say the mode `required` or `implicit`: where TLS may be left out, no group can be demanded',
      })
      .default({ mode: 'none', verify: false })
      .describe('TLS to the next hop'),
    auth: auth.optional().describe('Credentials, RFC 4954'),
    features: z
      .array(z.enum(['8BITMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS']))
      .default(['8BITMIME', 'SMTPUTF8'])
      .describe('Extensions to offer to clients; `DSN` only if the next hop has it'),
    maxConnections: z.int().positive().default(50).describe('Connections to one next hop at a time'),
    maxTransactions: z.int().positive().default(1000).describe('Transactions on one connection'),
    maxAgeMs: ms.default(300_000).describe('Milliseconds after which a connection gets no further transaction'),
    idleMs: ms.default(30_000).describe('Milliseconds an unused connection is kept'),
    waitMs: ms.default(30_000).describe('Milliseconds to wait for a connection when all are in use'),
    holdMs: ms
      .default(60_000)
      .describe(
        'Milliseconds a transaction is held open for a client that says nothing; it is opened again with the message',
      ),
    chunking: z
      .boolean()
      .default(true)
      .describe(
        'Messages of up to 64 KB go by BDAT (RFC 3030) to a next hop that offers it and was seen to read what it refuses',
      ),
    timeouts: timeouts.default({}).describe('Milliseconds by stage, RFC 5321 §4.5.3.2'),
  })
  .refine(
    ({ features, tls, protocol }) => !features.includes('REQUIRETLS') || tls.mode !== 'none' || protocol === 'lmtp',
    {
      path: ['features'],
      error:
        'REQUIRETLS is promised, and the option tls says that there is none to the next hop: say tls, or leave it out',
    },
  )

/** The options after validation. */
export type Options = z.output<typeof options>
