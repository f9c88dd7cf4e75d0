/** The server itself: its state, its configuration, what it listens on, its plugins, its numbers. */
import { z } from 'zod'
import { base, count, duration, mode, next, octets, page, role, sentence, share, span, time } from './piece.ts'
import { record, row } from './record.ts'

/** Of one worker. */
export const worker = z.object({
  id: count,
  pid: count,
  generation: count,
  since: time,
  connections: count,
  memory: octets.describe('Resident'),
  heap: octets,
  cpuMs: duration.describe('Since it began'),
  loopP99Ms: duration.optional().describe('Delay of its event loop'),
})

/** How the server is. */
export const status = z.object({
  ...base,
  hostname: z.string(),
  version: z.string(),
  time,
  since: time.describe('When the first of its workers began'),
  processes: z.array(worker),
  counts: z.object({
    waiting: count.optional().describe('Messages in the queue'),
    held: count.optional(),
    quarantined: count.optional(),
    failures: count.optional().describe('Runs of plugins that failed or were late, in the last hour'),
  }),
  caller: z.object({ name: z.string(), roles: z.array(z.string()) }),
  can: z.array(z.string()).describe('Names of calls that this caller may make, and this server can answer'),
})

const handler = z.object({
  plugin: z.string(),
  ownName: z.string(),
  mode,
  onError: z.string(),
  timeout: duration,
  provides: z.array(z.string()),
  conditional: z.boolean(),
})
const route = z.looseObject({
  method: z.string(),
  path: z.string(),
  access: z.string(),
  plugin: z.string(),
  summary: z.string(),
})
const explainedListener = z.looseObject({
  name: z.string(),
  place: z.string(),
  protocol: z.string(),
  notes: z.array(z.string()).optional(),
  routes: z.array(route).optional(),
})
/** What the configuration means. */
export const explain = z.object({
  ...base,
  scopes: z.array(
    z.object({
      name: z.string(),
      listeners: z.array(explainedListener),
      keywords: z.array(z.string()),
      hooks: z
        .record(z.string(), z.array(z.array(handler)))
        .describe('Waves of handlers by hook, in the order of the protocol'),
      warnings: z.array(z.string()),
    }),
  ),
})

/** Where it listens. */
export const listeners = z.object({
  ...base,
  listeners: z.array(
    z.object({
      name: z.string(),
      scope: z.string(),
      place: z.string(),
      protocol: z.string(),
      notes: z.array(z.string()),
      keywords: z.array(z.string()).optional(),
      connections: count.optional(),
      certificates: z
        .array(
          z.object({
            names: z.array(z.string()),
            issuer: z.string(),
            notAfter: time,
            daysLeft: z.number(),
            file: z.string().optional(),
          }),
        )
        .optional(),
    }),
  ),
})

/** Where a value comes from. */
export const origin = z.object({
  kind: z.enum(['file', 'default', 'environment', 'computed']),
  file: z.string().optional(),
  line: count.optional(),
  text: z.string().optional(),
})
/** The configuration in force. */
export const config = z.object({
  ...base,
  file: z.string().optional(),
  values: z.array(
    z.object({
      path: z.string().describe('Such as scopes.server.use.greylist.delay'),
      value: z.unknown().describe('What is secret stands as ***'),
      secret: z.boolean().optional(),
      origin,
    }),
  ),
  warnings: z.array(z.string()),
  changes: z.array(
    z.object({ at: time, generation: count, by: z.string().optional(), ok: z.boolean(), text: z.string().optional() }),
  ),
})

/** Counts of one step, in the order of `kinds`. */
export const opinions = z.object({ kinds: z.array(z.string()), steps: z.array(z.array(count)) })
/** One plugin, in numbers. */
export const plugin = z.object({
  name: z.string(),
  ownName: z.string(),
  scopes: z.array(z.string()),
  hooks: z.array(z.string()),
  mode,
  onError: z.record(z.string(), z.string()).describe('By hook'),
  runs: count.optional(),
  opinions: opinions.optional(),
  turnedAway: count.optional(),
  turnedAwayShare: share.optional(),
  wouldHave: count.optional().describe('Opinions in shadow that would have turned mail away'),
  p50: duration.optional(),
  p99: duration.optional(),
  failures: z.array(
    z.object({ kind: z.string(), count, text: z.string().optional().describe('The last; for the role operate') }),
  ),
})
/** All plugins. */
export const plugins = z.object({ ...base, from: time, to: time, stepMs: duration, plugins: z.array(plugin) })
/** Of which time. */
export const spanQuery = z.object({ span: span.default('24h') })

/** What a plugin in shadow would have done. */
export const shadow = z.object({
  ...base,
  plugin: z.string(),
  from: time.describe('Since when it is counted: the beginning of the span, or later, where there were too many'),
  seen: count.describe('Its runs in the span'),
  would: z.record(z.string(), count).describe('Opinions by kind'),
  ofThese: z
    .object({ accepted: count, quarantined: count, turnedAwayByOthers: count })
    .describe('What became of those that it would have turned away'),
  steps: z.object({
    from: time,
    stepMs: duration,
    would: z.array(count).describe('That it would have turned away'),
    agreed: z.array(count).describe('Of these, those that were not accepted'),
  }),
  disputed: z.array(row).describe('It would have turned these away, and they were accepted'),
})

/** Which numbers, of which time. */
export const seriesQuery = z.object({
  names: z.string().max(1_000).describe('Names, with commas'),
  span: span.default('24h'),
  step: span.optional().describe('Default: a forty-eighth of the span'),
})
/** Numbers over time. */
export const series = z.object({
  ...base,
  from: time,
  stepMs: duration,
  series: z.array(z.object({ name: z.string(), values: z.array(z.number().nullable()) })).describe('null: not known'),
})

/** Numbers of one span. */
export const totals = z.object({
  accepted: count,
  quarantined: count,
  discarded: count,
  deferred: count,
  refused: count,
  left: count,
  octets,
})
/** What a message costs. */
export const work = z
  .object({ cpuMs: z.number(), writes: z.number().optional(), syncs: z.number().optional() })
  .describe('A message')
/** Numbers of a span, and what to compare them with. */
export const summary = z.object({
  ...base,
  from: time,
  to: time,
  sentence,
  totals,
  before: totals.optional().describe('Of the span before'),
  turnedAway: z.array(z.object({ plugin: z.string(), outcome: z.string(), count })),
  latency: z.array(z.object({ plugin: z.string(), runs: count, p50: duration, p99: duration })),
  queue: z
    .object({ ages: z.array(count), bounds: z.array(duration), oldestAt: time.optional() })
    .optional()
    .describe('Messages by age; `bounds` are the ends of all classes but the last'),
  tls: z
    .array(z.object({ version: z.string(), group: z.string().optional(), count }))
    .describe('version none: in the clear'),
  work: work.optional(),
  workBefore: work.optional(),
})

/** A line of the log. */
export const log = z.object({
  at: time,
  level: z.enum(['debug', 'info', 'warn', 'error']),
  plugin: z.string().optional(),
  text: z.string(),
  fields: z.record(z.string(), z.unknown()),
  worker: count.optional(),
})
/** Which lines. */
export const logsQuery = z.object({
  level: z.enum(['debug', 'info', 'warn', 'error']).optional().describe('And what is graver'),
  plugin: z.string().max(200).optional(),
  q: z.string().max(200).default('').describe('Words, all of which must be in it'),
  ...page,
})
/** Lines of the log. */
export const logs = z.object({
  ...base,
  items: z.array(log),
  next,
  dropped: count.describe(
    'Lines that are not kept any more: the last 2,000 of each worker are, of those without a canonical record',
  ),
})

/** Whether to look again. */
export const doctorQuery = z.object({
  fresh: z
    .enum(['1'])
    .optional()
    .describe('Look again, where the last look is older than a minute; else one of the last ten minutes will do'),
})
/** What was checked. */
export const doctor = z.object({
  ...base,
  at: time.describe('When it was looked at'),
  tookMs: duration,
  checks: z.array(
    z.object({
      id: z.string().describe('Name of the check; several findings may have the same'),
      plugin: z.string().optional().describe('Whose check it is'),
      subject: z.string(),
      state: z.enum(['ok', 'remark', 'fault']),
      evidence: z.string(),
      rfc: z.string().optional(),
      fix: z.string().optional(),
    }),
  ),
})

/** Envelope of a message that is tried. */
export const tryQuery = z.object({
  from: z.string().max(1_000).optional(),
  to: z.union([z.string(), z.array(z.string())]).optional(),
  remote: z.string().max(100).optional(),
  helo: z.string().max(300).optional(),
  listener: z.string().max(100).optional(),
})
/** What would have happened. */
export const tried = z.object({
  ...base,
  reply: z.string(),
  outcome: row.shape.outcome,
  sentence,
  steps: z
    .array(z.object({ command: z.string(), reply: z.string() }))
    .describe('The conversation, as far as the client would have come'),
  record,
})

/** Whether it went well. */
export const reload = z.object({
  ...base,
  ok: z.boolean().describe('Every worker has it in force'),
  text: z.string(),
  mistakes: z.array(z.string()),
  outcomes: z.array(
    z.object({
      worker: count,
      pid: count,
      state: z.enum(['reloaded', 'failed', 'silent']).describe('silent: it has not answered in time'),
      mistakes: z.array(z.string()),
    }),
  ),
})

const glob = z.string().min(1).max(1_000)
/** What to follow; all that is said has to fit. */
export const traceQuery = z.object({
  ip: z
    .union([z.string().max(100), z.array(z.string().max(100)).max(100)])
    .optional()
    .describe('Networks of the peer, 192.0.2.0/24'),
  from: glob.optional().describe('Glob of the reverse-path: *@example.com'),
  to: glob.optional().describe('Glob of a recipient'),
  listener: z.string().max(100).optional(),
  out: glob.optional().describe('Glob of the name or address of a next hop: connections of ours to others, * for all'),
  content: z.enum(['1']).optional().describe('Messages as they are, too'),
})
/** One line of a connection. */
export const traceLine = z.object({
  time,
  ms: duration.describe('Since the line of this connection before it'),
  connection: z.string(),
  pid: count,
  side: z.enum(['server', 'client']),
  by: z.enum(['C', 'S', 'hook', 'note']),
  listener: z.string().optional(),
  host: z.string().optional(),
  remote: z.string().optional(),
  text: z.string(),
})

/** Who asks. */
export const session = z.object({ name: z.string(), roles: z.array(z.string()), expires: time.optional() })
/** A ticket, or nothing where the header has a token. */
export const sessionBody = z.strictObject({
  ticket: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe('Of the link that `postroad admin open` prints; a token is shown as Authorization: Bearer … instead'),
})

/** What was done, by whom. */
export const audit = z.object({
  ...base,
  items: z.array(
    z.object({
      at: time,
      caller: z.string(),
      remote: z.string(),
      action: z.string(),
      target: z.string(),
      count: count.optional(),
      ok: z.boolean(),
      text: z.string().optional(),
    }),
  ),
  next,
})
/** Which page of a list. */
export const pageQuery = z.object(page)

/** A token, without its secret. */
export const token = z.object({
  name: z.string(),
  roles: z.array(z.string()),
  created: time.optional(),
  expires: time.optional(),
})
/** All tokens of the file of this listener; those that its configuration has are not among them. */
export const tokens = z.object({ ...base, tokens: z.array(token) })
/** The token to be made. */
export const tokenBody = z.strictObject({
  name: z.string().regex(/^[\w.@-]{1,64}$/, 'at most 64 letters, digits, dots, hyphens, @ and _'),
  role: z.union([role, z.literal('send')]),
  expires: span.optional().describe('After so long; absent: never'),
})
/** The token that was made. */
export const newToken = z.object({ ...base, token, secret: z.string().describe('Shown this once') })
