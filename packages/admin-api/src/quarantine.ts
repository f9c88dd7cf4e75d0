/** The quarantine: what was set aside, read without danger. */
import { z } from 'zod'
import { address, base, count, next, octets, page, time } from './piece.ts'

/** One message of the quarantine. */
export const kept = z.object({
  id: z.string(),
  transaction: z.string().describe('Id of the transaction it came in with'),
  at: time,
  until: time.describe('When it is deleted'),
  from: address,
  to: z.array(z.string()),
  subject: z.string().optional(),
  reason: z.string(),
  points: z.number(),
  size: octets,
  remote: z.string(),
  helo: z.string().optional(),
  identity: z.string().optional(),
})

/** Which of them. */
export const quarantineQuery = z.object({
  q: z.string().max(300).default('').describe('A part of an address, of the subject or of the reason'),
  ...page,
})
/** The list. */
export const quarantined = z.object({
  ...base,
  items: z.array(kept),
  next,
  total: count,
  canRelease: z.boolean(),
  canLearn: z.boolean(),
})

/** A stretch of text; nothing in it is markup. */
export const stretch = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('text'), text: z.string() }),
  z.object({
    kind: z.literal('link'),
    shown: z.string(),
    target: z.string().describe('Where it leads; not to be made a link of'),
    deceives: z.boolean().describe('What is shown looks like another host than it leads to'),
  }),
  z.object({
    kind: z.literal('invisible'),
    codepoint: count.describe('Of a control character, or one that changes the direction'),
  }),
  z.object({ kind: z.literal('omitted'), what: z.string().describe('image, script, form, frame, style') }),
])

/** One attachment; never opened. */
export const attachment = z.object({
  name: z.array(stretch),
  declared: z.string().describe('Type that the mail says'),
  found: z.string().optional().describe('Type by its first octets'),
  octets,
  warnings: z.array(z.string()),
})

/** A message as text. */
export const text = z.object({
  ...base,
  ...kept.shape,
  fields: z
    .array(z.object({ name: z.string(), value: z.array(stretch) }))
    .describe('From, To, Cc, Reply-To, Date, Subject as the mail says'),
  source: z.enum(['text', 'html', 'none']).describe('The part that the text was made of'),
  body: z.array(stretch),
  truncated: z.boolean(),
  omitted: z.object({ images: count, scripts: count, forms: count, frames: count, other: count }),
  attachments: z.array(attachment),
  proof: z
    .record(z.string(), z.string())
    .optional()
    .describe('Results of spf, dkim, dmarc, arc, as Authentication-Results of this server says'),
})

/** To whom. */
export const releaseBody = z.strictObject({
  to: z.array(z.string().max(1_000)).max(1_000).optional().describe('Default: all recipients'),
})
/** What became of it, by recipient. */
export const released = z.object({
  ...base,
  id: z.string(),
  outcomes: z.array(z.object({ to: z.string(), released: z.boolean(), reply: z.string() })),
})
/** Nothing is to be said. */
export const deleteBody = z.strictObject({})
/** Whether it was there. */
export const deleted = z.object({ ...base, id: z.string(), deleted: z.boolean() })
/** What it is. */
export const learnBody = z.strictObject({
  as: z.enum(['spam', 'ham']),
  to: z
    .array(z.string().max(1_000))
    .min(1)
    .max(1_000)
    .optional()
    .describe('In whose name, where a filter knows recipients apart. Default: all'),
})
/** Who has learned it. */
export const learned = z.object({
  ...base,
  id: z.string(),
  by: z.array(z.object({ plugin: z.string(), ok: z.boolean(), text: z.string() })),
})

/** The same for many. */
export const quarantineActionBody = z.strictObject({
  action: z.enum(['release', 'delete']),
  filter: z.strictObject({
    ids: z.array(z.string().max(200)).max(10_000).optional(),
    q: z.string().max(300).optional(),
    olderMs: z.coerce.number().nonnegative().optional(),
    all: z.literal(true).optional(),
  }),
  dryRun: z.boolean().default(false),
  token: z.string().max(2_000).optional(),
})
/** What would be done. */
export const quarantinePreview = z.object({
  ...base,
  action: z.enum(['release', 'delete']),
  dryRun: z.literal(true),
  messages: count,
  recipients: count,
  sample: z.array(kept),
  token: z.string(),
  expires: time,
  confirm: z.boolean(),
})

/** Whose digest, and whether it is sent. */
export const digestBody = z.strictObject({
  to: z.string().min(1).max(1_000).describe('A recipient, or an alias of one'),
  all: z.boolean().default(false).describe('Also what they have been told of before'),
  dryRun: z.boolean().default(false).describe('Shows what would be sent, with links that lead nowhere'),
})
const digestOf = { ...base, to: z.string(), messages: count }
/** What would be sent. */
export const digestPreview = z.object({
  ...digestOf,
  dryRun: z.literal(true),
  messageId: z.string(),
  subject: z.string(),
  text: z.string(),
  html: z.string(),
})
/** What became of it. */
export const digestSent = z.object({ ...digestOf, sent: z.boolean(), reply: z.string() })
