/** What an operator may say to `suppression`. */
import { addressPattern, durationOf, listOf } from '@postroad/options/zod'
import { z } from 'zod'

const keep = (usual: string) =>
  z
    .union([z.literal('never'), durationOf({ min: 60_000 })], {
      error: 'not a duration such as "90 d", and not "never"',
    })
    .prefault(usual)

/** Classes of the bounce table that say something of a recipient. */
const CLASSES = ['invalid-mailbox', 'invalid-domain', 'inactive-mailbox', 'quota', 'greylist'] as const

/** The options of {@link suppression}. */
export const options = z.strictObject({
  tenant: z
    .enum(['none', 'domain', 'sender'])
    .default('none')
    .describe('Whose lists there are: one for all, one for each domain of reverse-paths, or one for each reverse-path'),
  streams: z
    .record(
      z.string().regex(/^[a-z0-9-]{1,60}$/, 'not a name of lower-case letters, digits and hyphens'),
      listOf(addressPattern),
    )
    .default({})
    .describe(
      'Reverse-paths of mail that one unsubscribes from together, by name; of others, each is a stream by itself',
    ),
  clients: z
    .enum(['authenticated', 'all'])
    .default('authenticated')
    .describe('Whose recipients are looked up at RCPT: of clients that have shown who they are, or of all'),
  ends: z
    .strictObject({
      address: keep('180 d').describe('There is no such mailbox'),
      mailbox: keep('30 d').describe('It could not take mail'),
      complaint: keep('never').describe('Its owner called the mail spam'),
      unsubscribe: keep('never').describe('Its owner wants no more'),
      manual: keep('never').describe('An operator said so'),
    })
    .prefault({})
    .describe('When entries end by themselves, by their reason'),
  classes: z
    .partialRecord(
      z.enum(CLASSES, { error: `not a class that says something of a recipient: ${CLASSES.join(', ')}` }),
      keep('180 d'),
    )
    .default({})
    .describe('When entries end that were made of failures of a class of the bounce table; it goes before `ends`'),
  hashed: z
    .boolean()
    .default(false)
    .describe('Keep marks (HMAC-SHA-256) in the place of addresses, and no replies: nobody can read the list'),
  keys: z
    .string()
    .optional()
    .describe(
      "With `hashed`: file of the key of those marks, the same on all nodes; default: one in the plugin's folder, made when it is needed",
    ),
  mailbox: z
    .strictObject({
      days: z.int().min(2).max(365).default(5).describe('On so many days'),
      within: durationOf({ min: 86_400_000 }).prefault('30 d').describe('Within so long'),
    })
    .prefault({})
    .describe('When a mailbox that is there and cannot take mail is given up'),
})

export type SuppressionOptions = z.output<typeof options>
