/** Addresses of the two ends of a connection, in the one form everything else may rely on. */
import type { Socket } from 'node:net'

/** One end of a connection. */
export interface Endpoint {
  /** IPv4 or IPv6 without brackets or zone, IPv4-mapped shown as IPv4; empty on a UNIX socket. */
  readonly address: string
  /** 0 on a UNIX socket. */
  readonly port: number
}

/** An address as the system gives it, without zone and IPv4-mapping. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return ''
  const zone = address.indexOf('%')
  const plain = zone < 0 ? address : address.slice(0, zone)
  return plain.startsWith('::ffff:') && plain.includes('.') ? plain.slice(7) : plain
}

/** The client. */
export function remoteOf(socket: Socket): Endpoint {
  return { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 }
}

/** Us. */
export function localOf(socket: Socket): Endpoint {
  return { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 }
}
