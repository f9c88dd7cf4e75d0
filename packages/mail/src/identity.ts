/** Who is at the other end of a connection, and how that was proven. */

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

/** What TLS negotiated, RFC 8446. */
export interface TlsInfo {
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

/** What a client called itself, RFC 5321 §4.1.1.1. */
export interface Helo {
  /** As sent, verbatim: a domain or an address literal, not verified. */
  readonly name: string
  /** EHLO or LHLO. */
  readonly extended: boolean
}

/** Keys derived from a password, RFC 5802 §3; what a server stores instead of it. */
export interface ScramKeys {
  readonly salt: Uint8Array
  readonly iterations: number
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** What a client offered to prove who it is, RFC 4954; the SASL exchange itself is over, or the wire's. */
export type AuthAttempt =
  | {
      readonly mechanism: 'PLAIN' | 'LOGIN'
      readonly username: string
      readonly password: string
      readonly authorize: string | undefined
    }
  | { readonly mechanism: 'CRAM-MD5'; readonly username: string; verify(password: string): boolean }
  | {
      readonly mechanism: 'SCRAM-SHA-256'
      readonly username: string
      readonly authorize: string | undefined
      verify(keys: ScramKeys): Promise<boolean>
      /**
       * In place of `verify`, where somebody else has the keys: what the client says goes to `ask`, and what that resolves to goes to the client,
       * RFC 5802 §5 (client-first and client-final; server-first and server-final). Undefined: it is wrong. Resolves to whether it was right. There is
       * no channel binding then. Absent where the exchange is not with a client.
       */
      relay?(ask: (message: string) => Promise<string | undefined>): Promise<boolean>
    }
  | { readonly mechanism: 'XOAUTH2' | 'OAUTHBEARER'; readonly username: string; readonly token: string }
  | {
      readonly mechanism: 'EXTERNAL'
      readonly username: string
      readonly certificate: { readonly subject: string; readonly fingerprint: string }
    }

/** Name of a SASL mechanism the engine speaks. */
export type Mechanism = AuthAttempt['mechanism']

/** Why a connection ended. */
export type CloseReason = 'quit' | 'client' | 'timeout' | 'error' | 'refused' | 'server'
