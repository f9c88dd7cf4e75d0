import { z } from 'zod'

/** What an operator may say of Maildir delivery. */
export const options = z.strictObject({
  /** The mailboxes are `folder/<local part>/`. A relative path starts at the folder of the configuration. Default: the plugin's own folder. */
  folder: z.string().min(1).optional(),
  /** The `via` of the routes that are delivered here. */
  via: z.string().min(1).default('maildir'),
  /** One level more: `folder/<domain>/<local part>/`. Without it, all domains share their mailboxes. */
  byDomain: z.boolean().default(false),
  /** Mailboxes that are not there are made; otherwise their recipients are refused at RCPT, 550 5.1.1. */
  create: z.boolean().default(true),
  /** `Return-Path` on top, RFC 5321 §4.4. */
  returnPath: z.boolean().default(true),
  /** `Delivered-To` on top. */
  deliveredTo: z.boolean().default(false),
})
