/** What an operator may say of the connection. */
import { z } from 'zod'

const node = z.strictObject({ host: z.string().min(1), port: z.number().int().min(1).max(65_535).default(6379) })

/** Schema of the options of `redis`. */
export const options = z.strictObject({
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. Default: `redis://127.0.0.1:6379`. */
  url: z
    .string()
    .regex(/^rediss?:\/\//)
    .optional(),
  /** Redis Cluster: some of its nodes; instead of `url`. */
  cluster: z.array(node).min(1).optional(),
  /** Redis Sentinel: who knows which server is the primary; instead of `url`. */
  sentinel: z
    .strictObject({
      name: z.string().min(1),
      nodes: z.array(node).min(1),
      username: z.string().optional(),
      password: z.string().optional(),
    })
    .optional(),
  /** User of an ACL; goes before the one in `url`. */
  username: z.string().optional(),
  password: z.string().optional(),
  /** TLS to the server: `true`, or certificates in PEM. */
  tls: z
    .union([
      z.boolean(),
      z.strictObject({
        ca: z.string().optional(),
        cert: z.string().optional(),
        key: z.string().optional(),
        servername: z.string().optional(),
      }),
    ])
    .optional(),
  /** Begins every key: several installations may share a server. */
  prefix: z
    .string()
    .regex(/^[a-z0-9:_-]+$/i)
    .default('postroad'),
  /** Milliseconds after which an unanswered command has failed. */
  deadline: z.number().int().positive().default(2_000),
  /** Commands on their way at once; more fail at once instead of filling the memory. */
  maxInFlight: z.number().int().positive().default(10_000),
})

/** Options, checked. */
export type RedisOptions = z.output<typeof options>
