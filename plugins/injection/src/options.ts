/** What an operator may say to `injection`. */
import { addressPattern, duration, listOf, size } from '@postroad/options/zod'
import { z } from 'zod'

const client = z.strictObject({
  senders: listOf(addressPattern).describe(
    'Addresses it may send as, in the field From and for bounces: `shop.example`, `*@news.example`, `ann@example.com`, `*`',
  ),
  size: size.optional().describe('Octets that a message of it may have. Default: `size`'),
  maxRecipients: z.int().min(1).default(1_000).describe('Recipients of one message'),
})

/** The options of {@link injection}. */
export const options = z.strictObject({
  clients: z
    .record(z.string().min(1), client)
    .describe(
      'What each token with the role `send` may, by its name; `*` is every other. Who is not named may nothing',
    ),
  scope: z
    .string()
    .min(1)
    .optional()
    .describe('The scope whose plugins judge, sign and route the mail. Default: that of the plugin'),
  size: size.default(26_214_400).describe('Octets that a message may have'),
  maxMessages: z.int().min(1).max(10_000).default(1_000).describe('Messages of one request'),
  memory: size
    .default(268_435_456)
    .describe('Octets of requests that are read at the same time; more are answered 503'),
  templates: z.string().min(1).optional().describe('Folder of templates: `NAME.subject`, `NAME.txt` and `NAME.html`'),
  remember: duration.prefault('24 h').describe('How long an idempotency key is remembered'),
  horizon: duration.prefault('30 d').describe('How far ahead a message may be scheduled'),
})

export type InjectionOptions = z.output<typeof options>
export type ClientOptions = z.output<typeof client>
