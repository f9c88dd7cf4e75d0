/** Judges what an operator wrote: all that is wrong at once, and what is left without it. */
import type { z } from 'zod'
import type { ErrorCode } from '../errors.ts'
import type { Config, ConfigData, ServerSettings, UseOptions, UseSettings } from './config.ts'
import type { AnyListenOptions, ListenProtocol, SettingsByProtocol } from './listen.ts'
import { LISTEN_SCHEMAS } from './listen-schema.ts'
import { configSchema, dataSchema, settingsSchema, useSchema } from './schema.ts'
import { type RawIssue, sentence } from './sentence.ts'

/** One mistake. */
export interface ConfigMistake {
  readonly code: ErrorCode
  /** Where: keys, and numbers of entries from 0. */
  readonly path: readonly PropertyKey[]
  /** Begins with the path: `thresholds.rejct: there is no such option; did you mean "reject"?` */
  readonly message: string
}

/** What is left of a value without its mistakes, and those. */
export interface Judged<T> {
  readonly value: T
  readonly mistakes: readonly ConfigMistake[]
}

/** Data that were judged. */
interface JudgedData extends Judged<ConfigData> {
  /** The path in the data as they were of a path in what is left of them: entries that are wrong are gone, and those behind them have moved. */
  pathBefore(path: readonly PropertyKey[]): readonly PropertyKey[]
}

/** A configuration in code. `setup` is not called: what it says is judged when it says it. */
export function judgeConfig(config: Config): Judged<ServerSettings> {
  const mistakes = mistakesOf(configSchema, config, () => 'ERR_CONFIG')
  const left = withoutKeys(config, ['setup', ...mistakes.map(({ path }) => path[0])])
  return { value: compact(settingsSchema.parse(left)) as ServerSettings, mistakes } // the compiler compares the two in schema.ts
}

/** A configuration as data. Its values come back as they were: they are read by who uses them. */
export function judgeData(data: unknown): JudgedData {
  const mistakes = mistakesOf(dataSchema, data, (path) => CODES.get(path[baseOf(path)]) ?? 'ERR_CONFIG')
  const gone = new Set(mistakes.map(({ path }) => keyOf(path.slice(0, depthOf(path)))))
  const left = mistakes.length === 0 ? data : withoutPlaces(data, gone)
  const value = dataSchema.safeParse(left).success ? (left as ConfigData) : {} // it was judged just now
  return { value, mistakes, pathBefore: (path) => pathBefore(path, gone) }
}

const CODES: ReadonlyMap<unknown, ErrorCode> = new Map([
  ['listen', 'ERR_LISTEN'],
  ['use', 'ERR_USE'],
])

/** What an operator says of a plugin. */
export function judgeUse(options: UseOptions): Judged<UseSettings> {
  return judge(useSchema, options, 'ERR_USE') as Judged<UseSettings> // the compiler compares the two in schema.ts
}

/** A listener of some kind: what is said of one holds for it. */
export type JudgedListen = {
  readonly [P in ListenProtocol]: Judged<SettingsByProtocol[P]> & { readonly protocol: P }
}[ListenProtocol]

/** A listener, by the schema of its kind. */
export function judgeListen(options: AnyListenOptions): JudgedListen {
  const { protocol = 'smtp' } = options
  // Where there is no such kind, the schema of mail says so.
  const known = Object.hasOwn(LISTEN_SCHEMAS, protocol) ? protocol : 'smtp'
  return { ...judge(LISTEN_SCHEMAS[known], options, 'ERR_LISTEN'), protocol: known } as JudgedListen // the compiler compares the two in schema.ts
}

function judge<S extends z.ZodType>(schema: S, value: unknown, code: ErrorCode): Judged<z.output<S>> {
  const mistakes = mistakesOf(schema, value, () => code)
  const left = withoutKeys(
    value,
    mistakes.map(({ path }) => path[0]),
  )
  return { value: compact(schema.parse(left)) as z.output<S>, mistakes } // what it loses was undefined
}

function mistakesOf(
  schema: z.ZodType,
  value: unknown,
  codeOf: (path: readonly PropertyKey[]) => ErrorCode,
): readonly ConfigMistake[] {
  const { error } = schema.safeParse(value, { error: (issue) => sentence(issue as RawIssue) }) // every kind of issue has those of its fields
  const issues = (error?.issues ?? []).flatMap((issue) => flat(issue))
  return issues.map(({ path, message }) => ({ code: codeOf(path), path, message: told(path, message) }))
}

/** Of alternatives the mistakes in the one that is meant, unless all of them together have a sentence. */
function flat(
  issue: z.core.$ZodIssue,
  around: readonly PropertyKey[] = [],
): readonly Pick<ConfigMistake, 'path' | 'message'>[] {
  const path = [...around, ...issue.path]
  if (issue.code !== 'invalid_union') return [{ path, message: issue.message }]
  const meant = issue.errors.find((issues) => issues.every((one) => one.path.length > 0))
  return meant ? meant.flatMap((one) => flat(one, path)) : [{ path, message: issue.message }]
}

/** A sentence that goes on after the name, or stands behind it. */
function told(path: readonly PropertyKey[], message: string): string {
  const name = path.length === 0 ? 'the configuration' : path.map(String).join('.')
  const goesOn = /^(?:must|is) /.test(message)
  return `${name}${goesOn ? '' : ':'} ${message}`
}

/** An object without some of its keys, those of its prototype with it; of what is no object nothing is left. */
function withoutKeys(value: unknown, keys: readonly unknown[]): object {
  const left: Record<PropertyKey, unknown> = {}
  if (typeof value !== 'object' || value === null) return left
  // `as`: it was found to be one.
  for (const key in value) if (!keys.includes(key)) left[key] = (value as Readonly<Record<string, unknown>>)[key]
  return left
}

/** Data without what is gone. */
function withoutPlaces(data: unknown, gone: ReadonlySet<string>): unknown {
  const left = (value: unknown, path: readonly PropertyKey[]): unknown => {
    const isLeft = ([key]: readonly [PropertyKey, unknown]): boolean => !gone.has(keyOf([...path, key]))
    if (Array.isArray(value)) return [...value.entries()].filter(isLeft).map(([at, one]) => left(one, [...path, at]))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).filter(isLeft).map(([key, one]) => [key, left(one, [...path, key])])) // biome-ignore format: one thought
  }
  return left(data, [])
}

function pathBefore(path: readonly PropertyKey[], gone: ReadonlySet<string>): readonly PropertyKey[] {
  const before: PropertyKey[] = []
  for (const key of path) before.push(typeof key === 'number' ? numberBefore(key, before, gone) : key)
  return before
}

/** The number that an entry had in its list when those were there that are gone. */
function numberBefore(number: number, list: readonly PropertyKey[], gone: ReadonlySet<string>): number {
  let left = number
  for (let before = 0; ; before++) if (!gone.has(keyOf([...list, before])) && left-- === 0) return before
}

function keyOf(path: readonly PropertyKey[]): string {
  return path.join('\0')
}

/** Keys of a path that name the option of an entry, or the entry: it goes whole when what makes it one is wrong. */
function depthOf(path: readonly PropertyKey[]): number {
  const base = baseOf(path)
  if (!CODES.has(path[base])) return base + 1
  const option = path[base + 2]
  return option === undefined || ['plugin', 'port', 'path'].includes(String(option)) ? base + 2 : base + 3
}

/** Where in a path it is said what something is: after the name of its scope. */
function baseOf(path: readonly PropertyKey[]): number {
  return path[0] === 'scopes' ? 2 : 0
}

/** Without what is undefined, in plain objects. */
function compact(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, compact(one)]])),
  )
}
