/** The schemas of listeners, one a kind; `schema.ts` holds them against the types in `listen.ts`. */
import { HYBRID_GROUPS } from '@postroad/mail'
import { durationOf, sizeOf } from '@postroad/options/zod'
import type { ListenerOptions } from '@postroad/smtp'
import { z } from 'zod'
import type { ListenProtocol } from './listen.ts'
import { must, mustBeOneOf } from './sentence.ts'
import { allOptional, count, fields, func, hostName, networks, share, whole } from './shape.ts'

const text = z.string()
const flag = z.boolean()
const milliseconds = durationOf()
const octets = sizeOf({ min: 1 })

const PROTOCOLS: readonly ListenProtocol[] = ['smtp', 'lmtp', 'http', 'policy', 'milter']
const isNoProtocol = mustBeOneOf(PROTOCOLS)
const isNoGroup = must('the name or the number of a group')

const certificateFiles = fields({ key: text, cert: text, ca: text.optional(), servernames: z.array(text).optional() })

/** What listeners of every kind may be told. */
const any = {
  name: text,
  port: whole(0, 65_535),
  host: text,
  path: text,
  mode: whole(0, 0o777),
  group: z.union(
    [text.regex(/^[^\s:]+$/, { error: isNoGroup }), z.int({ error: isNoGroup }).min(0, { error: isNoGroup })],
    { error: isNoGroup },
  ),
  backlog: count,
  certificateFiles: z.union([certificateFiles, z.array(certificateFiles)], { error: must('an object or a list') }),
  selfSigned: flag,
  hostname: hostName,
}

const mail = {
  ...any,
  protocol: z.enum(['smtp', 'lmtp'], { error: isNoProtocol }),
  tls: z.enum(['none', 'optional', 'required', 'implicit']),
  minimumGroup: z.enum(HYBRID_GROUPS),
  auth: z.enum(['none', 'optional', 'required']),
  authWithoutTls: flag,
  strictLines: flag,
  bareLineEndings: z.enum(['reject', 'normalise']),
  brackets: z.enum(['required', 'optional']),
  nulOctets: z.enum(['accept', 'reject']),
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

const role = z.enum(['read', 'operate', 'admin', 'send'])

const http = {
  ...any,
  tls: z.enum(['none', 'implicit'], { error: must('"none" or "implicit": HTTP has no STARTTLS') }),
  routes: z.enum(['all', 'public', 'links']),
  tokens: z.array(fields({ name: text, sha256: text, roles: z.array(role), expires: text.optional() })),
  tokenFile: text,
  anonymous: z.enum(['none', 'read', 'operate', 'admin', 'send']),
  hosts: z.array(text),
  limits: allOptional({
    connections: count,
    connectionsPerAddress: count,
    headerTimeoutMs: durationOf({ min: 1 }),
    requestTimeoutMs: durationOf({ min: 1 }),
    idleTimeoutMs: durationOf({ min: 1 }),
    wrongTokens: count,
  }),
}

const { certificateFiles: _files, selfSigned: _made, ...anyWithoutTls } = any

const policy = {
  ...anyWithoutTls,
  accept: z.enum(['dunno', 'permit']),
  limits: allOptional({
    connections: count,
    connectionsPerAddress: count,
    recipients: count,
    requestTimeoutMs: durationOf({ min: 1 }),
    // Postfix closes after that itself, and has to wait where another does.
    idleTimeoutMs: durationOf({ min: 300_000 }),
    instanceTimeoutMs: durationOf({ min: 1 }),
  }),
}

const milter = {
  ...anyWithoutTls,
  accept: z.enum(['continue', 'accept']),
  progressMs: durationOf({ min: 1_000 }),
  limits: allOptional({
    connections: count,
    size: octets,
    // A client of the mail server may be silent for so long.
    idleTimeoutMs: durationOf({ min: 300_000 }),
    frameTimeoutMs: durationOf({ min: 1 }),
  }),
}

/** What only code can say. */
const code = {
  // Who reads it says what is wrong with it.
  certificate: z.custom<NonNullable<ListenerOptions['certificate']>>(),
  onError: func<NonNullable<ListenerOptions['onError']>>(),
}

/** What listeners of each kind may be told. */
const KINDS: readonly (readonly [kind: string, shape: object])[] = [
  ['SMTP and LMTP', mail],
  ['protocol "http"', http],
  ['protocol "policy"', policy],
  ['protocol "milter"', milter],
]

/** Said of an option of another kind. */
function belongsToOthers(own: object): (key: string) => string | undefined {
  return (key) => {
    const kinds = KINDS.flatMap(([kind, shape]) => (shape !== own && key in shape ? [kind] : []))
    return kinds.length === 0
      ? undefined
      : `is an option of listeners of ${kinds.join(', or of ')}, and this is none: leave it out`
  }
}

const notMail = belongsToOthers(mail)
const notHttp = belongsToOthers(http)
const notPolicy = belongsToOthers(policy)
const notMilter = belongsToOthers(milter)
const isHttp = z.literal('http')
const isPolicy = z.literal('policy')
const isMilter = z.literal('milter')

/** A listener of SMTP or LMTP, in code. */
export const listenSchema = allOptional({ ...mail, ...code }, notMail)

/** A listener of kind `http`, in code. */
export const httpListenSchema = fields({ ...allOptional({ ...http, ...code }).shape, protocol: isHttp }, notHttp)

/** A listener of kind `policy`, in code. */
export const policyListenSchema = fields(
  { ...allOptional({ ...policy, onError: code.onError }).shape, protocol: isPolicy },
  notPolicy,
)

/** A listener of kind `milter`, in code. */
export const milterListenSchema = fields(
  { ...allOptional({ ...milter, onError: code.onError }).shape, protocol: isMilter },
  notMilter,
)

/** The schema of each kind. */
export const LISTEN_SCHEMAS = {
  smtp: listenSchema,
  lmtp: listenSchema,
  http: httpListenSchema,
  policy: policyListenSchema,
  milter: milterListenSchema,
} as const satisfies { readonly [P in ListenProtocol]: z.ZodType }

/** A listener of any kind, as data. */
export const listenDataSchema = z.discriminatedUnion(
  'protocol',
  [
    allOptional(mail, notMail),
    fields({ ...allOptional(http).shape, protocol: isHttp }, notHttp),
    fields({ ...allOptional(policy).shape, protocol: isPolicy }, notPolicy),
    fields({ ...allOptional(milter).shape, protocol: isMilter }, notMilter),
  ],
  { error: ({ code, input }) => (code === 'invalid_union' ? isNoProtocol({ input: protocolOf(input) }) : undefined) },
)

function protocolOf(input: unknown): unknown {
  return typeof input === 'object' && input !== null && 'protocol' in input ? input.protocol : undefined
}
