/** What an operator may say to `unsubscribe`. */
import { parseAddress } from '@postroad/mail'
import { addressPattern, listOf } from '@postroad/options/zod'
import { z } from 'zod'

const mailbox = z
  .string()
  .refine((text) => parseAddress(text, { smtputf8: true }) !== undefined, 'not an address such as "user@example.com"')

/** The options of {@link unsubscribe}. */
export const options = z.strictObject({
  url: z
    .url({ protocol: /^https$/, error: 'not an address such as "https://mail.example.com": RFC 8058 §3.1 wants https' })
    .max(200)
    .refine((text) => URL.canParse(text) && !/[?#]/.test(text), 'without "?" and "#": a token is put behind it')
    .transform((text) => text.replace(/\/+$/, ''))
    .describe('Where recipients reach the listener with `routes: links`; the links in their mail begin with it'),
  senders: listOf(addressPattern).describe(
    'Reverse-paths of bulk mail; what is sent from others, mail of a transaction for one, is not touched',
  ),
  address: mailbox
    .refine((text) => {
      const local = parseAddress(text, { smtputf8: true })?.local
      return local === undefined || /^[a-z0-9-]{1,64}$/i.test(local)
    }, 'the part before the @ has letters, digits and hyphens')
    .optional()
    .describe(
      'Where those unsubscribe whose programs do it by mail; its mail must reach this server. Default: by https only',
    ),
  several: z
    .enum(['leave', 'split'])
    .default('leave')
    .describe(
      'What becomes of a message with several recipients, which would all have one link: `leave`, it gets none; `split`, recipients after the first are answered 452, and the client sends each a copy',
    ),
  replace: z
    .boolean()
    .default(false)
    .describe('Put our fields in the place of those that a message brings; default: it keeps its own'),
  unauthenticated: z
    .boolean()
    .default(false)
    .describe('Also in mail of clients that did not prove who they are: only where nobody else can connect'),
  keys: z
    .string()
    .optional()
    .describe(
      "File of the keys that tokens are made with, the same on all nodes; default: one in the plugin's folder, made when it is needed",
    ),
})

export type UnsubscribeOptions = z.output<typeof options>
