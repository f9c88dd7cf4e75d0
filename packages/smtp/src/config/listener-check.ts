/** What is wrong with the options of a listener: all of it, each in a sentence that begins with the option. */

import { certificatesOf, secureContexts } from '../tls/tls.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import type { ListenerOptions } from './listener-options.ts'
import { networkList } from './network.ts'

/** Gives sentences, none when the value at `path` is as it should be. */
type Check = (value: unknown, path: string) => readonly string[]

/** Limits where nothing at all has a meaning. */
const MAY_BE_ZERO = new Set(['noops', 'errorDelayMs', 'connectionsPerMinute', 'minDataRate', 'dataGraceMs'])
const LIMITS = Object.keys(DEFAULT_LIMITS)

const text: Check = (value, path) => must(typeof value === 'string', path, { be: 'a text', value })
const flag: Check = (value, path) => must(typeof value === 'boolean', path, { be: 'true or false', value })
const host: Check = (value, path) =>
  // RFC 5321 §2.3.5: it goes into replies as it is; nothing but a domain or a literal may be in it.
  typeof value === 'string' && /^[A-Za-z0-9._:[\]-]{1,255}$/.test(value) ? [] : [`${path}: ${shown(value)} is not a host name`]
const callback: Check = (value, path) => must(typeof value === 'function', path, { be: 'a function', value })

/** The options and what each must be; no other has a meaning. */
const CHECKS: { readonly [K in keyof Required<ListenerOptions>]: Check } = {
  name: text,
  hostname: host,
  protocol: oneOf('smtp', 'lmtp'),
  port: whole(0, 65_535),
  host: text,
  path: text,
  mode: whole(0, 0o777),
  group: (value, path) =>
    must((typeof value === 'string' && /^[^\s:]+$/.test(value)) || (Number.isSafeInteger(value) && Number(value) >= 0), path, {
      be: 'the name or the number of a group',
      value,
    }),
  backlog: whole(1),
  tls: oneOf('none', 'optional', 'required', 'implicit'),
  certificate: () => [],
  auth: oneOf('none', 'optional', 'required'),
  authWithoutTls: flag,
  limits: object((key) => (LIMITS.includes(key) ? whole(MAY_BE_ZERO.has(key) ? 0 : 1) : undefined), LIMITS),
  strictLines: flag,
  bareLineEndings: oneOf('reject', 'normalise'),
  proxies: networks,
  xclient: networks,
  xclientLogin: oneOf('ignore', 'trust'),
  xforward: networks,
  greeting: fields({ waitMs: whole(0, 30_000), twoLines: flag, except: networks }),
  pipelining: oneOf('lenient', 'strict'),
  stress: fields({ connections: share, loopDelayMs: whole(1), memory: share, disk: fields({ path: text, freeBytes: whole(0) }) }),
  onError: callback,
}

/** All mistakes; the certificates are read, but nothing listens. */
export function listenerMistakes(options: ListenerOptions): readonly string[] {
  const mistakes = [
    ...object((key) => (Object.hasOwn(CHECKS, key) ? CHECKS[key as keyof ListenerOptions] : undefined), Object.keys(CHECKS))(options, ''),
  ] // it was just found there
  const { tls } = options
  if (options.path === undefined)
    for (const key of ['mode', 'group'] as const)
      if (options[key] !== undefined) mistakes.push(`${key}: only a UNIX socket has one: give the path of it instead of a port`)
  const certificates = certificatesOf(options)
  if (certificates.length === 0 && (tls === 'implicit' || tls === 'required')) mistakes.push(`tls: "${tls}" needs a certificate`)
  try {
    secureContexts(certificates)
  } catch (error) {
    mistakes.push(`certificate: key and certificate cannot be read, or do not fit: ${error instanceof Error ? error.message : error}`)
  }
  return mistakes
}

function oneOf(...words: readonly string[]): Check {
  const be = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return (value, path) => must(typeof value === 'string' && words.includes(value), path, { be, value })
}

function whole(least: number, most = Number.MAX_SAFE_INTEGER): Check {
  const be = `a whole number ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`}`
  return (value, path) => must(Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most, path, { be, value })
}

function share(value: unknown, path: string): readonly string[] {
  return must(typeof value === 'number' && value > 0, path, { be: 'a number above 0', value })
}

function networks(value: unknown, path: string): readonly string[] {
  if (!Array.isArray(value)) return must(false, path, { be: 'a list of addresses and networks', value })
  try {
    networkList(value.map(String))
    return []
  } catch (error) {
    return [`${path}: ${error instanceof Error ? error.message : error}`]
  }
}

function fields(checks: Readonly<Record<string, Check>>): Check {
  return object((key) => (Object.hasOwn(checks, key) ? checks[key] : undefined), Object.keys(checks))
}

/** An object of which nothing but the `known` may be there; what is undefined is not. */
function object(check: (key: string) => Check | undefined, known: readonly string[]): Check {
  return (value, path) => {
    if (typeof value !== 'object' || value === null) return must(false, path, { be: 'an object', value })
    return Object.entries(value).flatMap(([key, inner]) => {
      const where = path === '' ? key : `${path}.${key}`
      if (inner === undefined) return []
      return check(key)?.(inner, where) ?? [`${where}: there is no such option; there are ${known.join(', ')}`]
    })
  }
}

function must(isSo: boolean, path: string, { be, value }: { readonly be: string; readonly value: unknown }): readonly string[] {
  return isSo ? [] : [`${path} must be ${be}, not ${shown(value)}`]
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
