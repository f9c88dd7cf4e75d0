/** How the queue reaches the hooks of plugins: offered by the core as a service, because no plugin may call another. */
import {
  type Address,
  type DeliveryContext,
  type DeliveryOpinion,
  type DeliveryResultContext,
  defineService,
  type Route,
  type Service,
} from '@postroad/plugin'

/** The hooks after 250. */
export interface DeliveryHooks {
  /** Runs `delivery`; the most severe opinion, or nothing. Whether anybody listens may be asked first, at no cost. */
  ask(context: DeliveryContext): Promise<DeliveryOpinion | undefined>
  /** Tells `delivered`, `deferred` or `bounced`; never throws, is not waited for. */
  tell(name: 'delivered' | 'deferred' | 'bounced', context: DeliveryResultContext): void
  /** False: nobody has this hook, and the context need not be made. */
  has?(name: 'delivery' | 'delivered' | 'deferred' | 'bounced'): boolean
  /** Where a notification to this address goes; nothing: the queue's own default. */
  route?(recipient: Address): Promise<Route | undefined>
}

export const DeliveryHooks: Service<DeliveryHooks> = defineService('delivery-hooks')
