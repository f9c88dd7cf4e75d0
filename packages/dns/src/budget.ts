/** One budget of lookups for everything that is done for a message, whichever plugin does it. */
import { Asker, type Budget, LimitedAsker } from './asker.ts'

/** The parts of a plugin's context that say which message it is. */
export interface MessageScope {
  readonly session: object
  readonly envelope?: { readonly id: string } | undefined
}

const budgets = new WeakMap<object, { readonly id: string; readonly budget: Budget }>()

/**
 * The resolver for one message: all plugins that ask through it share `lookupsPerMessage` questions to the network; what is
 * in the cache or already being asked is free. A resolver that is not from this package is given back unchanged.
 *
 * @example const txt = await forMessage(dns, context).txt('example.com', context.signal)
 */
export function forMessage<D extends object>(dns: D, scope: MessageScope): D {
  if (!(dns instanceof Asker)) return dns
  const id = scope.envelope?.id ?? ''
  let entry = budgets.get(scope.session)
  if (entry === undefined || entry.id !== id) {
    entry = { id, budget: { left: dns.lookupsPerMessage } }
    budgets.set(scope.session, entry)
  }
  return new LimitedAsker(dns, entry.budget) as Asker as Asker & D // `as`: Asker has every method of the Dns service, and D is an Asker here
}
