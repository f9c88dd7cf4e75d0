import type { DeliveryHooks } from '@postroad/plugin'

/** Hooks of deliveries that nobody answers and nobody hears: for a queue without a server. */
export const noDeliveryHooks: DeliveryHooks = Object.freeze({
  asks: false,
  tls: () => undefined,
  ask: async () => [],
  tell: () => undefined,
  route: async () => undefined,
})
