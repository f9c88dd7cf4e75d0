/** What an operator may say to `events`. */
import { durationOf, network, sizeOf } from '@postroad/options/zod'
import type { MailEvent } from '@postroad/plugin'
import { z } from 'zod'
import { parseSecret } from './signature.ts'

/** Every kind of event. */
export const KINDS = [
  'accepted',
  'delivered',
  'deferred',
  'bounced',
  'complained',
  'unsubscribed',
  'quarantined',
] as const satisfies readonly MailEvent['kind'][]

/** An event as a program gets it. */
export interface ToldEvent {
  readonly id: string
  readonly type: MailEvent['kind']
  /** RFC 3339. */
  readonly timestamp: string
  readonly data: Readonly<Record<string, unknown>> & { readonly to: readonly string[] }
}

type Deliver = (events: readonly ToldEvent[], context: { readonly signal: AbortSignal }) => void | Promise<void>

const secret = z
  .string()
  .refine(
    (text) => parseSecret(text) !== undefined,
    'not a secret such as `postroad events new-secret` prints: whsec_ and 24 to 64 octets in base64',
  )

const endpointShape = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'not a name of lower-case letters, digits and hyphens')
    .describe('By which it is remembered: under another name it is another endpoint, and begins anew'),
  url: z
    .url({ protocol: /^https?$/, error: 'not an URL such as "https://app.example.com/hooks/mail"' })
    .optional()
    .describe('Where events are posted to'),
  secrets: z
    .union([secret, z.array(secret).min(1).max(4)])
    .optional()
    .describe('Of the signatures; of several each signs, which is how one is replaced by another'),
  deliver: z
    .custom<Deliver>((value) => typeof value === 'function', 'not a function')
    .optional()
    .describe('In place of `url`: a function of the program that the server is part of'),
  file: z.string().min(1).optional().describe('In place of `url`: a file that gets a line of JSON for each event'),
  kinds: z
    .array(z.enum(KINDS))
    .min(1)
    .default([...KINDS])
    .describe('What it is told'),
  tenants: z.array(z.string().min(1)).optional().describe('Globs: only events of these tenants. Default: of all'),
  tags: z.array(z.string().min(1)).optional().describe('Globs: only events with one of these tags. Default: all'),
  from: z
    .enum(['now', 'start'])
    .default('now')
    .describe('What an endpoint hears first that is new: what happens from now on, or all that is kept'),
  batch: z
    .int()
    .min(1)
    .max(1_000)
    .default(1)
    .describe('Events of one request at most. From 2 on a request has an array of events, also where it is of one'),
  wait: durationOf({ max: 60_000 }).prefault('100 ms').describe('How long a batch that is not full waits for more'),
  format: z
    .enum(['standard', 'cloudevents'])
    .default('standard')
    .describe('`standard`: as Standard Webhooks have it. `cloudevents`: CloudEvents 1.0 in JSON'),
  concurrency: z
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe('Requests at once; events of one message are never in two of them'),
  timeout: durationOf({ min: 100, max: 600_000 }).prefault('15 s').describe('For all of a request and its answer'),
  life: durationOf({ min: 0 })
    .prefault('3 d')
    .describe('How long an event is tried that fails; then it is a dead letter'),
  headers: z
    .record(z.string().regex(/^[\w-]+$/), z.string().regex(/^[\t\x20-\x7e]*$/))
    .default({})
    .describe('Further fields of a request'),
  networks: z
    .array(network)
    .default([])
    .describe('Networks that may be connected to although they are not public: of this machine, or private'),
  plain: z.boolean().default(false).describe('Lets `url` be without TLS'),
  ca: z.string().min(1).optional().describe('File of the authorities to trust in place of those of the system, PEM'),
})

const endpoint = endpointShape.superRefine((given, context) => {
  const fail = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
  const ways = (
    [
      ['url', given.url],
      ['deliver', given.deliver],
      ['file', given.file],
    ] as const
  ).filter(([, value]) => value !== undefined)
  if (ways.length !== 1) fail('url', 'an endpoint has one of url, deliver and file')
  if (given.url !== undefined) {
    const { protocol, username, password, hash } = new URL(given.url)
    if (protocol === 'http:' && !given.plain) fail('url', 'is without TLS: use https, or say plain: true')
    if (username !== '' || password !== '')
      fail('url', 'has a password in it: say it by headers, authorization for one')
    if (hash !== '') fail('url', 'has a fragment, which no server sees')
    if (given.secrets === undefined)
      fail('secrets', 'are missing: what is not signed anybody can send; `postroad events new-secret` makes one')
  } else
    for (const name of ['secrets', 'ca'] as const)
      if (given[name] !== undefined) fail(name, 'is for an endpoint with an url')
})

/** The schema. */
export const options = z
  .strictObject({
    endpoints: z.array(endpoint).min(1).describe('Who is told'),
    keep: durationOf({ min: 0 })
      .prefault('7 d')
      .describe('How long events that everybody was told of are kept, to be told again'),
    keepSize: sizeOf({ min: 0 }).prefault('512 MiB').describe('Octets of events that are kept at most so'),
    limit: sizeOf({ min: 65_536 }).prefault('2 GiB').describe('Octets of events at which there is no more room'),
    whenFull: z
      .enum(['defer', 'drop-oldest'])
      .default('defer')
      .describe(
        '`defer`: no mail is taken (452) until there is room, so that no event is lost. `drop-oldest`: mail goes before events',
      ),
  })
  .superRefine(({ endpoints }, context) => {
    const seen = new Set<string>()
    for (const [at, { name }] of endpoints.entries()) {
      if (seen.has(name))
        context.addIssue({
          code: 'custom',
          path: ['endpoints', at, 'name'],
          message: `there is another endpoint "${name}"`,
        })
      seen.add(name)
    }
  })

export type EventsOptions = z.output<typeof options>
export type EndpointOptions = EventsOptions['endpoints'][number]
