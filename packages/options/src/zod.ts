/**
 * Pieces of zod schemas for the options of plugins, so that they are written alike everywhere. Each says in its metadata which grammar it has.
 * This entry alone has types of zod: whoever takes another library has the functions of `@postroad/options`.
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import { AddressTable } from './address-table.ts'
import { isDomainPattern } from './domain-table.ts'
import { isNetwork } from './network.ts'
import { parseDuration, parseSize } from './unit.ts'

/** The grammars of options, as `meta().grammar` of a schema names them. */
type Grammar =
  | 'duration'
  | 'size'
  | 'network'
  | 'domain pattern'
  | 'domain pattern, address or path'
  | 'address pattern'
  | 'glob'

/** A day, for options that count in days. */
export const DAY = 86_400_000
/** A mebibyte, for options that count in them. */
export const MIB = 1_048_576

/** What an amount may be. */
interface Bounds {
  /** Smallest, as the option counts. Default 0. */
  readonly min?: number
  /** Largest, as the option counts. */
  readonly max?: number
  /** Milliseconds, or octets, that the number 1 stands for; the option becomes so many of them. Default 1. */
  readonly unit?: number
}

const DURATION = 'not a duration: a number and a unit such as "90 s", "5 min", "36 h" or "5 d"'
const SIZE = 'not a size: a number and a unit such as "64 KiB", "10 MB" or "1 GiB"'

/**
 * A schema for a duration: a number, or a text with a unit (`5 min`, `5 d`, `5 days`). A bare number is milliseconds, or what
 * `unit` says, and so is what becomes of it.
 *
 * @example durationOf({ min: 1 }).parse('20 s') // 20_000
 */
export function durationOf({ min = 0, max, unit = 1 }: Bounds = {}) {
  const text = `${DURATION}, or a bare number of ${nameOf(unit, { 1: 'milliseconds', 1000: 'seconds', 86400000: 'days' })}`
  return amount({
    min,
    ...(max !== undefined && { max }),
    text,
    parse: (value) => reading(value, unit, parseDuration),
  }).meta({
    grammar: 'duration' satisfies Grammar,
  })
}

/**
 * A schema for a size: a number, or a text with a unit (`10 MB`, `64 KiB`). A bare number is octets, or what `unit` says, and so
 * is what becomes of it.
 *
 * @example sizeOf({ min: 1024 }).parse('256 KiB') // 262_144
 */
export function sizeOf({ min = 0, max, unit = 1 }: Bounds = {}) {
  const text = `${SIZE}, or a bare number of ${nameOf(unit, { 1: 'octets', 1048576: 'MiB' })}`
  return amount(
    { min, ...(max !== undefined && { max }), text, parse: (value) => reading(value, unit, parseSize) },
    Math.floor,
  ).meta({
    grammar: 'size' satisfies Grammar,
  })
}

/** A duration: milliseconds, or a number with a unit (`5 min`). Becomes milliseconds. */
export const duration = durationOf()

/** A size: octets, or a number with a unit (`10 MB`). Becomes octets. */
export const size = sizeOf()

/** An address, or a network in CIDR notation. */
export const network = z
  .string()
  .refine(isNetwork, saying('not an address or network such as "192.0.2.7", "192.0.2.0/24" or "2001:db8::/32"'))
  .meta({ grammar: 'network' satisfies Grammar })

/** A domain, `*.example.com` for what is below one, another glob, or `*` for all. */
export const domainPattern = z
  .string()
  .refine(isDomainPattern, saying('not a domain such as "example.com", or a pattern such as "*.example.com"'))
  .meta({ grammar: 'domain pattern' satisfies Grammar })

/** What `domainTest` takes: a pattern of domains, or what else a host may be called, an address or the path of a socket. */
export const hostPattern = z
  .string()
  .refine(
    (text) => isDomainPattern(text) || isIP(text) > 0 || text.startsWith('/'),
    saying(
      'not a domain such as "example.com", a pattern such as "*.example.com", an address, or the path of a socket',
    ),
  )
  .meta({ grammar: 'domain pattern, address or path' satisfies Grammar })

/** A pattern for any text: `*` is any part of it, `?` one character. */
export const globPattern = z
  .string()
  .min(1, 'must not be empty: "*" is any text')
  .meta({ grammar: 'glob' satisfies Grammar })

/** A pattern of addresses, see {@link AddressTable}. */
export const addressPattern = z
  .string()
  .refine(
    isAddressPattern,
    saying(
      'not an address such as "user@example.com", or a pattern such as "*@example.com", "*.example.com" or "user@"',
    ),
  )
  .meta({ grammar: 'address pattern' satisfies Grammar })

/** Something, or a list of it. Becomes a list. */
export const stringList = listOf(z.string())

/** A schema for something or a list of it. Becomes a list. */
export function listOf<S extends z.ZodType<string, string>>(one: S) {
  return z
    .union([one, z.array(one)])
    .transform((value): string[] => (typeof value === 'string' ? [value] : (value as string[]))) // what is no list is a string
}

/** What a finding is worth: points, or a refusal. */
export const action = z.union([z.number(), z.enum(['reject', 'defer', 'disconnect', 'none'])])

interface Amount {
  readonly min: number
  readonly max?: number
  /** What is said of what is none. */
  readonly text: string
  parse(value: string): number | undefined
}

function amount(
  { min, max = Number.MAX_SAFE_INTEGER, text, parse }: Amount,
  round: (value: number) => number = (value) => value,
) {
  return z.union([z.number().min(min).max(max), z.string()], saying(text)).transform((value, context): number => {
    const found = typeof value === 'number' ? value : parse(value)
    if (found !== undefined && found >= min && found <= max) return round(found)
    context.addIssue({ code: 'custom', message: found === undefined ? said(text, value) : bounds(min, max) })
    return z.NEVER
  })
}

/** A text without a unit is a bare number in quotes. */
function reading(text: string, unit: number, parse: (text: string) => number | undefined): number | undefined {
  const found = parse(text)
  return found === undefined || /^[\d. ]+$/.test(text) ? found : found / unit
}

function bounds(min: number, max: number): string {
  return max === Number.MAX_SAFE_INTEGER ? `must be at least ${min}` : `must be from ${min} to ${max}`
}

function nameOf(unit: number, names: Readonly<Record<number, string>>): string {
  return names[unit] ?? `${unit}`
}

/** An error that shows what was wrong. */
function saying(text: string) {
  return { error: ({ input }: { readonly input?: unknown }) => said(text, input) }
}

function said(text: string, input: unknown): string {
  return input === undefined ? 'is missing' : `${JSON.stringify(input)} is ${text}`
}

function isAddressPattern(text: string): boolean {
  try {
    new AddressTable([[text, true]])
    return true
  } catch {
    return false // that is all it says
  }
}
