import { z } from 'zod'

/** What an operator may say of Maildir delivery. */
export const options = z.strictObject({
  folder: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The mailboxes are `folder/<local part>/`; a relative path starts at the configuration. Default: the plugin’s own folder',
    ),
  via: z.string().min(1).default('maildir').describe('The `via` of the routes that are delivered here'),
  byDomain: z
    .boolean()
    .default(false)
    .describe('`folder/<domain>/<local part>/`; without it all domains share their mailboxes'),
  create: z
    .boolean()
    .default(true)
    .describe('Make mailboxes that are not there; otherwise their recipients are refused at RCPT, 550 5.1.1'),
  returnPath: z.boolean().default(true).describe('`Return-Path` on top, RFC 5321 §4.4'),
  deliveredTo: z.boolean().default(false).describe('`Delivered-To` on top'),
})
