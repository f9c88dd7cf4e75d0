/** The operator's options made ready: every pattern parsed, every address checked, so that mistakes are boot errors. */
import { type AddressParts, AddressTable, DomainTable, glob, networks } from '@postroad/match'
import { parseAddress } from '@postroad/message'
import { type Address, defer, type Refusal, type Route, reject, type Session } from '@postroad/plugin'
import type { RoutingOptions, RuleOptions, TargetOptions } from './options.ts'

/** What a rule may look at. */
export interface Question {
  readonly session: Pick<Session, 'remote' | 'listener' | 'identity'>
  readonly from: AddressParts | undefined
}

/** Where something goes. */
export interface Target {
  /** Without `to`; undefined: as the addresses in `to` go. */
  readonly route: Route | undefined
  /** Addresses, perhaps with places for parts of the recipient. */
  readonly to: readonly string[]
}

/** One of our domains. */
export interface Domain extends Target {
  /** Local parts that exist, lower-case; undefined: all. */
  readonly users: ReadonlySet<string> | undefined
  readonly catchAll: string | undefined
}

/** A rule that can be asked. */
export interface Rule {
  readonly name: string
  fits(recipient: Address, question: Question): boolean
  readonly action: Target | Refusal
}

/** All options of `routing`, ready. */
export interface Tables {
  readonly rules: readonly Rule[]
  readonly addresses: AddressTable<Target>
  readonly domains: DomainTable<Domain>
  readonly separator: string
  readonly postmaster: string | undefined
  readonly relay: Route
  mayRelay(session: Question['session']): boolean
}

/** @throws {TypeError} naming the pattern or address that is not one */
export function compile(options: RoutingOptions): Tables {
  const { relay } = options
  const isNear = networks(relay?.networks ?? [])
  const [first] = Object.keys(options.domains)
  const postmaster = options.postmaster ?? (first === undefined || /[*?]/.test(first) ? undefined : `postmaster@${first}`)
  return {
    rules: options.routes.map((rule, index) => compileRule(rule, index, options.separator)),
    addresses: new AddressTable(
      Object.entries(options.addresses).map(([pattern, value]) => [pattern, alias(value)]),
      options.separator,
    ),
    domains: new DomainTable(Object.entries(options.domains).map(([pattern, value]) => [pattern, domain(value)])),
    separator: options.separator,
    postmaster: postmaster === undefined ? undefined : checkedAddress(postmaster),
    relay: route({ ...relay, via: relay?.via ?? 'smtp' }),
    mayRelay: (session) =>
      relay !== undefined && ((relay.authenticated && session.identity !== undefined) || isNear(session.remote.address)),
  }
}

/** One or several. */
export function asList(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

function compileRule(rule: RuleOptions, index: number, separator: string): Rule {
  const name = rule.name ?? `routes[${index}]`
  return { name, fits: condition(rule.match, separator), action: action(rule, name) }
}

function action(rule: RuleOptions, name: string): Target | Refusal {
  const { refuse, discard, via, to } = rule
  const said = [refuse !== undefined, discard === true, via !== undefined || to !== undefined].filter(Boolean).length
  if (said !== 1) throw new TypeError(`routing: ${name} needs one of "via", "to", "refuse" and "discard"`)
  if (discard) return { route: Object.freeze({ via: 'discard' }), to: [] }
  if (refuse !== undefined) return refusal(typeof refuse === 'string' ? { text: refuse, status: '5.7.1' } : refuse)
  return aliasOrRoute(rule)
}

function refusal({ text, status }: { readonly text: string; readonly status: string }): Refusal {
  if (status.startsWith('4')) return defer(text, { status: status as `4.${number}.${number}` }) // the schema has checked its form
  return reject(text, { status: status as `5.${number}.${number}` }) // the schema has checked its form
}

function condition(match: RuleOptions['match'], separator: string): Rule['fits'] {
  const conditions = match === undefined || typeof match === 'string' || Array.isArray(match) ? { recipient: match } : match
  const checks: Rule['fits'][] = []
  const patterns = (list: string | readonly string[]) =>
    new AddressTable(
      asList(list).map((pattern) => [pattern, true]),
      separator,
    )
  if (conditions.recipient !== undefined) {
    const table = patterns(conditions.recipient)
    checks.push((recipient) => table.find(recipient) !== undefined)
  }
  if (!('from' in conditions || 'network' in conditions || 'listener' in conditions || 'identity' in conditions)) return all(checks)
  const { from, network, listener, identity } = conditions
  if (from !== undefined) {
    const table = patterns(from)
    checks.push((_, question) => table.find(question.from) !== undefined)
  }
  if (network !== undefined) {
    const within = networks(asList(network))
    checks.push((_, { session }) => within(session.remote.address))
  }
  if (listener !== undefined) checks.push((_, { session }) => asList(listener).includes(session.listener))
  if (identity !== undefined) checks.push(identityIs(identity))
  return all(checks)
}

function identityIs(wanted: boolean | string | readonly string[]): Rule['fits'] {
  if (typeof wanted === 'boolean') return (_, { session }) => (session.identity !== undefined) === wanted
  const names = asList(wanted).map(glob)
  return (_, { session: { identity } }) => identity !== undefined && names.some((fits) => fits(identity.name))
}

function all(checks: readonly Rule['fits'][]): Rule['fits'] {
  return (recipient, question) => checks.every((check) => check(recipient, question))
}

function alias(value: string | readonly string[] | TargetOptions): Target {
  return aliasOrRoute(typeof value === 'string' || Array.isArray(value) ? { to: value as string | string[] } : (value as TargetOptions)) // Array.isArray does not narrow readonly arrays
}

function domain(options: TargetOptions): Domain {
  const { users, catchAll } = options
  return {
    ...aliasOrRoute(options),
    users: users && new Set(users.map((user) => user.toLowerCase())),
    catchAll: catchAll === undefined ? undefined : checkedAddress(catchAll),
  }
}

function aliasOrRoute(options: Partial<Omit<TargetOptions, 'to'>> & { readonly to?: string | readonly string[] | undefined }): Target {
  const to = asList(options.to).map(checkedAddress)
  if (options.via === undefined && to.length === 0) throw new TypeError('routing: a target needs "via" or "to"')
  if (options.via === undefined && options.host !== undefined) throw new TypeError('routing: "host" needs "via"')
  return { route: options.via === undefined ? undefined : route({ ...options, via: options.via }), to }
}

function route({ via, host, port, settings }: Pick<TargetOptions, 'host' | 'port' | 'settings'> & { readonly via: string }): Route {
  return Object.freeze({ via, ...(host !== undefined && { host }), ...(port !== undefined && { port }), ...(settings && { settings }) })
}

function checkedAddress(text: string): string {
  if (!parseAddress(text.replaceAll(/\{(?:local|domain|detail)\}/g, 'x'), { smtputf8: true }))
    throw new TypeError(`routing: not an address: ${JSON.stringify(text)}`)
  return text
}
