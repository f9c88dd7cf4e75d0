/** The options of the server, of its listeners and of `use`: the schema that judges them, and the sentences that their types say of them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toJSONSchema, type z } from 'zod'
import { listenSchema, settingsSchema, useSchema } from '../../packages/core/src/config/schema.ts'
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
}

/** All that is said of a server beside the options of plugins. */
export const SERVER_OPTIONS: readonly ServerOptionTable[] = [
  { name: 'server', title: 'The server', schema: settingsSchema, types: ['Config'] },
  { name: 'listen', title: 'A listener: `listen`', schema: listenSchema, types: ['ListenOptions', 'ListenerOptions'] },
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
  'packages/core/src/log/log.ts',
  'packages/smtp/src/config/limits.ts',
  'packages/smtp/src/config/listener-options.ts',
]
const text = FILES.map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n')

/** The table as the page has it. */
export function serverOptionSchema({ schema, types }: ServerOptionTable): OptionSchema {
  // `as`: the part of it that is read here.
  return described(
    toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as OptionSchema,
    types,
  )
}

/** What the types say of an option, by its name in the table: `limits.size`. Empty when they say nothing. */
export function describeServerOption({ name, types }: ServerOptionTable, option: string): string {
  const keys = option.slice(name.length + 1).split('.')
  const around = keys.at(-2)?.replace(/\[\]$/, '')
  return sentenceOf(around === undefined ? types : (WITHIN[around] ?? []), keys.at(-1) ?? '')
}

function described(schema: OptionSchema, types: readonly string[]): OptionSchema {
  const properties = Object.entries(schema.properties ?? {}).map(([key, one]) => {
    const byDefault =
      types.includes('Limits') && key in DEFAULT_LIMITS ? DEFAULT_LIMITS[key as keyof typeof DEFAULT_LIMITS] : undefined // it was found there
    const inner = described(one, WITHIN[key] ?? [])
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
      (properties.length > 0 ? { additionalProperties: false } : { additionalProperties: described(others, types) })),
  }
}

function sentenceOf(types: readonly string[], key: string): string {
  for (const type of types) {
    const body = new RegExp(`^export (?:interface|type) ${type}\\b[^]*?^}`, 'm').exec(text)?.[0] ?? ''
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
