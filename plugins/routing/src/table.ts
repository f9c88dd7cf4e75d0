/** The operator's options made ready: every pattern parsed, every address checked, so that mistakes are boot errors. */
import { AddressTable, DomainTable, networks } from '@postroad/options'
import { defer, type Refusal, type Route, reject } from '@postroad/plugin'
import { type Condition, compileCondition, type Question } from './condition.ts'
import { openTable, type Table, type TableDeps } from './lookup.ts'
import type { RoutingOptions, RuleOptions, TagOptions } from './options.ts'
import { type Srs, srsOf } from './srs.ts'
import {
  at,
  checkedAddress,
  checkedDomain,
  type Domain,
  makeDomain,
  makeRoute,
  makeTarget,
  type RouteTarget,
} from './target.ts'

/** A rule that can be asked. */
export interface Rule {
  readonly name: string
  readonly condition: Condition
  /** Undefined: the rule only adds `hold`, `copy` or `tag`, and later ones decide. */
  readonly action: RouteTarget | Refusal | undefined
  readonly hold: string | undefined
  readonly copy: readonly string[]
  readonly tag: TagOptions | undefined
}

/** All options of `routing`, ready. */
export interface Tables {
  /** Asked for each recipient. */
  readonly rules: readonly Rule[]
  /** Asked when the message is there. */
  readonly contentRules: readonly Rule[]
  readonly addresses: AddressTable<RouteTarget>
  readonly domains: DomainTable<Domain>
  readonly tables: readonly Table[]
  readonly separator: string
  readonly senderRouting: 'refuse' | 'pass'
  readonly postmaster: string | undefined
  readonly relay: Route
  readonly srs: Srs | undefined
  /** Undefined when nothing is masqueraded. */
  readonly masquerade: DomainTable<string> | undefined
  mayRelay(session: Question['session']): boolean
  now(): number
  close(): Promise<void>
}

/** @throws {TypeError} naming the pattern or address that is not one */
export async function compile(options: RoutingOptions, deps: Omit<TableDeps, 'separator'>): Promise<Tables> {
  const { relay, separator, masquerade } = options
  const isNear = networks(relay?.networks ?? [])
  const rules = options.routes.map((rule, index) => compileRule(rule, index, separator))
  const masqueraded = Object.entries(masquerade).map(
    ([pattern, shown]) => [pattern, at(`masquerade[${JSON.stringify(pattern)}]`, () => checkedDomain(shown))] as const,
  )
  const opened: Table[] = []
  for (const [index, table] of options.tables.entries()) {
    const name = options.tables.length > 1 ? `${deps.name}-${index}` : deps.name
    opened.push(await openTable(table, { ...deps, name, separator }))
  }
  return {
    rules: rules.filter(({ condition }) => !condition.ofContent),
    contentRules: rules.filter(({ condition }) => condition.ofContent),
    addresses: new AddressTable(
      Object.entries(options.addresses).map(([pattern, value]) => [
        pattern,
        at(`addresses[${JSON.stringify(pattern)}]`, () => makeTarget(Array.isArray(value) ? { to: value } : value)),
      ]),
      separator,
    ),
    domains: new DomainTable(
      Object.entries(options.domains).map(([pattern, value]) => [
        pattern,
        at(`domains[${JSON.stringify(pattern)}]`, () => makeDomain(value)),
      ]),
    ),
    tables: opened,
    separator,
    senderRouting: options.senderRouting,
    postmaster: postmasterOf(options),
    relay: makeRoute({ ...relay, via: relay?.via ?? 'smtp' }),
    srs: options.srs && srsOf(options.srs),
    masquerade: masqueraded.length === 0 ? undefined : new DomainTable(masqueraded),
    mayRelay: (session) =>
      relay !== undefined &&
      ((relay.authenticated && session.identity !== undefined) || isNear(session.remote.address)),
    now: deps.clock.now,
    async close() {
      for (const table of opened) await table.close?.()
    },
  }
}

function postmasterOf({ postmaster, domains }: RoutingOptions): string | undefined {
  const first = Object.keys(domains).find((pattern) => !/[*?]|^\./.test(pattern))
  const address = postmaster ?? (first === undefined ? undefined : `postmaster@${first}`)
  return address === undefined ? undefined : at('postmaster', () => checkedAddress(address))
}

function compileRule(rule: RuleOptions, index: number, separator: string): Rule {
  const name = rule.name ?? `routes[${index}]`
  const condition = compileCondition(rule.match, separator)
  const { hold, copy = [], tag } = rule
  const action = actionOf(rule, name)
  const adds = hold !== undefined || copy.length > 0 || tag !== undefined
  if (!action && !adds)
    throw new TypeError(`routing: ${name} needs one of "via", "to", "refuse", "discard", "hold", "copy" and "tag"`)
  if (tag && !condition.ofContent)
    throw new TypeError(`routing: ${name}: "tag" needs "header", "size" or "points" in its match`)
  // The recipient has its route by then, and the client its 250.
  if (condition.ofContent && (rule.via !== undefined || rule.to !== undefined || copy.length > 0))
    throw new TypeError(`routing: ${name}: when the message is there it can only be refused, discarded, held or tagged`)
  return { name, condition, action, hold, copy: at(`${name}.copy`, () => copy.map(checkedAddress)), tag }
}

function actionOf(rule: RuleOptions, name: string): RouteTarget | Refusal | undefined {
  const { refuse, discard, via, to } = rule
  const said = [refuse !== undefined, discard === true, via !== undefined || to !== undefined].filter(Boolean).length
  if (said > 1) throw new TypeError(`routing: ${name} needs only one of "via" or "to", "refuse" and "discard"`)
  if (said === 0) return undefined
  if (discard) return { route: Object.freeze({ via: 'discard' }), to: [] }
  if (refuse !== undefined) return refusal(typeof refuse === 'string' ? { text: refuse, status: '5.7.1' } : refuse)
  return at(name, () => makeTarget(rule))
}

function refusal({ text, status }: { readonly text: string; readonly status: string }): Refusal {
  if (status.startsWith('4')) return defer(text, { status: status as `4.${number}.${number}` }) // the schema has checked its form
  return reject(text, { status: status as `5.${number}.${number}` }) // the schema has checked its form
}
