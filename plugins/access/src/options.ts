/** What an operator may say to `access`. */
import { fromOption } from '@postroad/directory/zod'
import { action, addressPattern, domainPattern, network } from '@postroad/options/zod'
import { z } from 'zod'

const until = z.iso
  .datetime({ offset: true })
  .or(z.iso.date())
  .transform((text) => Date.parse(text))

const entries = (pattern: z.ZodType<string, string>) => z.array(entryOf(pattern)).default([])

/** What a list is about. */
export const KINDS = ['clients', 'names', 'helo', 'senders', 'recipients'] as const

const lists = z.strictObject({
  clients: entries(network).describe('Addresses and networks of clients, CIDR'),
  names: entries(domainPattern).describe('Verified reverse-DNS names; needs the plugin `helo`'),
  helo: entries(domainPattern).describe('Names in HELO; never an exemption, anybody can say one'),
  senders: entries(addressPattern).describe('Address patterns of the reverse-path; `<>` is the null one'),
  recipients: entries(addressPattern).describe('Address patterns of recipients'),
})

const file = z.strictObject({
  path: z.string().describe('One pattern a line, then `until=…` if it expires, then a reason; `#` begins a comment'),
  of: z.enum(KINDS).describe('What the patterns are about'),
  say: z.enum(['allow', 'deny']).describe('Which list it belongs to'),
})

const table = z.strictObject({
  of: z
    .enum(KINDS)
    .describe('What its keys are: addresses, names, addresses and `@domain`, `<>` for the null reverse-path'),
  say: z
    .enum(['allow', 'deny', 'value'])
    .default('value')
    .describe('What being in it means; `value`: its value begins with `allow` or `deny`, and a reason may follow'),
  from: fromOption().describe('The directory'),
})

/** The options of {@link access}. */
export const options = z.strictObject({
  allow: lists.prefault({}).describe('Whom no further check of that hook concerns'),
  deny: lists.prefault({}).describe('Whom to refuse'),
  files: z.array(file).default([]).describe('More entries; read again when they change'),
  tables: z.array(table).default([]).describe('Entries in directories, asked where the lists here say nothing'),
  action: action.default('reject').describe('What being denied is worth'),
  text: z.string().default('Access denied').describe('What the client is told'),
})

export type AccessOptions = z.output<typeof options>
export type AccessEntry = z.output<ReturnType<typeof entryOf>>
export type AccessTable = z.output<typeof table>
export type Kind = (typeof KINDS)[number]

function entryOf(pattern: z.ZodType<string, string>) {
  return z.union([
    pattern,
    z.strictObject({
      match: pattern.describe('The pattern'),
      until: until.optional().describe('Ignored from this moment on: `2026-12-31` or `2026-12-31T18:00:00Z`'),
      reason: z.string().optional().describe('For the log'),
    }),
  ])
}
