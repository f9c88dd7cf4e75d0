/** What an operator may say of the connection; `docs/options.md` is made of it. */
import { durationOf } from '@postroad/options/zod'
import { z } from 'zod'

const node = z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535).default(6379) })

const tls = z.union([
  z.boolean(),
  z.strictObject({
    ca: z.string().optional().describe('Certificates to trust instead of the system’s, PEM text'),
    cert: z.string().optional().describe('Our own, where the server asks for one'),
    key: z.string().optional(),
    servername: z
      .string()
      .optional()
      .describe('The name in the server’s certificate, where it is not that of the host'),
  }),
])

const sentinel = z.strictObject({
  name: z.string().min(1).describe('Of the group of servers'),
  nodes: z.array(node).min(1).describe('The Sentinels'),
  username: z.string().optional(),
  password: z.string().optional().describe('Of the Sentinels'),
  tls: tls.optional().describe('TLS to the Sentinels. Default: as `tls`'),
})

/** Schema of the options of `redis`. */
export const options = z.strictObject({
  url: z
    .string()
    .regex(/^rediss?:\/\//)
    .optional()
    .describe('`redis://user:password@host:port/db`, or `rediss://` for TLS. Default: `redis://127.0.0.1:6379`'),
  cluster: z.array(node).min(1).optional().describe('Redis Cluster: some of its nodes; instead of `url`'),
  sentinel: sentinel.optional().describe('Redis Sentinel: who knows which server is the primary; instead of `url`'),
  username: z.string().optional().describe('User of an ACL; goes before the one in `url`'),
  password: z.string().optional(),
  tls: tls.optional().describe('TLS to the server: `true`, or certificates'),
  prefix: z
    .string()
    .regex(/^[a-z0-9:_-]+$/i)
    .default('postroad')
    .describe('Begins every key: several installations may share a server'),
  deadline: durationOf({ min: 1 }).default(2_000).describe('Milliseconds after which an unanswered command has failed'),
  maxInFlight: z
    .int()
    .positive()
    .default(10_000)
    .describe('Commands on their way at once; more fail at once instead of filling the memory'),
})

/** Options, checked. */
export type RedisOptions = z.output<typeof options>
