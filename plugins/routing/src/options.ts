/** What an operator may say to `routing`. */
import { z } from 'zod'

const list = z.union([z.string(), z.array(z.string())])

const where = {
  via: z.string().min(1).optional().describe('Transport that carries it: `smtp`, `lmtp`, `maildir`, `proxy` …'),
  host: z.string().min(1).optional().describe('Next hop: name, address, or path of a socket; absent: by MX'),
  port: z.number().int().min(1).max(65_535).optional().describe('Port of the next hop'),
  settings: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .describe('What else the transport understands'),
}

const target = z.strictObject({
  ...where,
  to: list.optional().describe('Address or addresses in place of the recipient; `{local}`, `{domain}` and `{detail}` stand for its parts'),
  users: z.array(z.string()).optional().describe('Local parts that exist; others are refused with 550 5.1.1. Absent: all exist'),
  catchAll: z.string().optional().describe('Address that takes what is for none of `users`'),
})

const match = z.strictObject({
  recipient: list.optional().describe('Address patterns'),
  from: list.optional().describe('Address patterns of the reverse-path; `<>` is the null one'),
  network: list.optional().describe('Networks of the client, CIDR'),
  listener: list.optional().describe('Names of listeners'),
  identity: z.union([z.boolean(), list]).optional().describe('Whether the client is authenticated, or globs of its name'),
})

const rule = z.strictObject({
  name: z.string().optional().describe('Shown by `route`; default: its number'),
  match: z.union([list, match]).optional().describe('Patterns of the recipient, or conditions that must all hold; absent: always'),
  ...where,
  to: list.optional().describe('Address or addresses in place of the recipient'),
  refuse: z
    .union([z.string(), z.strictObject({ text: z.string(), status: z.string().regex(/^[45]\.\d{1,3}\.\d{1,3}$/) })])
    .optional()
    .describe('Text of a refusal (5.7.1), or text and enhanced status'),
  discard: z.boolean().optional().describe('Take it and drop it'),
})

const relay = z.strictObject({
  ...where,
  networks: z.array(z.string()).default([]).describe('Networks whose clients may send to anywhere'),
  authenticated: z.boolean().default(false).describe('Authenticated clients may send to anywhere'),
})

/** The options of {@link routing}. */
export const options = z.strictObject({
  routes: z.array(rule).default([]).describe('Rules in order; the first that fits decides. Before everything else'),
  addresses: z
    .record(z.string(), z.union([list, target]))
    .default({})
    .describe('By address pattern: addresses in place of it, or where it goes'),
  domains: z.record(z.string(), target).default({}).describe('Our domains, and where their mail goes'),
  relay: relay.optional().describe('Who may send to anywhere, and how it gets there; also how aliases to other domains go'),
  separator: z.string().max(8).default('+').describe('Between user and detail; empty: there is no detail'),
  postmaster: z
    .string()
    .optional()
    .describe('Address that takes mail for `postmaster` without a domain; default: `postmaster` of the first domain'),
})

export type RoutingOptions = z.output<typeof options>
export type RuleOptions = z.output<typeof rule>
export type TargetOptions = z.output<typeof target>
