/** Where a connection goes, and how it is to be protected. */
import type { ConnectionOptions } from 'node:tls'

/** What must hold of TLS before mail may pass. */
export interface TlsPolicy {
  /**
   * `none`: never; `opportunistic`: STARTTLS when offered, in the clear when that fails (RFC 7435); `required`: STARTTLS or
   * nothing; `implicit`: TLS from the first octet (RFC 8314 §3).
   */
  readonly mode: 'none' | 'opportunistic' | 'required' | 'implicit'
  /**
   * The certificate must be trusted, and valid for the server's name (RFC 6125). Only with `required` and `implicit`. Default
   * false: any certificate will do.
   */
  readonly verify?: boolean
  /** Name in the certificate and in SNI. Default: that in the options, or the host's. */
  readonly servername?: string
  /**
   * Further options for `tls.connect`: `ca`, `minVersion`, `key` and `cert` of our own. No session is resumed, and
   * `rejectUnauthorized` is what `verify` says.
   *
   * `checkServerIdentity` is called after each handshake, in every mode, with the name above and the server's certificate,
   * whether that can be trusted or not; with `verify` it takes the place of the comparison of names, and is called for trusted
   * certificates only. When it returns an error, or throws, a server that TLS is `required` or `implicit` for gets no mail;
   * `opportunistic` goes on, for TLS with a stranger is still better than none (RFC 7435). Connections are shared between
   * messages only where it is the same function.
   */
  readonly options?: ConnectionOptions
}

/** Credentials for AUTH, RFC 4954. Never logged. */
export interface Credentials {
  readonly username: string
  readonly password: string
  /** Default: the first of PLAIN, LOGIN, CRAM-MD5 that the server offers. */
  readonly mechanism?: 'PLAIN' | 'LOGIN' | 'CRAM-MD5'
  /** Send them in the clear too. Default false. */
  readonly withoutTls?: boolean
}

/** A server to speak to. */
export interface Target {
  readonly protocol: 'smtp' | 'lmtp'
  /** Name of the server: shown in outcomes, and what its certificate must say. An address literal comes without brackets. */
  readonly host: string
  /** Address to connect to instead of looking `host` up. */
  readonly address?: string
  readonly port: number
  /** UNIX socket; goes before host and port. */
  readonly path?: string
  readonly tls: TlsPolicy
  readonly auth?: Credentials
  /** Local address to connect from. */
  readonly localAddress?: string
}

/**
 * The same server for a message that came with REQUIRETLS, RFC 8689 §4.2.1: TLS with a certificate that is valid for its name, or
 * no mail. One that never has TLS stays as it is; it is refused when it is connected to.
 */
export function requireTls(target: Target): Target {
  const { tls } = target
  if (tls.mode === 'none') return target
  return { ...target, tls: { ...tls, mode: tls.mode === 'implicit' ? 'implicit' : 'required', verify: true } }
}

/** The target as logs show it: `mx.example.com[192.0.2.1]:25`. */
export function describeTarget(target: Target): string {
  if (target.path !== undefined) return target.path
  return `${target.host}${target.address === undefined || target.address === target.host ? '' : `[${target.address}]`}:${target.port}`
}
