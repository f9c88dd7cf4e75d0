/** What came of TLS with next hops, as transports publish it: the one place that sees each connection, also those that brought no mail. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** One connection to a next hop, or why there is none, on the channel `postroad:tls`. */
export interface OutboundTlsSeen {
  readonly target: { readonly tls: { readonly mode: string; readonly source?: string } }
  /** Absent: in the clear, or no connection. */
  readonly tls?: {
    readonly version: string
    readonly group?: string
    readonly policy: string
    readonly verified?: string
  }
  /** No connection: `failure` says what it was of TLS, and is absent where it was nothing of it. */
  readonly error?: { readonly failure?: string | undefined }
  /** A policy has ruled the host out. */
  readonly refused?: { readonly failure: string; readonly source: string }
}

/** Tells of all transports of the process, until it is told to stop. */
export function watchOutboundTls(see: (session: OutboundTlsSeen) => void): { stop(): void } {
  const listener = (message: unknown): void => see(message as OutboundTlsSeen) // the channel's own message
  subscribe('postroad:tls', listener)
  return { stop: () => void unsubscribe('postroad:tls', listener) }
}

/**
 * Its labels, with the names of OpenTelemetry's attributes where it has any (`tls.protocol.version`, `tls.curve`, `error.type`). All values are
 * words of OpenSSL, of RFC 8460 or of ours; undefined: it never came to TLS, and is counted elsewhere.
 */
export function labelsOf({ target, tls, error, refused }: OutboundTlsSeen) {
  if (error !== undefined && error.failure === undefined) return undefined
  const { version = '', group = '', verified = '' } = tls ?? {}
  return {
    policy: refused?.source ?? tls?.policy ?? target.tls.source ?? target.tls.mode,
    tls_protocol_version: version.replace(/^TLSv/, ''),
    tls_curve: group,
    verified,
    error_type: refused?.failure ?? error?.failure ?? '',
  }
}
