import { z } from 'zod'

const ms = z.number().positive()

/** What an operator may say of the proxy. */
export const options = z.strictObject({
  /** The next hop of routes that name no host: a host and port, or the path of a UNIX socket. */
  to: z
    .union([
      z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535).optional() }),
      z.strictObject({ path: z.string().min(1) }),
    ])
    .optional(),
  /** How to speak to it. Port 25 by default for `smtp`, 24 for `lmtp`. */
  protocol: z.enum(['smtp', 'lmtp']).default('smtp'),
  /** The `via` of the routes that this proxy carries. */
  via: z.string().min(1).default('proxy'),
  /** `rcpt`: each recipient is asked for while the client waits at RCPT; `never`: with the message only. */
  verify: z.enum(['rcpt', 'never']).default('rcpt'),
  /** TLS to the next hop; default: none, as it is usually on the same machine. `ca` is PEM text. */
  tls: z
    .strictObject({
      mode: z.enum(['none', 'opportunistic', 'required', 'implicit']),
      verify: z.boolean().default(false),
      servername: z.string().optional(),
      ca: z.string().optional(),
    })
    .default({ mode: 'none', verify: false }),
  /** Credentials, RFC 4954. They are sent over TLS only, unless `withoutTls`. */
  auth: z
    .strictObject({
      username: z.string(),
      password: z.string(),
      mechanism: z.enum(['PLAIN', 'LOGIN', 'CRAM-MD5']).optional(),
      withoutTls: z.boolean().default(false),
    })
    .optional(),
  /** What the next hop is known to support, beyond what every server does; offered to clients. */
  features: z.array(z.enum(['8BITMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS'])).default(['8BITMIME', 'SMTPUTF8']),
  /** Connections to one next hop at a time. */
  maxConnections: z.int().positive().default(50),
  /** Transactions on one connection. */
  maxTransactions: z.int().positive().default(1000),
  /** Milliseconds an unused connection is kept. */
  idleMs: ms.default(30_000),
  /** Milliseconds to wait for a connection when all are in use. */
  waitMs: ms.default(30_000),
  /** Milliseconds a transaction is held open for a client that says nothing; it is opened again with the message. */
  holdMs: ms.default(60_000),
  /** Milliseconds by stage; default: RFC 5321 §4.5.3.2, and 30 s to connect. */
  timeouts: z
    .strictObject({ connect: ms, greeting: ms, command: ms, mail: ms, rcpt: ms, data: ms, block: ms, final: ms })
    .partial()
    .default({}),
})

/** The options after validation. */
export type Options = z.output<typeof options>
