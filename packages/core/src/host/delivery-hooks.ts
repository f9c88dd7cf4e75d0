/** Runs the hooks of a queue's deliveries: what is behind the service `DeliveryHooks`. */
import type { DeliveryContext, DeliveryHooks, DeliveryResultContext } from '@postroad/plugin'
import type { Waves } from '../plan/hook-table.ts'
import { ask } from '../run/ask.ts'
import { HookCall } from '../run/call.ts'
import { deliveryOpinions } from '../run/check.ts'
import { tell } from '../run/tell.ts'
import type { Scope } from '../session/scope.ts'
import { ownRoute } from './own-route.ts'

/** `current` is undefined until the scope is compiled; `within` are the scopes in it, outer first. */
export function createDeliveryHooks(
  current: () => Scope | undefined,
  within: () => readonly Scope[] = () => [],
): DeliveryHooks {
  return {
    get asks() {
      return current()?.table.delivery !== undefined
    },
    async ask(context) {
      const scope = current()
      if (!scope?.table.delivery) return undefined
      // `as`: the host's part of the context is given by the run itself.
      const call = new HookCall(
        'delivery',
        { scope, lifetime: scope.lifetime },
        { delivery: context as DeliveryContext },
      )
      return (await ask(scope.table.delivery, call, deliveryOpinions))?.opinion
    },
    tell(name, context) {
      const scope = current()
      // `as`: signal, log and clock are given by the run, as at `delivery`.
      if (scope) tellResult(scope, name, context as DeliveryResultContext)
    },
    async route(recipient, carries = () => true) {
      const scope = current()
      return scope && ownRoute([scope, ...within()], recipient, carries)
    },
  }
}

function tellResult<K extends 'delivered' | 'deferred' | 'bounced'>(
  scope: Scope,
  hook: K,
  delivery: DeliveryResultContext,
): void {
  const { table }: { readonly table: Waves } = scope
  const waves = table[hook]
  if (waves) tell(waves, new HookCall(hook, { scope, lifetime: scope.lifetime }, { delivery }))
}
