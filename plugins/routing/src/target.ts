/** Where something goes, checked and ready: by a transport, or as other addresses go. */

import { parseAddress } from '@postroad/mail'
import { domainName } from '@postroad/options'
import type { Route } from '@postroad/plugin'
import { type TargetOptions, target as targetSchema } from './options.ts'

/** Where something goes. */
export interface RouteTarget {
  /** Without `to`; undefined: as the addresses in `to` go. */
  readonly route: Route | undefined
  /** Addresses, perhaps with places for parts of the recipient. */
  readonly to: readonly string[]
}

/** One of our domains. */
export interface Domain extends RouteTarget {
  /** Local parts that exist, lower-case; undefined: all. */
  readonly users: ReadonlySet<string> | undefined
  readonly catchAll: string | undefined
}

/** @throws {TypeError} when an address is not one, or neither way nor addresses are given */
export function makeTarget(options: Partial<TargetOptions>): RouteTarget {
  const to = (options.to ?? []).map(checkedAddress)
  if (options.via === undefined && to.length === 0) throw new TypeError('routing: a target needs "via" or "to"')
  if (options.via === undefined && options.host !== undefined) throw new TypeError('routing: "host" needs "via"')
  return { route: options.via === undefined ? undefined : makeRoute({ ...options, via: options.via }), to }
}

/** As {@link makeTarget}, with those who exist. */
export function makeDomain(options: TargetOptions): Domain {
  const { users, catchAll } = options
  return {
    ...makeTarget(options),
    users: users && new Set(users.map((user) => user.toLowerCase())),
    catchAll: catchAll === undefined ? undefined : checkedAddress(catchAll),
  }
}

/** A frozen route: the same object for all its recipients. */
export function makeRoute({
  via,
  host,
  port,
  settings,
}: Pick<TargetOptions, 'host' | 'port' | 'settings'> & { readonly via: string }): Route {
  return Object.freeze({
    via,
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(settings && { settings }),
  })
}

/** What `make` returns; a mistake in it says at which option it is. */
export function at<T>(option: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new TypeError(`routing: ${option}: ${error.message.replace(/^routing: /, '')}`, { cause: error })
  }
}

/** @throws {TypeError} when it is not an address, apart from its places */
export function checkedAddress(text: string): string {
  if (!parseAddress(text.replaceAll(/\{(?:local|domain|detail)\}/g, 'x'), { smtputf8: true }))
    throw new TypeError(`routing: not an address: ${JSON.stringify(text)}`)
  return text
}

/** As addresses have it. @throws {TypeError} when it is not a domain */
export function checkedDomain(text: string): string {
  const domain = domainName(text)
  if (domain === undefined) throw new TypeError(`routing: not a domain: ${JSON.stringify(text)}`)
  return domain
}

/**
 * A target as a table has it: addresses parted by commas or spaces; `via [host [port]]`; JSON of either; or an object as in the
 * configuration.
 *
 * @throws {TypeError} when it is none of these
 */
export function readTarget(value: unknown): Domain {
  if (typeof value === 'string') return readText(value)
  const options = targetSchema.safeParse(Array.isArray(value) ? { to: value } : value)
  if (!options.success)
    throw new TypeError(`routing: a table has what is not a target: ${JSON.stringify(value).slice(0, 100)}`)
  return makeDomain(options.data)
}

function readText(text: string): Domain {
  if (/^\s*[[{]/.test(text)) return readTarget(JSON.parse(text))
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  const [via = '', host, port] = words
  if (via.includes('@')) return makeDomain({ to: words })
  if (port !== undefined && !/^\d{1,5}$/.test(port))
    throw new TypeError(`routing: a table has what is not a target: ${JSON.stringify(text).slice(0, 100)}`)
  return makeDomain({ via, ...(host !== undefined && { host }), ...(port !== undefined && { port: Number(port) }) })
}
