/** From whom, to whom, and by which way: what a message is carried by, as apart from what stands in it. */
import { type Address, parseAddress } from './address.ts'
import type { MailParameters, RcptParameters } from './parameters.ts'
import type { RouteSettings, TransportSettings, Unchecked } from './settings.ts'

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

/**
 * Where a recipient's copy goes. Without a route a recipient is refused: no open relay by accident.
 *
 * @example { via: 'smtp', host: 'mx.example.com', settings: { tls: 'required' } } satisfies Route<'smtp'>
 */
export interface Route<V extends string = string> {
  /** Name of the transport that carries it: `smtp`, `lmtp`, `maildir`, `discard`, … */
  readonly via: V
  /** Replaces the recipient: one alias may become many. Default: the recipient itself. */
  readonly to?: readonly Address[]
  /** Next hop: host name, address literal without brackets, or path of a UNIX socket. */
  readonly host?: string
  readonly port?: number
  /** What the transport is told besides: of a known `via` what its `TransportSettings` have, else an open record. */
  readonly settings?: SettingsOf<V>
  /** Further ways, for an alias whose addresses go different ways; each names its own in `to`. */
  readonly also?: readonly Omit<Route, 'also'>[]
}

type SettingsOf<V extends string> = V extends keyof TransportSettings
  ? Plain<TransportSettings[V] & RouteSettings>
  : Readonly<Record<string, string | number | boolean>>

/** A mapped type, and no interface: only so are the settings of a known `via` an open record, too. */
type Plain<T> = { readonly [K in keyof T]: T[K] }

/** The reverse-path that the next hop hears: the route's own, else the envelope's. */
export function reversePathOf(
  { settings }: { readonly settings?: Unchecked<RouteSettings> },
  from: Address | undefined,
): Address | undefined {
  const own = settings?.reversePath
  return typeof own === 'string' ? (parseAddress(own, { smtputf8: true }) ?? from) : from
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
