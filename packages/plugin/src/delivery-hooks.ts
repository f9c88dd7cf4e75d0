/** The hooks of deliveries as a service: a queue is a plugin, and no plugin may call another. The core provides it in every scope. */
import type { Address, Route, TlsAnswer, TlsQuestion } from '@postroad/mail'
import type { DeliveryContext, DeliveryResultContext } from './context.ts'
import { defineService, type Service } from './service.ts'
import type { DeliveryOpinion, Refusal } from './verdict.ts'

/** What a queue says of a delivery; the core adds signal, log and clock. */
export type DeliveryFacts<C> = Omit<C, 'signal' | 'log' | 'now'>

/** What a queue asks, and what it tells, of the plugins in its scope and those around it. */
export interface DeliveryHooks {
  /** Whether a handler answers `delivery`: without one, asking is not needed. */
  readonly asks: boolean
  /** Whether a handler answers `tls`. Absent: perhaps. */
  readonly asksTls?: boolean
  /**
   * Runs `delivery`: the most severe opinion on all recipients, reject > defer > reroute, and before it all those on some of them (`for`). Empty: the
   * attempt is made.
   */
  ask(context: DeliveryFacts<DeliveryContext>): Promise<readonly DeliveryOpinion[]>
  /**
   * What is published of a mail host, by the first handler of `tls` that knows; undefined when none does. Where one fails, its `onError` says
   * whether the host gets the mail. At once where nothing is to be waited for.
   */
  tls(question: TlsQuestion): TlsAnswer | undefined | Promise<TlsAnswer | undefined>
  /** Whether anybody listens to it. Absent: perhaps. */
  tells?(name: 'delivered' | 'deferred' | 'bounced'): boolean
  /** Tells `delivered`, `deferred` or `bounced`; is not waited for. */
  tell(name: 'delivered' | 'deferred' | 'bounced', context: DeliveryFacts<DeliveryResultContext>): void
  /**
   * Where mail of our own to this address goes, a notification for one, as the `route` hooks of the queue's scope and of the
   * scopes within it say. A refusal: it is ours and nobody's (`reject`), or cannot be known now (`defer`). Nothing when nobody
   * says: the queue has a default of its own. `carries` tells the transports of the queue: a way that it cannot go is no way.
   */
  route(recipient: Address, carries?: (via: string) => boolean): Promise<Route | Refusal | undefined>
}

export const DeliveryHooks: Service<DeliveryHooks> = defineService('delivery-hooks')
