/**
 * What a route may say to the transport that carries it. Who defines a `via` declares its settings here, by declaration merging:
 *
 *   declare module '@postroad/mail/settings' {
 *     interface TransportSettings {
 *       pigeon: { readonly ring?: string }
 *     }
 *   }
 *
 * It is an entry of its own because a declaration merges only with the module that it names.
 *
 * These are types for authors. A route that an operator or a queue record wrote was never compiled: who reads a setting checks it.
 */

/** Settings of every route, whatever carries it. */
export interface RouteSettings {
  /** Stands in place of the envelope's reverse-path at the next hop, for SRS and masquerading. What is no address changes nothing. */
  readonly reversePath?: string
}

/** Settings by `via`; one that takes none has an empty object. A `via` that is not here has an open record. */
// biome-ignore lint/suspicious/noEmptyInterface: it is there to be merged with
export interface TransportSettings {}

/** Settings by their names, before anybody has checked their values: what is read from a route. */
export type Unchecked<T> = { readonly [K in keyof T]?: string | number | boolean }
