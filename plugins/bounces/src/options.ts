/** What an operator may say to `bounces`. */
import { parseAddress } from '@postroad/mail'
import { addressPattern, durationOf, listOf } from '@postroad/options/zod'
import { z } from 'zod'

const mailbox = z
  .string()
  .refine((text) => parseAddress(text, { smtputf8: true }) !== undefined, 'not an address such as "user@example.com"')

/** A token has 52 characters at most, and a local part 64, RFC 5321 §4.5.3.1.1. */
const LOCAL = 12

/** The options of {@link bounces}. */
export const options = z
  .strictObject({
    address: mailbox
      .refine((text) => {
        const local = parseAddress(text, { smtputf8: true })?.local
        return local === undefined || /^[a-z0-9-]{1,12}$/i.test(local)
      }, `the part before the @ has letters, digits and hyphens, ${LOCAL} at most: a token is put behind it`)
      .describe(
        'Where bounces come to: `bounce@b.example.com` becomes `bounce+TOKEN@b.example.com`. Its mail must reach this server',
      ),
    senders: listOf(addressPattern).describe('Reverse-paths whose mail is sent with such an address in their place'),
    via: listOf(z.string()).prefault('smtp').describe('Transports it is done with: those that lead out of the house'),
    every: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(1)
      .describe('Only every so many messages: the others keep their reverse-path'),
    life: durationOf({ min: 86_400_000, max: 180 * 86_400_000 })
      .prefault('14 d')
      .describe('How long after an attempt bounces of it are taken'),
    strict: z
      .boolean()
      .default(false)
      .describe(
        'Refuse bounces that come to one of `senders` itself: such mail was not sent from here. Begins when the plugin has been in use for `life`; needs `every: 1`',
      ),
    complaints: listOf(mailbox)
      .prefault([])
      .describe('Addresses that feedback loops send complaints to; who may be believed shows the token within'),
    cfbl: mailbox
      .optional()
      .describe(
        'Where mail of `senders` says that complaints go (RFC 9477), which is then one of `complaints`: an address in the domain of its From field, or one above it; default: mail says nothing',
      ),
    feedbackId: z
      .string()
      .regex(/^[A-Za-z0-9-]{5,15}$/, 'not 5 to 15 letters, digits and hyphens')
      .optional()
      .describe('Names the sender in a field Feedback-ID, by which Gmail counts complaints; default: no such field'),
    unauthenticated: z
      .boolean()
      .default(false)
      .describe(
        'Put these two into mail of clients that did not prove who they are, too: only where nobody else can connect',
      ),
    unread: mailbox
      .optional()
      .describe(
        'Who gets what comes to these addresses and is no report, when its sender is not known any more; default: postmaster of the domain of `address`',
      ),
    keys: z
      .string()
      .optional()
      .describe(
        "File of the keys that sign tokens, the same on all nodes; default: one in the plugin's folder, made when it is needed",
      ),
  })
  .refine(({ strict, every }) => !strict || every === 1, {
    path: ['strict'],
    error: 'needs "every: 1": of mail that is not marked, bounces have no mark either',
  })

export type BouncesOptions = z.output<typeof options>
