/** What an operator may say to `routing`. */
import { fromOption } from '@postroad/directory/zod'
import {
  addressPattern,
  DAY,
  domainPattern,
  duration,
  durationOf,
  listOf,
  network,
  size,
  stringList,
} from '@postroad/options/zod'
import type { Address, Session } from '@postroad/plugin'
import { z } from 'zod'

const where = {
  via: z.string().min(1).optional().describe('Transport that carries it: `smtp`, `lmtp`, `maildir`, `proxy` …'),
  host: z.string().min(1).optional().describe('Next hop: name, address, or path of a socket; absent: by MX'),
  port: z.int().min(1).max(65_535).optional().describe('Port of the next hop'),
  settings: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .describe('What else the transport understands (TLS, credentials by name, folder)'),
}

/** Where something goes. */
export const target = z.strictObject({
  ...where,
  to: stringList
    .optional()
    .describe(
      'Address or addresses in place of the recipient; `{local}`, `{domain}` and `{detail}` stand for its parts',
    ),
  users: z
    .array(z.string())
    .optional()
    .describe('Local parts that exist; others are refused with 550 5.1.1. Absent: all exist'),
  catchAll: z.string().optional().describe('Address that takes what is for none of `users`'),
})

const bounds = z.strictObject({ over: z.number().optional(), under: z.number().optional() })

/** What a condition in code is told. */
export interface RouteQuestion {
  readonly recipient: Address
  /** `undefined` is the null reverse-path. */
  readonly from: Address | undefined
  readonly session: Pick<Session, 'remote' | 'listener' | 'identity' | 'tls' | 'helo'>
}

const match = z.strictObject({
  recipient: listOf(addressPattern).optional().describe('Address patterns'),
  from: listOf(addressPattern).optional().describe('Address patterns of the reverse-path; `<>` is the null one'),
  network: listOf(network).optional().describe('Networks of the client, CIDR'),
  helo: stringList.optional().describe('Globs of the name in HELO'),
  listener: stringList.optional().describe('Names of listeners'),
  identity: z
    .union([z.boolean(), stringList])
    .optional()
    .describe('Whether the client is authenticated, or globs of its name'),
  tls: z.boolean().optional().describe('Whether the session is encrypted'),
  facts: z
    .record(z.string(), z.union([stringList, z.number(), z.boolean()]))
    .optional()
    .describe('Globs by fact and the path in it: `spf.mailFrom.result: [fail, softfail]`'),
  test: z
    .custom<(question: RouteQuestion) => boolean>((value) => typeof value === 'function', 'not a function')
    .optional()
    .describe('A condition in code: a function of `{ recipient, from, session }`'),
  header: z
    .record(z.string(), stringList)
    .optional()
    .describe('Globs by header field, of any of its values; the rule is asked when the message is there'),
  size: z
    .strictObject({ over: size.optional(), under: size.optional() })
    .optional()
    .describe('Octets of the message; the rule is asked when it is there'),
  points: bounds.optional().describe('Points of the message so far; the rule is asked when it is there'),
})

const refusal = z.strictObject({ text: z.string(), status: z.string().regex(/^[45]\.\d{1,3}\.\d{1,3}$/) })

const tag = z.strictObject({
  header: z
    .string()
    .regex(/^[!-9;-~]+$/)
    .optional()
    .describe('Name of a field to add'),
  value: z.string().default('yes').describe('Its value'),
  subject: z.string().optional().describe('Put in front of the subject'),
})

const rule = z.strictObject({
  name: z.string().optional().describe('Shown by `postroad routing route`; default: its number'),
  match: z
    .union([listOf(addressPattern), match])
    .optional()
    .describe('Patterns of the recipient, or conditions that must all hold; absent: always'),
  ...where,
  to: stringList.optional().describe('Address or addresses in place of the recipient'),
  refuse: z.union([z.string(), refusal]).optional().describe('Text of a refusal (5.7.1), or text and enhanced status'),
  discard: z.boolean().optional().describe('Take it and drop it'),
  hold: z
    .string()
    .optional()
    .describe('Quarantine it for this reason. Without `via` and `to` later rules say where it goes'),
  copy: stringList
    .optional()
    .describe('Addresses that get it, too. Without `via` and `to` later rules say where it goes'),
  tag: tag.optional().describe('Mark the message; only with `header`, `size` or `points` in `match`'),
})

/** Looks a key up: an address in lower case, `@domain`, or a domain. */
export type Lookup = (key: string, signal: AbortSignal) => unknown

const table = z.strictObject({
  of: z
    .enum(['addresses', 'domains', 'senders'])
    .default('addresses')
    .describe('What its keys are; of `senders`: the way of what clients that may relay send, by their reverse-path'),
  file: z.string().optional().describe('Lines of a pattern and a value; read again when it changes'),
  store: z.string().optional().describe('Prefix of keys in the store'),
  http: z
    .string()
    .regex(/^https?:\/\//)
    .optional()
    .describe('URL asked with GET; `{key}` is filled in. 200: the value, as text or JSON; 404: there is none'),
  from: fromOption().optional().describe('A directory: SQL, LDAP, Redis, Dovecot, a socketmap'),
  lookup: z
    .custom<Lookup>((value) => typeof value === 'function', 'not a function')
    .optional()
    .describe('A function from key to value, for SQL and everything else'),
  cache: duration.prefault('1 min').describe('How long answers of `http` and `lookup` are kept'),
})

const relay = z.strictObject({
  ...where,
  networks: z.array(network).default([]).describe('Networks whose clients may send to anywhere'),
  authenticated: z.boolean().default(false).describe('Authenticated clients may send to anywhere'),
})

const srs = z.strictObject({
  domain: z.string().describe('Domain of the rewritten reverse-paths; its mail must come here'),
  secret: stringList.describe('Secret of the signatures; of several the first signs and all are accepted'),
  lifetime: durationOf({ unit: DAY, min: 1, max: 60 }).default(21).describe('Days in which bounces are accepted'),
})

/** The options of {@link routing}. */
export const options = z.strictObject({
  routes: z.array(rule).default([]).describe('Rules in order; the first that fits decides. Before everything else'),
  addresses: z
    .record(addressPattern, z.union([stringList, target]))
    .default({})
    .describe('By address pattern: addresses in place of it, or where it goes'),
  tables: z
    .array(table)
    .default([])
    .describe('More of `addresses` and `domains`, from elsewhere; asked in order, after those here'),
  domains: z.record(domainPattern, target).default({}).describe('Our domains, and where their mail goes'),
  relay: relay
    .optional()
    .describe('Who may send to anywhere, and how it gets there; also how aliases to other domains go'),
  srs: srs
    .optional()
    .describe(
      'Sender Rewriting Scheme: what an alias sends on to other domains gets a reverse-path of ours, so that SPF passes',
    ),
  masquerade: z
    .record(domainPattern, z.string())
    .default({})
    .describe('By domain pattern: the domain that outgoing mail shows in From, Sender, Reply-To and its reverse-path'),
  separator: z.string().max(8).default('+').describe('Between user and detail; empty: there is no detail'),
  senderRouting: z
    .enum(['refuse', 'pass'])
    .default('refuse')
    .describe(
      'What becomes of `a%b@…`, `a!b@…` and `"a@b"@…` from strangers where an SMTP server is next: it might follow the way they say, and relay for anybody',
    ),
  postmaster: z
    .string()
    .optional()
    .describe('Address that takes mail for `postmaster` without a domain; default: `postmaster` of the first domain'),
})

export type RoutingOptions = z.output<typeof options>
export type RuleOptions = z.output<typeof rule>
export type TargetOptions = z.output<typeof target>
export type TableOptions = z.output<typeof table>
export type TagOptions = z.output<typeof tag>
export type SrsOptions = z.output<typeof srs>
