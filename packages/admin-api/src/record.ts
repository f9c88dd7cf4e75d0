/** Transactions: the canonical record of each, rows of lists, the search, and stories that join the records of one mail. */
import { z } from 'zod'
import { address, base, count, duration, next, octets, outcome, page, sentence, time } from './piece.ts'

/** What one handler said, as the canonical record has it. */
export const opinion = z.looseObject({
  plugin: z.string(),
  hook: z.string(),
  kind: z.string().describe('accept, suspicion, defer, reject, quarantine, discard, answer, error, late'),
  to: z.string().optional().describe('The recipient it is about; absent: all'),
  status: z.string().optional(),
  text: z.string().optional(),
  points: z.number().optional(),
  reason: z.string().optional(),
  shadow: z.boolean().optional().describe('Said, and not obeyed'),
})

/** The canonical record: the line of the log, field by field. Fields that a later version adds are passed on. */
export const record = z.looseObject({
  event: z.string().describe('transaction; also session, auth, delivered, deferred, bounced'),
  id: z.string(),
  time: z.union([z.string(), z.number()]).optional(),
  listener: z.string().optional(),
  remote: z.string().optional(),
  port: z.number().optional(),
  helo: z.string().optional(),
  identity: z.string().optional(),
  tls: z.object({ version: z.string(), cipher: z.string(), group: z.string().optional() }).optional(),
  from: address.optional(),
  to: z.array(z.string()).optional(),
  messageId: z.string().optional(),
  subject: z.string().optional(),
  size: octets.optional(),
  points: z.number().optional(),
  refused: z.array(z.looseObject({ to: z.string(), plugin: z.string().optional(), reply: z.string() })).optional(),
  thresholds: z.array(z.unknown()).optional(),
  facts: z.record(z.string(), z.unknown()).optional(),
  opinions: z.array(opinion).optional(),
  opinionsDropped: count.optional(),
  plugins: z.record(z.string(), z.number()).optional().describe('Milliseconds by plugin'),
  queue: z.string().optional(),
  receipt: z.string().optional().describe('Id in the queue, or in the quarantine'),
  ms: duration.optional(),
  reply: z.union([z.string(), z.array(z.string())]).optional(),
})

/** A row of Now, and of what a search finds. */
export const row = z.object({
  id: z.string(),
  at: time.describe('When it ended'),
  ms: duration,
  listener: z.string(),
  remote: z.string(),
  helo: z.string().optional(),
  from: address.optional().describe('Absent: there was no MAIL command'),
  to: z.array(z.string()).describe('The first three at most'),
  recipients: count,
  messageId: z.string().optional(),
  subject: z.string().optional(),
  size: octets,
  points: z.number(),
  outcome,
  reply: z.string().describe('Code, status and text; the first, where there are several'),
  stop: z
    .object({ plugin: z.string().optional(), hook: z.string(), told: z.string().optional() })
    .optional()
    .describe('Who turned it away, at which hook, and at which command the client was told'),
  shadow: z.boolean().describe('Somebody in shadow would have turned it away'),
  failed: z.boolean().describe('A plugin failed or was late'),
})

/** A threshold that the points of a mail have reached. */
export const threshold = z.object({ at: z.number(), action: z.string() })

/** What to search for. */
export const transactionsQuery = z.object({
  q: z
    .string()
    .max(500)
    .default('')
    .describe(
      'Words, all of which must be met: an address, a domain, an address of a client, an id, a Message-ID, words of the subject, a reply (450, 5xx), a plugin',
    ),
  from: z.coerce.number().int().optional().describe('Not before; milliseconds since the epoch'),
  to: z.coerce.number().int().optional().describe('Not after'),
  outcome: outcome.optional(),
  full: z.enum(['1']).optional().describe('The records too, as `records`'),
  ...page,
})

/** What was found. */
export const transactions = z.object({
  ...base,
  items: z.array(row),
  records: z.array(record).optional().describe('With `full`: the record of each item, in the same order'),
  next,
  until: time
    .optional()
    .describe('The search has ended early, here: what is older was not looked at, and is with `next`'),
  tookMs: duration,
  kept: z.object({ records: count, from: time.optional(), octets }).optional().describe('What there is to search'),
})

/** All that is known of a transaction. */
export const transaction = z.object({
  ...base,
  row,
  record,
  sentence,
  story: z.string().optional().describe('Id of the story it belongs to'),
  thresholds: z.array(threshold).optional(),
  failures: z
    .array(z.object({ plugin: z.string(), hook: z.string(), text: z.string() }))
    .optional()
    .describe('Texts of what was thrown; for the role operate'),
})

/** One thing that happened to a mail. */
export const step = z.object({
  at: time,
  kind: z.enum(['transaction', 'queued', 'delivered', 'deferred', 'bounced', 'quarantined', 'released', 'deleted']),
  sentence,
  transaction: z.string().optional().describe('Id, of steps of kind transaction'),
  reply: z.string().optional(),
  host: z.string().optional().describe('Who said so'),
  to: z.array(z.string()).optional(),
})

/** What became of one mail. */
export const story = z.object({
  ...base,
  id: z.string(),
  sentence: sentence.describe('The whole of it in one sentence'),
  steps: z.array(step).describe('In the order in which they happened'),
  transactions: z.array(row),
  finished: z.boolean(),
})

/** Events of `/v1/events`, by their name. */
export const events = {
  open: z.object({ id: z.string(), at: time, listener: z.string(), remote: z.string(), worker: count }),
  hook: z.object({
    id: z.string(),
    hook: z.string(),
    at: time,
    from: address.optional(),
    to: z.string().optional(),
    runs: z.array(z.object({ plugin: z.string(), ms: duration, opinions: z.array(opinion) })),
  }),
  end: z.object({ row, record }),
  skipped: z.object({ count }),
  sampled: z.object({ count, outcomes: z.partialRecord(outcome, count) }),
} as const

/** Which events. */
export const eventsQuery = z.object({
  filter: z.string().max(500).default('').describe('As `q` of the search'),
  outcome: outcome.optional(),
  only: z
    .string()
    .max(100)
    .optional()
    .describe('Names of events, with commas: open, hook, end, status, job, log. Default: open,hook,end,status,job'),
  sample: z
    .enum(['1'])
    .optional()
    .describe(
      'For who looks on: beyond 50 mails a second of a worker rows come when they are over and not all of them, and events `sampled` say each second how many were left out, and how they ended',
    ),
})
