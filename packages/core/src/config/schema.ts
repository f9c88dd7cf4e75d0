/**
 * The one schema of the configuration: `createServer`, `use`, `listen`, YAML and the pages of the options go by it. Its types are those of
 * `config.ts`, which are public and have none of zod's; at the end of this file the compiler holds the two against each other.
 */
import { HYBRID_GROUPS } from '@postroad/mail'
import { isServer } from '@postroad/options'
import { durationOf, sizeOf } from '@postroad/options/zod'
import { type ListenerOptions, networkList } from '@postroad/smtp'
import { z } from 'zod'
import type {
  Config,
  ConfigData,
  ListenOptions,
  ListenSettings,
  ServerSettings,
  UseOptions,
  UseSettings,
} from './config.ts'
import { must, unknownOption } from './sentence.ts'

const text = z.string()
const flag = z.boolean()
const milliseconds = durationOf()
const octets = sizeOf({ min: 1 })
const count = whole(1)

// RFC 5321 §2.3.5: it goes into replies as it is; nothing but a domain or a literal may be in it.
const host = z.string().refine((name) => /^[A-Za-z0-9._:[\]-]{1,255}$/.test(name), {
  error: ({ input }) => `${JSON.stringify(input)} is not a host name`,
})

const isNoGroup = must('the name or the number of a group')

/** Of listeners, which have always taken the short forms of inet_aton(3) too, and `unix` for clients without an address. */
const networks = z.array(text.superRefine(checkNetwork).meta({ grammar: 'network, or unix' }), {
  error: must('a list of addresses and networks'),
})

const settings = {
  mode: z.enum(['enforce', 'shadow']),
  onError: z.enum(['defer', 'pass', 'reject', 'disconnect']),
  timeout: durationOf({ min: 1 }),
  before: z.array(text),
  after: z.array(text),
  as: text,
}

/** What the operator says of a plugin, in code. */
export const useSchema = allOptional({
  ...settings,
  when: func<NonNullable<UseOptions['when']>>(),
  origin: func<NonNullable<UseOptions['origin']>>(),
})

const certificateFiles = fields({ key: text, cert: text, ca: text.optional(), servernames: z.array(text).optional() })

const listening = {
  name: text,
  protocol: z.enum(['smtp', 'lmtp']),
  port: whole(0, 65_535),
  host: text,
  path: text,
  mode: whole(0, 0o777),
  group: z.union(
    [text.regex(/^[^\s:]+$/, { error: isNoGroup }), z.int({ error: isNoGroup }).min(0, { error: isNoGroup })],
    {
      error: isNoGroup,
    },
  ),
  backlog: count,
  tls: z.enum(['none', 'optional', 'required', 'implicit']),
  minimumGroup: z.enum(HYBRID_GROUPS),
  certificateFiles: z.union([certificateFiles, z.array(certificateFiles)], { error: must('an object or a list') }),
  auth: z.enum(['none', 'optional', 'required']),
  authWithoutTls: flag,
  strictLines: flag,
  bareLineEndings: z.enum(['reject', 'normalise']),
  proxies: networks,
  xclient: networks,
  xclientLogin: z.enum(['ignore', 'trust']),
  xforward: networks,
  pipelining: z.enum(['lenient', 'strict']),
  greeting: allOptional({ waitMs: durationOf({ max: 30_000 }), twoLines: flag, except: networks }),
  stress: allOptional({
    connections: share(),
    loopDelayMs: durationOf({ min: 1 }),
    memory: share(),
    disk: fields({ path: text, freeBytes: sizeOf() }),
  }),
  hostname: host,
  limits: allOptional({
    commandLine: octets,
    authLine: octets,
    line: octets,
    size: octets,
    recipients: count,
    errors: count,
    refusedRecipients: count,
    // Nothing at all has a meaning of those that may be 0.
    noops: whole(0),
    errorDelayMs: milliseconds,
    transactions: count,
    connections: count,
    connectionsPerAddress: count,
    connectionsPerNetwork: count,
    connectionsPerMinute: whole(0),
    commandTimeoutMs: durationOf({ min: 1 }),
    handshakeTimeoutMs: durationOf({ min: 1 }),
    sessionTimeoutMs: durationOf({ min: 1 }),
    minDataRate: sizeOf(),
    dataGraceMs: milliseconds,
  }),
}

/** A listener, in code. */
export const listenSchema = allOptional({
  ...listening,
  // Who reads it says what is wrong with it.
  certificate: z.custom<NonNullable<ListenerOptions['certificate']>>(),
  onError: func<NonNullable<ListenerOptions['onError']>>(),
})

const levels = { tag: z.number(), quarantine: z.number(), defer: z.number(), reject: z.number() }

const general = {
  hostname: host.optional(),
  folder: text.default('var'),
  thresholds: allOptional({ ...levels, subject: text, domains: z.record(text, allOptional(levels)) }).default({}),
  refuseAt: z.enum(['rcpt', 'now']).default('rcpt'),
  mixed: z.enum(['defer-rest', 'strictest']).default('defer-rest'),
  added: z.enum(['defer', 'drop']).default('defer'),
  grace: milliseconds.default(30_000),
  memory: sizeOf().optional(),
  log: allOptional({
    format: z.enum(['json', 'pretty', 'silent']),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    addresses: z.enum(['plain', 'hashed']),
    write: func<(lines: string) => void>(),
  }).default({}),
  dns: allOptional({
    servers: z.array(
      text.refine(isServer, {
        error: ({ input }) =>
          `${JSON.stringify(input)} is not the address of a server: 192.0.2.53 or [2001:db8::53]:5353, for example`,
      }),
    ),
    trustAd: flag,
    timeoutMs: durationOf({ min: 1 }),
    lookupsPerMessage: count,
  }).default({}),
  hint: text.optional(),
}

/** What is said of the server as a whole. */
export const settingsSchema = fields(general)

/** A configuration, in code. */
export const configSchema = fields({
  ...general,
  setup: z.custom<Config['setup']>(
    (value) => typeof value === 'function',
    'must be a function that fills the server: setup(app) { … }',
  ),
})

const scopeOfData = {
  listen: z.array(allOptional(listening)),
  use: z.array(
    z.union(
      [
        text,
        fields({
          plugin: text,
          options: z.record(text, z.unknown()).optional(),
          ...allOptional(settings).shape,
        }),
      ],
      { error: must('the name of a plugin, or { plugin: NAME, options: … }') },
    ),
  ),
}

/** A configuration as data, without code: what `setup` would do stands in `listen`, `use` and `scopes`. */
export const dataSchema = fields({
  ...general,
  ...allOptional({ ...scopeOfData, scopes: z.record(text, allOptional(scopeOfData)) }).shape,
})

/** An object with these options and no others; what is undefined is not there. */
function fields<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strip> {
  const known = Object.keys(shape)
  // `as`: of the type no others are to be seen either. A list of unknown keys, as zod has it, would be one mistake without a place.
  return z
    .object(shape)
    .catchall(
      z.undefined({ error: ({ path }) => unknownOption(String(path?.at(-1)), known) }),
    ) as unknown as z.ZodObject<S, z.core.$strip>
}

/** The same where every option may be left out. */
function allOptional<S extends z.ZodRawShape>(shape: S) {
  const optional = Object.fromEntries(Object.entries(shape).map(([key, one]) => [key, z.optional(one)]))
  return fields(optional as { [K in keyof S]: z.ZodOptional<S[K]> }) // it has just been made so
}

function whole(least: number, most = Number.MAX_SAFE_INTEGER) {
  const error = must(
    `a whole number ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`}`,
  )
  return z.int({ error }).min(least, { error }).max(most, { error })
}

function share() {
  const error = must('a number above 0')
  return z.number({ error }).gt(0, { error })
}

function func<F>() {
  return z.custom<F>((value) => typeof value === 'function', 'must be a function')
}

function checkNetwork(entry: string, context: z.RefinementCtx): void {
  try {
    networkList([entry])
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) })
  }
}

/** A type without what makes no difference here: `readonly`, and whether what may be absent may be undefined. A key that is missing makes one. */
type Loose<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends object
    ? { -readonly [K in keyof T]-?: Loose<Exclude<T[K], undefined>> }
    : T
type Same<A, B> = [Loose<A>, Loose<B>] extends [Loose<B>, Loose<A>] ? true : false
type Assert<T extends true> = T

/** Does not compile when the schema and the public types say different things. */
export type SchemaIsAsDeclared = [
  Assert<Same<z.input<typeof configSchema>, Config>>,
  Assert<Same<z.input<typeof dataSchema>, ConfigData>>,
  Assert<Same<z.input<typeof useSchema>, UseOptions>>,
  Assert<Same<z.input<typeof listenSchema>, ListenOptions>>,
  Assert<Same<z.output<typeof settingsSchema>, ServerSettings>>,
  Assert<Same<z.output<typeof useSchema>, UseSettings>>,
  Assert<Same<z.output<typeof listenSchema>, ListenSettings>>,
]
