/** From whom, to whom, and by which way: what a message is carried by, as apart from what stands in it. */
import type { Address } from './address.ts'
import type { MailParameters, RcptParameters } from './parameters.ts'

/** One recipient, at every stage from RCPT to the last attempt to deliver. */
export interface Recipient {
  readonly address: Address
  readonly parameters: RcptParameters
}

/** A recipient that the server has answered 250 to, with the way its copy goes. */
export interface RoutedRecipient extends Recipient {
  readonly route: Route
}

/** The envelope of one transaction, RFC 5321 §2.3.1. */
export interface Envelope {
  /** Transaction id: sortable, in the 250 reply, the Received field and every log line. */
  readonly id: string
  /** `undefined` is the null reverse-path `<>`, RFC 5321 §4.5.5. */
  readonly from: Address | undefined
  readonly parameters: MailParameters
  /** In the order of RCPT; at `rcpt` the ones before the present one. */
  readonly recipients: readonly RoutedRecipient[]
}

/** Where a recipient's copy goes. Without a route a recipient is refused: no open relay by accident. */
export interface Route {
  /** Name of the transport that carries it: `smtp`, `lmtp`, `maildir`, `discard`, … */
  readonly via: string
  /** Replaces the recipient: one alias may become many. Default: the recipient itself. */
  readonly to?: readonly Address[]
  /** Next hop: host name, address literal without brackets, or path of a UNIX socket. */
  readonly host?: string
  readonly port?: number
  /** Further settings the transport understands (TLS, credentials by name, folder, …). */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** Further ways, for an alias whose addresses go different ways; each names its own in `to`. */
  readonly also?: readonly Omit<Route, 'also'>[]
}

/** All ways of a route: its own, and the further ones. */
export function waysOf(route: Route): readonly Omit<Route, 'also'>[] {
  const { also, ...own } = route
  return also ? [own, ...also] : [route]
}

/** Recipients of one transaction that share a route; one whose route has several ways is in several. */
export interface Delivery {
  readonly route: Route
  readonly recipients: readonly RoutedRecipient[]
}
