/** Where a connection goes, and how it is to be protected. */
import type { ConnectionOptions } from 'node:tls'

/** What must hold of TLS before mail may pass. */
export interface TlsPolicy {
  /**
   * `none`: never; `opportunistic`: STARTTLS when offered, in the clear when that fails (RFC 7435); `required`: STARTTLS or
   * nothing; `implicit`: TLS from the first octet (RFC 8314 §3).
   */
  readonly mode: 'none' | 'opportunistic' | 'required' | 'implicit'
  /** The certificate must be valid for the server's name (RFC 6125). Only with `required` and `implicit`. Default false. */
  readonly verify?: boolean
  /** Name in the certificate and in SNI. Default: the host's. */
  readonly servername?: string
  /** Further options for `tls.connect`: `ca`, `minVersion`, `key` and `cert` of our own, `checkServerIdentity`. */
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

const keys = new WeakMap<Target, string>()

/** Connections to targets with the same key are interchangeable. */
export function targetKey(target: Target): string {
  let key = keys.get(target)
  if (key === undefined) keys.set(target, (key = makeKey(target)))
  return key
}

function makeKey(target: Target): string {
  const { protocol, host, address, port, path, tls, auth, localAddress } = target
  const trust = `${tls.mode}/${tls.verify ?? false}/${tls.servername ?? ''}`
  return [protocol, path ?? `${address ?? ''}|${host}|${port}`, trust, auth?.username ?? '', localAddress ?? ''].join('|')
}

/** The target as logs show it: `mx.example.com[192.0.2.1]:25`. */
export function describeTarget(target: Target): string {
  if (target.path !== undefined) return target.path
  return `${target.host}${target.address === undefined || target.address === target.host ? '' : `[${target.address}]`}:${target.port}`
}
