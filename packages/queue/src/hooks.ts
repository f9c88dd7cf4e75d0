/** How a queue reaches the hooks of plugins: offered by the core as a service, because no plugin may call another. */
import {
  type Address,
  type DeliveryContext,
  type DeliveryOpinion,
  type DeliveryResultContext,
  defineService,
  type Refusal,
  type Route,
  type Service,
} from '@postroad/plugin'

/** What a queue says of a delivery; the core adds signal, log and clock. */
export type DeliveryFacts<C> = Omit<C, 'signal' | 'log' | 'now'>

/** The hooks after 250. */
export interface DeliveryHooks {
  /** Somebody answers `delivery`: without it, asking is not needed. */
  readonly asks: boolean
  /** Runs `delivery`: the most severe opinion, or nothing. */
  ask(context: DeliveryFacts<DeliveryContext>): Promise<DeliveryOpinion | undefined>
  /** Tells `delivered`, `deferred` or `bounced`; is not waited for. */
  tell(name: 'delivered' | 'deferred' | 'bounced', context: DeliveryFacts<DeliveryResultContext>): void
  /**
   * Where a notification to this address goes, by a way that is carried; a refusal: nobody's, or not to be known now; nothing: the
   * queue's own default.
   */
  route?(recipient: Address, carries?: (via: string) => boolean): Promise<Route | Refusal | undefined>
}

export const DeliveryHooks: Service<DeliveryHooks> = defineService('delivery-hooks')

/** Hooks nobody listens to. */
export const noHooks: DeliveryHooks = Object.freeze({ asks: false, ask: async () => undefined, tell: () => {} })
