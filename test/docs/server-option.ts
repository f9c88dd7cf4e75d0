/** The options of the server, of its listeners and of `use`: the schema that judges them, and the sentences that their types say of them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toJSONSchema, type z } from 'zod'
import {
  httpListenSchema,
  listenSchema,
  milterListenSchema,
  policyListenSchema,
} from '../../packages/core/src/config/listen-schema.ts'
import { settingsSchema, useSchema } from '../../packages/core/src/config/schema.ts'
import { DEFAULT_HTTP_LIMITS } from '../../packages/http/src/options.ts'
import { DEFAULT_MILTER_LIMITS } from '../../packages/milter/src/server/options.ts'
import { DEFAULT_POLICY_LIMITS } from '../../packages/policy-service/src/options.ts'
import { DEFAULT_LIMITS } from '../../packages/smtp/src/config/limits.ts'
import { ROOT } from '../structure/workspace.ts'
import type { OptionSchema } from './option.ts'

/** One table of options. */
export interface ServerOptionTable {
  /** `server`, `listen` or `use`. */
  readonly name: string
  readonly title: string
  readonly schema: z.ZodType
  /** Types that say what each option is for. */
  readonly types: readonly string[]
  /** Types of what is within an option, where they are not those of all tables. */
  readonly within?: Readonly<Record<string, readonly string[]>>
}

const LISTENER = ['ListenOptions', 'AnyListen', 'ListenerOptions', 'PlaceOptions']

/** All that is said of a server beside the options of plugins. */
export const SERVER_OPTIONS: readonly ServerOptionTable[] = [
  { name: 'server', title: 'The server', schema: settingsSchema, types: ['Config'] },
  { name: 'listen', title: 'A listener: `listen`', schema: listenSchema, types: LISTENER },
  {
    name: 'listen-http',
    title: 'A listener with `protocol: "http"`: `listen`',
    schema: httpListenSchema,
    types: ['HttpListenOptions', 'AnyListen', 'HttpListenerOptions', 'PlaceOptions'],
    within: { limits: ['HttpLimits'], tokens: ['HttpToken'] },
  },
  {
    name: 'listen-policy',
    title: 'A listener with `protocol: "policy"`: `listen`',
    schema: policyListenSchema,
    types: ['PolicyListenOptions', 'AnyListen', 'PolicyListenerOptions', 'PlaceOptions'],
    within: { limits: ['PolicyLimits'] },
  },
  {
    name: 'listen-milter',
    title: 'A listener with `protocol: "milter"`: `listen`',
    schema: milterListenSchema,
    types: ['MilterListenOptions', 'AnyListen', 'MilterListenerOptions', 'PlaceOptions'],
    within: { limits: ['MilterLimits'] },
  },
  { name: 'use', title: 'Any plugin: `use`', schema: useSchema, types: ['UseOptions'] },
]

/** Types of what is within an option. */
const WITHIN: Readonly<Record<string, readonly string[]>> = {
  thresholds: ['Thresholds', 'Levels'],
  domains: ['Levels'],
  log: ['LogOptions'],
  dns: ['ResolverOptions'],
  limits: ['Limits'],
  greeting: ['GreetingOptions'],
  stress: ['StressOptions'],
}

const FILES = [
  'packages/core/src/config/config.ts',
  'packages/core/src/config/listen.ts',
  'packages/http/src/options.ts',
  'packages/policy-service/src/options.ts',
  'packages/milter/src/server/options.ts',
  'packages/listener/src/certificate-files.ts',
  'packages/listener/src/listener.ts',
  'packages/core/src/log/log.ts',
  'packages/smtp/src/config/limits.ts',
  'packages/smtp/src/config/listener-options.ts',
]
const text = FILES.map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n')

/** The table as the page has it. */
export function serverOptionSchema({ schema, types, within = {} }: ServerOptionTable): OptionSchema {
  // `as`: the part of it that is read here.
  return described(
    toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as OptionSchema,
    types,
    { ...WITHIN, ...within },
  )
}

/** What the types say of an option, by its name in the table: `limits.size`. Empty when they say nothing. */
export function describeServerOption({ name, types, within = {} }: ServerOptionTable, option: string): string {
  const keys = option.slice(name.length + 1).split('.')
  const around = keys.at(-2)?.replace(/\[\]$/, '')
  return sentenceOf(around === undefined ? types : ({ ...WITHIN, ...within }[around] ?? []), keys.at(-1) ?? '')
}

/** Limits that nobody has written down. */
const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Limits: { ...DEFAULT_LIMITS },
  HttpLimits: { ...DEFAULT_HTTP_LIMITS },
  PolicyLimits: { ...DEFAULT_POLICY_LIMITS },
  MilterLimits: { ...DEFAULT_MILTER_LIMITS },
}

function described(
  schema: OptionSchema,
  types: readonly string[],
  within: Readonly<Record<string, readonly string[]>>,
): OptionSchema {
  const properties = Object.entries(schema.properties ?? {}).map(([key, one]) => {
    const byDefault = types.map((type) => DEFAULTS[type]?.[key]).find((value) => value !== undefined)
    const inner = described(one, within[key] ?? [], within)
    return [
      key,
      { ...inner, description: sentenceOf(types, key), ...(byDefault !== undefined && { default: byDefault }) },
    ] as const
  })
  const { additionalProperties: others } = schema
  return {
    ...schema,
    ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
    // Objects say of unknown keys that they must not be there, which is no option.
    ...(typeof others === 'object' &&
      (properties.length > 0
        ? { additionalProperties: false }
        : { additionalProperties: described(others, types, within) })),
  }
}

function sentenceOf(types: readonly string[], key: string): string {
  for (const type of types) {
    // A type that adds to others ends a step further in.
    const body =
      new RegExp(`^export (?:interface ${type}\\b[^]*?^}|type ${type}\\b[^]*?^(?:  )?})`, 'm').exec(text)?.[0] ?? ''
    const comment = new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*readonly ${key}\\??:`).exec(body)?.[1]
    if (comment !== undefined)
      return comment
        .replace(/^\s*\* ?/gm, ' ')
        .replace(/\{@link (\w+)\}/g, '`$1`')
        .replace(/\s+/g, ' ')
        .trim()
  }
  return ''
}
