/** What an operator may say to `clamav`. */
import { durationOf, globPattern } from '@postroad/options/zod'
import { scanAction, scannerOptions } from '@postroad/upstream/zod'
import { z } from 'zod'

/** A field name, RFC 5322 §2.2. */
const FIELD = /^[!-9;-~]+$/

const shared = scannerOptions({
  at: '/run/clamav/clamd.ctl',
  port: 3310,
  deadline: '60 s',
  maxSize: '25 MiB',
  atOnce: 10,
})

/** The options of {@link clamav}. */
export const options = z.strictObject({
  ...shared,
  at: shared.at.refine(
    (all) => all.every(({ name }) => !/^https?:/.test(name)),
    'clamd does not speak HTTP: say host:port, or the path of its socket',
  ),
  infected: scanAction
    .default('reject')
    .describe('What it is worth that something was found whose name fits none of `names`'),
  names: z
    .record(globPattern, scanAction)
    .default({})
    .describe(
      'The same by the name of what was found, `{ "PUA.*": 3, "Sanesecurity.Junk.*": "quarantine" }`: the first pattern that fits counts, and behind yours stand `PUA.*`: 3 and `Heuristics.*`: 5',
    ),
  overlap: z
    .int()
    .min(0)
    .default(100)
    .describe(
      'Most messages that are sent to clamd while they still arrive; 0: none, each is sent when it is complete',
    ),
  header: z
    .union([z.string().regex(FIELD, 'must be the name of a header field'), z.literal(false)])
    .default(false)
    .describe('Name of a header field that says what came of it, `X-Virus-Status`; those that come in are removed'),
  clean: z
    .strictObject({
      keep: durationOf({ max: 86_400_000 })
        .prefault(0)
        .describe(
          'How long a message of the same content, sent again, is taken for clean without asking; 0: it is scanned',
        ),
      most: z.int().positive().default(10_000).describe('Most contents that are remembered'),
    })
    .prefault({})
    .describe('What was clean a moment ago and comes again, to others, say'),
})

/** The options as the plugin has them. */
export type ClamavOptions = z.output<typeof options>
