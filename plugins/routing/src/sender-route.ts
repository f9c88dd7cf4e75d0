/** Addresses that say a way of their own, as in the time before MX: `user%far@gate`, `far!user@gate`, `"user@far"@gate`. */
import { type Address, type Refusal, type Route, reject, waysOf } from '@postroad/plugin'
import type { Question } from './condition.ts'
import type { Tables } from './table.ts'

/** A next hop may follow them, and then relays for everybody who asks us. */
const SAYS_A_WAY = /[@%!]/
/** By these the recipient is said to another server as it is. */
const PASSES_ON: ReadonlySet<string> = new Set(['smtp', 'proxy'])

const REFUSED = reject('Routing by the sender is not done here', { status: '5.7.1' })

/**
 * The refusal of a recipient whose local part says a way, where another server would get it, the client may not relay, and the operator has not
 * named the user.
 */
export function refusedWay(
  tables: Tables,
  recipient: Address,
  { route, session }: { readonly route: Route; readonly session: Question['session'] },
): Refusal | undefined {
  if (!SAYS_A_WAY.test(recipient.local) || tables.senderRouting === 'pass') return undefined
  if (!passesOn(route, recipient) || isNamed(tables, recipient) || tables.mayRelay(session)) return undefined
  return REFUSED
}

function passesOn(route: Route, { local }: Address): boolean {
  return waysOf(route).some(
    ({ via, to }) => PASSES_ON.has(via) && (to === undefined || to.some((address) => address.local === local)),
  )
}

function isNamed({ domains }: Tables, { local, domain }: Address): boolean {
  return domains.find(domain)?.users?.has(local.toLowerCase()) === true
}
