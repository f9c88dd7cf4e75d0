/** What an operator may say to `headers`. */
import { action, durationOf } from '@postroad/options/zod'
import { z } from 'zod'

/** What each signal is worth. */
const weights = z.strictObject({
  noDate: action.default(1).describe('There is no Date, or none that can be read; RFC 5322 §3.6 wants one'),
  future: action.default(2).describe('Date is further ahead than `ahead`'),
  past: action.default(1).describe('Date is further back than `behind`'),
  noMessageId: action.default(0.5).describe('There is no Message-ID'),
  messageId: action.default(1).describe('Message-ID is none, RFC 5322 §3.6.4'),
  noFrom: action.default(2).describe('There is no From, or no address in it'),
  noRecipients: action.default(0.3).describe('There is neither To nor Cc'),
  noSubject: action.default(0.3).describe('There is no Subject'),
  displayAddress: action.default(2).describe('The name in From is an address of another site than the address'),
  lookalike: action
    .default(3)
    .describe(
      'The name or the domain in From is written with letters that look like others, or with ones that cannot be seen',
    ),
  replyTo: action.default(1).describe('Replies go to a free mailbox (`freemail`), and the mail is not from there'),
  rawOctets: action.default(1).describe('Letters beyond ASCII in From, To or Subject that are not UTF-8, RFC 6532'),
  fakeReply: action.default(0.5).describe('A reply by its subject that answers nothing: no In-Reply-To, no References'),
  noMimeVersion: action.default(0.5).describe('A Content-Type without MIME-Version, RFC 2045 §4'),
  ownHop: action
    .default(1)
    .describe('A Received field says that this server had it, and the client is not from inside'),
})

/** The options of {@link headers}. */
export const options = z.strictObject({
  weights: weights.prefault({}).describe('What each signal is worth'),
  ahead: durationOf({ min: 60_000 })
    .prefault('36 h')
    .describe('How far ahead Date may be: zones and clocks that are wrong'),
  behind: durationOf({ min: 60_000 })
    .prefault('14 d')
    .describe('How far back Date may be: mail that waited in a queue'),
  freemail: z
    .array(z.string().min(1))
    .default([
      'gmail.com',
      'googlemail.com',
      'yahoo.com',
      'hotmail.com',
      'outlook.com',
      'live.com',
      'aol.com',
      'gmx.de',
      'gmx.net',
      'web.de',
      'mail.ru',
      'yandex.ru',
      'proton.me',
      'protonmail.com',
      'icloud.com',
      'qq.com',
      '163.com',
    ])
    .describe('Domains where anybody has a mailbox'),
})

export type HeadersOptions = z.output<typeof options>
