/** Addresses of the two ends of a connection, in the one form everything else may rely on. */
import type { Socket } from 'node:net'

/**
 * The address of a client whom the host in front of us cannot, or would not, name. It is in no network, not even in `0.0.0.0/0`, and it is not
 * the empty address of a UNIX socket: nobody is trusted for what the hop before is trusted for.
 */
export const UNKNOWN_ADDRESS = 'unknown'

/** One end of a connection. */
export interface Endpoint {
  /** IPv4 or IPv6 without brackets or zone, IPv4-mapped shown as IPv4; empty on a UNIX socket; {@link UNKNOWN_ADDRESS} of a client nobody names. */
  readonly address: string
  /** 0 on a UNIX socket, or when it is not known. */
  readonly port: number
}

/** An address as the system gives it, without zone and IPv4-mapping. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return ''
  const zone = address.indexOf('%')
  const plain = zone < 0 ? address : address.slice(0, zone)
  return plain.startsWith('::ffff:') && plain.includes('.') ? plain.slice(7) : plain
}

/** A client nobody names. */
export const UNKNOWN: Endpoint = Object.freeze({ address: UNKNOWN_ADDRESS, port: 0 })

/** The client. */
export function remoteOf(socket: Socket): Endpoint {
  return { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 }
}

/** Us. */
export function localOf(socket: Socket): Endpoint {
  return { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 }
}
