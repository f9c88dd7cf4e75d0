/** Every `via` that the options name, with the place where they do: `postroad check` finds those that nobody takes. */
import { parseAddress } from '@postroad/mail'
import type { KnownWay } from '@postroad/plugin'
import type { RoutingOptions } from './options.ts'
import type { Tables } from './table.ts'

/** Tables elsewhere are not asked: what they answer is known when mail comes. */
export function* ways(options: RoutingOptions, tables: Tables): Iterable<KnownWay> {
  for (const [index, { name, via, discard }] of options.routes.entries())
    if (via !== undefined && !discard)
      yield { via, at: name === undefined ? `routes[${index}]` : `routes[${index}], "${name}"` }
  for (const [pattern, target] of Object.entries(options.addresses))
    if (!Array.isArray(target) && target.via !== undefined) yield { via: target.via, at: `addresses["${pattern}"]` }
  for (const [pattern, { via }] of Object.entries(options.domains))
    if (via !== undefined) yield { via, at: `domains["${pattern}"]` }
  for (const [index, table] of tables.tables.entries())
    for (const { key, via } of table.ways?.() ?? []) yield { via, at: `tables[${index}]["${key}"]` }
  if (options.relay) yield { via: tables.relay.via, at: 'relay' }
  else yield* outward(options, tables)
}

/** Without `relay` what goes to other domains goes by its default: addresses that the operator wrote down, and what SRS sends back. */
function* outward({ routes, addresses, domains, srs }: RoutingOptions, tables: Tables): Iterable<KnownWay> {
  const { via } = tables.relay
  if (srs) yield { via, at: 'srs, without "relay"' }
  const isClosed = tables.tables.length === 0 && routes.length === 0
  const isOut = (text: string): boolean => {
    const address = /[{}]/.test(text) ? undefined : parseAddress(text, { smtputf8: true })
    return isClosed && address !== undefined && !tables.domains.find(address.domain) && !tables.addresses.find(address)
  }
  for (const [pattern, target] of Object.entries({ ...domains, ...addresses })) {
    const options = Array.isArray(target) ? { to: target } : target
    const to = 'via' in options && options.via !== undefined ? [] : (options.to ?? [])
    for (const address of to.filter(isOut)) yield { via, at: `"${pattern}" to ${address}, without "relay"` }
  }
}
