/** Addresses of the two ends of a connection, in the one form everything else may rely on. */
import { isIPv4, isIPv6, type Socket } from 'node:net'
import type { Endpoint } from '@postroad/mail'
import ipaddr from 'ipaddr.js'

/**
 * The address of a client whom the host in front of us cannot, or would not, name. It is in no network, not even in `0.0.0.0/0`, and it is not
 * the empty address of a UNIX socket: nobody is trusted for what the hop before is trusted for.
 */
export const UNKNOWN_ADDRESS = 'unknown'

/** An address as the system gives it, without zone and IPv4-mapping. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return ''
  const zone = address.indexOf('%')
  const plain = zone < 0 ? address : address.slice(0, zone)
  return plain.startsWith('::ffff:') && plain.includes('.') ? plain.slice(7) : plain
}

/** The address in the form everything else relies on; undefined when it is none. */
export function parseIp(text: string): string | undefined {
  // Node's own look first: the library throws and catches to say no, which costs more than all else of a question.
  if (isIPv4(text)) return text
  if (!isIPv6(text) || !ipaddr.IPv6.isValid(text)) return undefined
  return plainAddress(ipaddr.process(text).toString())
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
