import type { Address } from './address.ts'

/** What TLS negotiated, RFC 8446. */
export interface TlsState {
  /** `TLSv1.3` … */
  readonly version: string
  /** IANA name of the cipher suite: `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string
  /** Key-exchange group where the runtime tells: `X25519MLKEM768`. */
  readonly group?: string
  /** Server name the client asked for (SNI), lower-case. */
  readonly servername?: string
  /** Subject of a client certificate that verified, for `EXTERNAL`. */
  readonly client?: { readonly subject: string; readonly fingerprint: string }
}

/** Who the client proved to be, RFC 4954. */
export interface Identity {
  /** Authentication identity: the account. */
  readonly name: string
  /** Whatever else the auth plugin knows; stable keys are the plugin's own contract. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** One end of a connection. */
export interface Endpoint {
  /**
   * IPv4 or IPv6 without brackets or zone, IPv4-mapped shown as IPv4; empty on a UNIX socket; `unknown` where the host in front of us cannot or
   * would not name the client. What is no address is in no network: trust nobody for it, and count all of them as one.
   */
  readonly address: string
  /** 0 on a UNIX socket, or when it is not known. */
  readonly port: number
}

/** What a client called itself, RFC 5321 §4.1.1.1. */
export interface Helo {
  /** As sent, verbatim: a domain or an address literal, not verified. */
  readonly name: string
  /** EHLO or LHLO. */
  readonly extended: boolean
}

/** One connection, from accept to close. */
export interface Session {
  /** Sortable; every log line and span of the session carries it. */
  readonly id: string
  /** Name of the listener. */
  readonly listener: string
  /** Name of the scope the listener belongs to. */
  readonly scope: string
  readonly protocol: 'smtp' | 'lmtp'
  readonly remote: Endpoint
  readonly local: Endpoint
  readonly tls: TlsState | undefined
  /** Set after a successful AUTH, RFC 4954. */
  readonly identity: Identity | undefined
  readonly helo: Helo | undefined
  /** The server is near its limits: be brief. */
  readonly stress: boolean
}

/** Parameters of MAIL FROM that were declared and understood. */
export interface MailParameters {
  /** Octets the client announced, RFC 1870. */
  readonly size?: number
  /** RFC 6152, RFC 3030. */
  readonly body?: '7BIT' | '8BITMIME' | 'BINARYMIME'
  /** RFC 6531. */
  readonly smtputf8?: boolean
  /** RFC 8689. */
  readonly requireTls?: boolean
  /** The client takes one reply a recipient after the message, draft-hall-prdr-00. */
  readonly prdr?: boolean
  /** How much of the message a DSN returns, RFC 3461 §4.3. */
  readonly ret?: 'FULL' | 'HDRS'
  /** Envelope id, xtext decoded, RFC 3461 §4.4. */
  readonly envid?: string
  /** RFC 4954 §5: `null` is `AUTH=<>`. */
  readonly auth?: string | null
}

/** Parameters of RCPT TO that were declared and understood, RFC 3461. */
export interface RcptParameters {
  /** When to tell the sender, RFC 3461 §4.1. */
  readonly notify?: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[]
  /** Original recipient: address type and address, xtext decoded, RFC 3461 §4.2. */
  readonly orcpt?: { readonly type: string; readonly address: string }
}

/** A recipient the server has answered 250 to. */
export interface Recipient {
  readonly address: Address
  readonly parameters: RcptParameters
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
  readonly recipients: readonly Recipient[]
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
  readonly recipients: readonly Recipient[]
}

/**
 * Proof that the message is on stable storage, or that the next hop has confirmed it; only now may the core answer 250.
 * RFC 5321 §4.2.5.
 */
export interface Receipt {
  /** Shown in the 250 reply: the queue id, or what the next hop said. */
  readonly id: string
  /**
   * Recipients for whom responsibility was not taken, with the refusal to tell the client. Empty or absent: taken for all.
   * LMTP listeners answer per recipient; SMTP listeners follow the `mixed` policy.
   */
  readonly refused?: readonly {
    readonly recipient: Recipient
    readonly refusal: { readonly code: number; readonly status: string; readonly text: string }
  }[]
}
