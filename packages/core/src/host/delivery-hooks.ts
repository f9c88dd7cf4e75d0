/** The hooks of a queue's deliveries, as a service: the queue is a plugin, and plugins do not know the core. */
import {
  type Address,
  type DeliveryContext,
  type DeliveryOpinion,
  type DeliveryResultContext,
  defineService,
  type Refusal,
  type Route,
} from '@postroad/plugin'
import { ask } from '../run/ask.ts'
import { HookCall } from '../run/call.ts'
import { deliveryOpinions } from '../run/check.ts'
import { tell } from '../run/tell.ts'
import type { Scope } from '../session/scope.ts'
import { ownRoute } from './own-route.ts'

/** What a queue asks and tells. */
export interface DeliveryHooks {
  /** Somebody answers `delivery`: without it, asking is not needed. */
  readonly asks: boolean
  /** The most severe opinion: reject, defer, reroute. */
  ask(context: DeliveryFacts<DeliveryContext>): Promise<DeliveryOpinion | undefined>
  tell(name: 'delivered' | 'deferred' | 'bounced', context: DeliveryFacts<DeliveryResultContext>): void
  /**
   * Where mail of our own to this address goes, a notification for one, as the `route` hooks of the queue's scope and of the
   * scopes within it say. A refusal: it is ours and nobody's (`reject`), or cannot be known now (`defer`). Nothing when nobody
   * says. `carries` tells the transports of the queue: a way that it cannot go is no way.
   */
  route(recipient: Address, carries?: (via: string) => boolean): Promise<Route | Refusal | undefined>
}

/** The host adds signal, log and clock. */
export type DeliveryFacts<C> = Omit<C, 'signal' | 'log' | 'now'>

export const DeliveryHooks = defineService<DeliveryHooks>('delivery-hooks')

/** `current` is undefined until the scope is compiled; `within` are the scopes in it, outer first. */
export function createDeliveryHooks(current: () => Scope | undefined, within: () => readonly Scope[] = () => []): DeliveryHooks {
  return {
    get asks() {
      return current()?.table.delivery !== undefined
    },
    async ask(context) {
      const scope = current()
      if (!scope?.table.delivery) return undefined
      // `as`: the host's part of the context is given by the run itself.
      const call = new HookCall('delivery', { scope, lifetime: scope.lifetime }, { delivery: context as DeliveryContext })
      return (await ask(scope.table.delivery, call, deliveryOpinions))?.opinion
    },
    tell(name, context) {
      const scope = current()
      const waves = scope?.table[name]
      // `as`: signal, log and clock are given by the run, as at `delivery`.
      if (scope && waves)
        tell(waves, new HookCall(name, { scope, lifetime: scope.lifetime }, { delivery: context as DeliveryResultContext }))
    },
    async route(recipient, carries = () => true) {
      const scope = current()
      return scope && ownRoute([scope, ...within()], recipient, carries)
    },
  }
}
