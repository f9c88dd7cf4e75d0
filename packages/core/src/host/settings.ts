/** The configuration in force, value by value, without its secrets: for operators who look at it, never for the server itself. */
import type { HostSetting } from '@postroad/plugin'
import type { ScopeSpec } from '../config/scope.ts'
import { Mistakes } from '../errors.ts'
import { validated } from './options.ts'

/** Names of options whose values are secrets, wherever they stand. */
const SECRET =
  /secret|passw|passphrase|token|credential|privatekey|^pass$|^key$|^keys$|apikey|^auth$|sha256|salt|cookie/i
/** Values that are secrets by what they are: a key, an address with a password. */
const SECRET_VALUE = /-----BEGIN|^[a-z][a-z0-9+.-]*:\/\/[^/\s]*@/i
/** Entries of one list or object that are shown; tables of domains may have thousands. */
const MOST = 200

/** The general part of a configuration: as it counts, and as it was written. */
export interface JudgedGeneral {
  readonly value: object
  readonly given: object
}

/** Every value, in the order of the configuration. */
export async function settingsOf({ value, given }: JudgedGeneral, root: ScopeSpec): Promise<readonly HostSetting[]> {
  const general = flattened(value, [], { given, isGiven: true })
  const scopes = await Promise.all(
    root.all.map(async (scope) => {
      const uses = await Promise.all(
        scope.uses.map(async (use) => {
          const result = await validated(use, new Mistakes())
          const { origin, ...operator } = use.options
          const at = ['scopes', scope.name, 'use', use.name]
          const place = (rest: readonly string[]): string | undefined => origin?.(rest)
          return [
            ...flattened(operator, at, { given: operator, isGiven: true, place }),
            ...flattened(result?.value ?? {}, [...at, 'options'], {
              given: use.plugin.options,
              isGiven: true,
              place: (rest) => place(['options', ...rest]),
            }),
          ]
        }),
      )
      const listens = scope.listens.flatMap(({ options, name, protocol }) => [
        ...flattened({ protocol, ...options }, ['scopes', scope.name, 'listen', name], {
          given: options,
          isGiven: true,
        }),
      ])
      return [...uses.flat(), ...listens]
    }),
  )
  return [...general, ...scopes.flat()]
}

interface Written {
  /** What was written there. */
  readonly given: unknown
  readonly isGiven: boolean
  readonly place?: ((rest: readonly string[]) => string | undefined) | undefined
}

function flattened(
  value: unknown,
  at: readonly string[],
  { given, isGiven, place }: Written,
  rest: readonly string[] = [],
): HostSetting[] {
  if (isBranch(value)) {
    const entries = Object.entries(value).slice(0, MOST)
    return entries.flatMap(([key, one]) => {
      const own = isGiven && typeof given === 'object' && given !== null && Object.hasOwn(given, key)
      const written = { given: own ? Reflect.get(given, key) : undefined, isGiven: own, place }
      return flattened(one, [...at, key], written, [...rest, key])
    })
  }
  if (value === undefined) return []
  const isSecret = at.some((key, index) => index > 0 && SECRET.test(key)) || isSecretValue(value)
  return [
    {
      path: at.join('.'),
      value: isSecret ? '***' : shown(value),
      isSecret,
      origin: isGiven ? 'file' : 'default',
      place: isGiven ? place?.(rest) : undefined,
    },
  ]
}

/** An object of values; lists of plain values are values. */
function isBranch(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some((one) => typeof one === 'object' && one !== null)
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.keys(value).length > 0
}

function isSecretValue(value: unknown): boolean {
  const texts = Array.isArray(value) ? value : [value]
  return texts.some((one) => typeof one === 'string' && SECRET_VALUE.test(one)) || ArrayBuffer.isView(value)
}

/** What a reader can do something with. */
function shown(value: unknown): unknown {
  if (typeof value === 'function') return `function ${value.name}`.trim()
  if (value instanceof RegExp || value instanceof Date || value instanceof URL) return String(value)
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value)
  if (Array.isArray(value))
    return value.length > MOST
      ? [...value.slice(0, MOST).map(shown), `and ${value.length - MOST} more`]
      : value.map(shown)
  if (value instanceof Map || value instanceof Set) return `${value.size} entries`
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0 ? {} : 'object'
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value
}
