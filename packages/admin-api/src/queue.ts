/** The queue: where mail waits, why, and what an operator may do about it. */
import { z } from 'zod'
import { address, base, count, duration, next, octets, page, reply, time } from './piece.ts'

const lastReply = z.object({ ...reply.shape, at: time, host: z.string().optional() })
const deliveryState = z.enum(['scheduled', 'waiting', 'claimed', 'held', 'done'])

/** One destination, where deliveries are counted. */
export const site = z.object({
  site: z.string().describe('Where deliveries are counted: smtp:example.com, mx:mail.example.net'),
  domains: z.array(z.string()).describe('The twenty with the most messages'),
  domainCount: count,
  messages: count,
  recipients: count,
  held: count,
  ages: z.array(count).describe('Messages by age, by `bounds` of the answer'),
  octets,
  oldestAt: time.optional(),
  lastReply: lastReply.optional(),
  nextAt: time.optional().describe('The next attempt'),
  connections: z
    .object({ open: count, most: count, because: z.array(z.string()).describe('What limits them, as sentences') })
    .optional(),
  estimate: z.object({ perMinute: z.number(), emptyAt: time }).optional(),
  suspended: z.object({ target: z.string(), since: time, reason: z.string(), by: z.string().optional() }).optional(),
})
/** All destinations for which mail waits. */
export const sites = z.object({
  ...base,
  queue: z.string().describe('Name of the plugin'),
  bounds: z.array(duration).describe('Ends of all classes of age but the last'),
  ages: z.array(count).describe('Messages by age, each once: one may wait for several destinations'),
  oldestAt: time.optional(),
  sites: z.array(site),
  messages: count,
  corrupt: count,
  freeOctets: octets.optional(),
  complete: z.boolean().describe('False: the queue is so long that only its oldest part was counted'),
})

/** Which messages; all that is said must be met. */
export const queueFilter = z.strictObject({
  ids: z.array(z.string().max(40)).max(10_000).optional(),
  site: z.string().max(300).optional(),
  domain: z.string().max(300).optional(),
  from: z.string().max(300).optional().describe('A part of the reverse-path; <> for the null one'),
  to: z.string().max(300).optional().describe('A part of a recipient'),
  state: deliveryState.exclude(['done']).optional(),
  olderMs: z.coerce.number().nonnegative().optional(),
  reason: z.string().max(300).optional().describe('A part of the last reply, or of its class'),
  all: z.literal(true).optional().describe('Where nothing else is said: everything'),
})

/** Which messages. */
export const messagesQuery = z.object({ ...queueFilter.omit({ ids: true, all: true }).shape, ...page })
/** A row of a list of queued messages. */
export const queuedRow = z.object({
  id: z.string(),
  queuedAt: time,
  from: address,
  to: z.array(z.string()).describe('The first three that are pending'),
  recipients: count,
  size: octets,
  sites: z.array(z.string()),
  states: z.array(deliveryState),
  attempts: count,
  nextAt: time.optional(),
  reply: z.string().optional(),
})
/** The list. */
export const messages = z.object({ ...base, items: z.array(queuedRow), next })

const recipient = z.object({
  address: z.string(),
  fate: z.string(),
  reply: reply.optional(),
  remote: z.string().optional(),
  class: z.string().optional(),
  at: time.optional(),
})
/** All that is known of a queued message. */
export const message = z.object({
  ...base,
  id: z.string(),
  queuedAt: time,
  finishedAt: time.optional().describe('It is not in the queue any more'),
  from: address,
  size: octets,
  transaction: z.string().optional(),
  reportOn: z.string().optional(),
  deliveries: z.array(
    z.object({
      site: z.string(),
      via: z.string(),
      state: deliveryState,
      at: time.optional().describe('The next attempt, or since when it waits or is held'),
      text: z.string().optional().describe('Why it is held, or who has claimed it'),
      attempts: count,
      givenUpAt: time.optional(),
      recipients: z.array(recipient),
      history: z.array(
        z.object({
          at: time,
          tookMs: duration,
          outcomes: z.array(
            z.object({
              kind: z.string(),
              recipients: count,
              reply,
              remote: z.string().optional(),
              tls: z.string().optional(),
              uncertain: z.boolean().optional(),
            }),
          ),
        }),
      ),
    }),
  ),
})

/** What an operator may do. */
export const action = z.enum(['retry', 'hold', 'release', 'delete', 'bounce', 'reroute'])
/** What to do, and to which messages. */
export const actionBody = z.strictObject({
  action,
  filter: queueFilter,
  dryRun: z.boolean().default(false),
  token: z.string().max(2_000).optional().describe('Of the preview; needed for what more than one message meets'),
  text: z.string().max(400).optional().describe('Why: of hold, and what senders are told by bounce'),
  via: z.string().max(300).optional().describe('Of reroute: transport[:host[:port]]; absent: as routing says today'),
})
/** What an action would do; nothing was done. */
export const preview = z.object({
  ...base,
  action,
  dryRun: z.literal(true),
  messages: count,
  deliveries: count.describe('That would be changed'),
  leftAlone: z.array(z.object({ count, because: z.string() })),
  reports: z
    .object({ told: count, nobody: count })
    .optional()
    .describe('Of bounce: messages whose senders are told, and those without one'),
  sample: z.array(queuedRow).describe('The oldest ten'),
  moves: z
    .array(z.object({ to: z.string(), count }))
    .optional()
    .describe('Of reroute'),
  token: z.string(),
  expires: time,
  confirm: z.boolean().describe('So many, or so final, that the number has to be typed'),
})

/** What is done to many messages, one after the other. */
export const job = z.object({
  id: z.string(),
  kind: z.string(),
  by: z.string(),
  state: z.enum(['running', 'done', 'stopped', 'failed']),
  startedAt: time,
  endedAt: time.optional(),
  total: count.describe('Messages that were meant'),
  looked: count,
  changed: count.describe('Deliveries that were changed'),
  text: z.string().optional(),
})
/** A job. */
export const started = z.object({ ...base, job })
/** Jobs, the latest first. */
export const jobs = z.object({ ...base, jobs: z.array(job) })

/** A destination that is stopped. */
export const suspension = z.object({ target: z.string(), since: time, reason: z.string() })
/** All that are stopped. */
export const suspensions = z.object({ ...base, suspensions: z.array(suspension) })
/** What to stop. */
export const suspensionBody = z.strictObject({
  target: z.string().min(1).max(300).describe('A domain, or a destination as `site` says'),
  reason: z.string().max(400).default(''),
})
/** What it stops. */
export const suspended = z.object({
  ...base,
  suspension,
  messages: count.describe('That it stops, of those looked at'),
  notes: z.array(z.string()),
})
