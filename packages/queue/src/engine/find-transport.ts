/** How the engine finds who carries a delivery; it knows no transport by itself. */
import type { Route, Transport } from '@postroad/mail'

/** Finds the transport of a route. `relays`: it hands on to another server instead of delivering for good. */
export type FindTransport = (
  route: Route,
) => { readonly transport: Pick<Transport, 'deliver'>; readonly relays: boolean } | undefined
