/**
 * The one schema of the configuration: `createServer`, `use`, `listen`, YAML and the pages of the options go by it. Its types are those of
 * `config.ts`, which are public and have none of zod's; at the end of this file the compiler holds the two against each other.
 */
import { isServer } from '@postroad/options'
import { durationOf, sizeOf } from '@postroad/options/zod'
import { z } from 'zod'
import type { Config, ConfigData, ServerSettings, UseOptions, UseSettings } from './config.ts'
import type {
  HttpListenOptions,
  HttpListenSettings,
  ListenOptions,
  ListenSettings,
  MilterListenOptions,
  MilterListenSettings,
  PolicyListenOptions,
  PolicyListenSettings,
} from './listen.ts'
import {
  type httpListenSchema,
  listenDataSchema,
  type listenSchema,
  type milterListenSchema,
  type policyListenSchema,
} from './listen-schema.ts'
import { must } from './sentence.ts'
import { allOptional, count, fields, func, hostName } from './shape.ts'

const text = z.string()
const flag = z.boolean()
const milliseconds = durationOf()

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

const levels = { tag: z.number(), quarantine: z.number(), defer: z.number(), reject: z.number() }

const general = {
  hostname: hostName.optional(),
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
    message: z.enum(['plain', 'hashed', 'none']),
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
  listen: z.array(listenDataSchema),
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
  Assert<Same<z.input<typeof httpListenSchema>, HttpListenOptions>>,
  Assert<Same<z.output<typeof httpListenSchema>, HttpListenSettings>>,
  Assert<Same<z.input<typeof policyListenSchema>, PolicyListenOptions>>,
  Assert<Same<z.output<typeof policyListenSchema>, PolicyListenSettings>>,
  Assert<Same<z.input<typeof milterListenSchema>, MilterListenOptions>>,
  Assert<Same<z.output<typeof milterListenSchema>, MilterListenSettings>>,
]
