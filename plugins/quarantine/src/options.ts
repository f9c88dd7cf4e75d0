/** What an operator may say to `quarantine`. */
import { parseAddress } from '@postroad/mail'
import { addressPattern, duration, durationOf, globPattern, listOf } from '@postroad/options/zod'
import { z } from 'zod'
import { DAYS } from './digest/schedule.ts'

const time = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'not a time of the day such as "07:00"')
const mailbox = z
  .string()
  .refine((text) => parseAddress(text, { smtputf8: true }) !== undefined, 'not an address such as "user@example.com"')

const digest = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: 'not an address such as "https://mail.example.com"' })
    .describe('Where recipients reach the listener with `routes: links`; the links in their mail begin with it'),
  from: mailbox.describe('Address that digests are from; its domain signs them'),
  name: z
    .string()
    .max(100)
    .regex(/^[^\r\n]*$/)
    .default('Mail quarantine')
    .describe('Name before that address'),
  returnPath: z
    .union([mailbox, z.literal('')])
    .default('')
    .describe('Reverse-path of digests; empty: the null one, and nobody is told of those that could not be delivered'),
  submit: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Where digests are handed in'),
      port: z.int().min(1).max(65_535).optional().describe('Default 25'),
      path: z.string().optional().describe('UNIX socket, in place of host and port'),
    })
    .optional()
    .describe(
      'A listener in whose scope mail is signed, routed and queued, and nothing is quarantined; default: the scope of this plugin, without a listener, as mail of a client that has authenticated',
    ),
  recipients: listOf(addressPattern).describe(
    'Who may get digests: your own addresses, for outgoing mail is quarantined too',
  ),
  aliases: z
    .record(addressPattern, mailbox)
    .default({})
    .describe('By address or pattern: who gets the digests of that mail'),
  at: listOf(time).prefault('07:00').describe('Times of the day'),
  days: z
    .array(z.enum(DAYS))
    .min(1)
    .default([...DAYS])
    .describe('Days of the week'),
  timeZone: z
    .string()
    .refine(isTimeZone, 'not a time zone such as "Europe/Berlin"')
    .default(() => Intl.DateTimeFormat().resolvedOptions().timeZone)
    .describe("Whose clock that is, and the one of the dates in digests; default: the machine's"),
  actions: z
    .array(z.enum(['release', 'delete']))
    .default(['release', 'delete'])
    .describe('What recipients may do'),
  life: durationOf({ min: 3_600_000 })
    .prefault('14 d')
    .describe('How long a link is good, at most as long as the message is kept'),
  most: z
    .int()
    .min(1)
    .max(500)
    .default(50)
    .describe('Messages in one digest; of further ones only their number is told'),
  keys: z
    .string()
    .optional()
    .describe(
      "File of the keys that sign links, the same on all nodes; default: one in the plugin's folder, made when it is needed",
    ),
})

/** The options of {@link quarantine}. */
export const options = z.strictObject({
  keep: duration.prefault('30 d').describe('How long a message is kept'),
  release: z
    .strictObject({
      protocol: z.enum(['smtp', 'lmtp']).default('smtp').describe('How to speak to it'),
      host: z.string().default('127.0.0.1').describe('A listener whose scope has none of the plugins that quarantine'),
      port: z.int().min(1).max(65_535).optional().describe('Default 25, or 24 for LMTP'),
      path: z.string().optional().describe('UNIX socket, in place of host and port'),
    })
    .optional()
    .describe('Where a released message goes; without it nothing can be released'),
  matches: z
    .array(globPattern)
    .default(['*'])
    .describe('Globs of the reasons this quarantine is for; others are left to another one'),
  digest: digest.optional().describe('Tells recipients by mail what is kept of theirs, with links to release it'),
})

export type QuarantineOptions = z.output<typeof options>
export type DigestOptions = z.output<typeof digest>

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined
  } catch {
    return false // that is all it says
  }
}
