/** What an operator may say to `spamassassin`. */
import { globPattern, listOf } from '@postroad/options/zod'
import { scanAction, scannerOptions } from '@postroad/upstream/zod'
import { z } from 'zod'

const shared = scannerOptions({ at: '127.0.0.1:783', port: 783, deadline: '60 s', maxSize: '500 KiB', atOnce: 4 })

/** What spamd takes for a user, and no file system for a way out. */
export const USER = /^[A-Za-z0-9_][-A-Za-z0-9_.+@=]{0,127}$/

/** The options of {@link spamassassin}. */
export const options = z
  .strictObject({
    ...shared,
    at: shared.at.refine(
      (all) => all.every(({ name }) => !/^https?:/.test(name)),
      'spamd does not speak HTTP: say host:port, or the path of its socket',
    ),
    trust: z
      .enum(['score', 'verdict'])
      .default('score')
      .describe(
        "Whose thresholds count: `score` makes points of its score, for the scope's own thresholds; `verdict` does what `levels` say, or `spam`",
      ),
    weight: z
      .number()
      .positive()
      .default(1)
      .describe('Points of ours for a point of SpamAssassin, with `trust: "score"`'),
    spam: scanAction
      .default('reject')
      .describe(
        'What it is worth that spamd calls it spam, by its `required_score`, with `trust: "verdict"` and no `levels`',
      ),
    levels: z
      .strictObject({
        quarantine: z.number().optional(),
        defer: z.number().optional(),
        reject: z.number().optional(),
      })
      .optional()
      .describe('Scores from which a message is set aside, deferred or refused, with `trust: "verdict"`'),
    symbols: z
      .record(globPattern, scanAction)
      .default({})
      .describe(
        'What it is worth besides that a test has fitted: `{ GTUBE: "reject", "URIBL_*": 1 }`; needs the verb `headers` or `symbols`',
      ),
    verb: z
      .enum(['headers', 'symbols', 'check'])
      .default('headers')
      .describe('What spamd is asked for: the fields it would add, the names of its tests, or the score alone'),
    headers: listOf(globPattern)
      .default(['X-Spam-*'])
      .describe(
        'Fields of spamd that the message gets, with the verb `headers`: names that begin with X-, and `Subject`',
      ),
    strip: listOf(globPattern)
      .default(['X-Spam', 'X-Spam-*'])
      .describe('Fields that the sender must not bring: they are not shown to spamd, and removed'),
    user: z
      .string()
      .regex(USER, 'must be of letters, digits and -_.+@=')
      .optional()
      .describe('Whose preferences count. Default: those of the user that spamd runs as'),
    perRecipient: z
      .enum(['address', 'local'])
      .optional()
      .describe(
        'Ask for each recipient by itself, by address or local part as the user, for their own preferences; the verdicts are of those recipients. Needs `trust: "verdict"`',
      ),
  })
  .refine(({ perRecipient, trust }) => !perRecipient || trust === 'verdict', {
    path: ['perRecipient'],
    error: 'perRecipient needs trust: "verdict": points are those of the whole message',
  })
  .refine(({ levels, trust }) => !levels || trust === 'verdict', {
    path: ['levels'],
    error: 'levels need trust: "verdict": with points, the thresholds are those of the scope',
  })
  .refine(({ symbols, verb }) => Object.keys(symbols).length === 0 || verb !== 'check', {
    path: ['symbols'],
    error: 'symbols need the verb "symbols" or "headers": CHECK tells none',
  })

/** The options as the plugin has them. */
export type SpamassassinOptions = z.output<typeof options>
