/** What an operator may say to `urls`. */
import { action, domainPattern, duration } from '@postroad/options/zod'
import { z } from 'zod'

/** What each signal is worth. */
const weights = z.strictObject({
  address: action.default(1.5).describe('The host is an address: `http://203.0.113.7/`'),
  disguisedAddress: action
    .default(4)
    .describe('It is an address in a disguise: `http://3405803783/`, `http://0xCB.0.0x71.7/`'),
  user: action
    .default(3)
    .describe('What looks like a host stands before an at sign: `http://bank.example@evil.example/`'),
  lookalike: action.default(4).describe('The host is written with letters that look like others'),
  invisible: action.default(4).describe('It has characters that cannot be seen, or that turn the writing around'),
  redirector: action.default(0.5).describe('It leads through another site: a link shortener, or a link in a link'),
  port: action.default(0.5).describe('It has a port of its own'),
  labels: action.default(1).describe('Its host has seven labels or more'),
  many: action.default(1).describe('There are more links, or there is more text, than is looked at'),
})

/** What an answer means. */
const KINDS = ['surbl', 'uribl', 'dbl', 'plain'] as const

const list = z.strictObject({
  zone: domainPattern.describe(
    'Name of the list: `multi.surbl.org`, `multi.uribl.com`, `dbl.spamhaus.org`, or with your key `KEY.dbl.dq.spamhaus.net`',
  ),
  kind: z
    .enum(KINDS)
    .optional()
    .describe(
      'How its answers are read; known of SURBL, URIBL and DBL by their names, else `plain`: any answer is a listing',
    ),
  action: action.default(3).describe('What a listing is worth that neither `codes` nor the kind has a worth for'),
  codes: z
    .record(z.string(), action)
    .default({})
    .describe(
      'What an answer is worth: a whole address `127.0.1.2`, or for SURBL and URIBL a bit of its last number, `8`',
    ),
})

/** The options of {@link urls}. */
export const options = z.strictObject({
  weights: weights.prefault({}).describe('What each signal is worth'),
  lists: z.array(list).default([]).describe('Lists of hosts that are asked by DNS; none by default'),
  lookups: z.int().min(0).max(200).default(20).describe('Most questions to all lists for a message'),
  cap: z.number().positive().optional().describe('Most points of all lists together'),
  skip: z
    .array(domainPattern)
    .default([])
    .describe('Domains that are not looked up, besides some large ones that no list has'),
  failures: z.int().positive().default(5).describe('Failures in a row after which a list is left out'),
  pause: duration.prefault('1 min').describe('How long'),
})

export type UrlsOptions = z.output<typeof options>
/** One list. */
export type UriListOptions = UrlsOptions['lists'][number]
